package findings

import (
	"cmp"
	"regexp"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/status"
)

const (
	maxEvents = 5  // of one finding
	maxLines  = 20 // of a log
)

// What programs print of their secrets, beyond what status.Clean removes from the
// messages of clusters.
//
//nolint:gochecknoglobals // compiled once, never written
var (
	namedSecret = regexp.MustCompile(`(?i)([a-z0-9_.-]*(?:passw(?:or)?d|passphrase|secret|token|credential|api[_-]?key|access[_-]?key|private[_-]?key|authorization|cookie)[a-z0-9_.-]*["']?\s*[=:]\s*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;"'}]+)`)
	knownForm   = regexp.MustCompile(`\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|xox[abpr]-[A-Za-z0-9-]{10,}|kubeorch_[A-Za-z0-9_-]{16,}|sk-[A-Za-z0-9_-]{20,})`)
	pemLine     = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----.*|^[A-Za-z0-9+/]{60,}={0,2}$`)
)

// Redact returns a line of a log without what looks like a secret.
func Redact(line string) string {
	line = status.Clean(line)
	line = namedSecret.ReplaceAllString(line, "$1[hidden]")
	line = knownForm.ReplaceAllString(line, "[hidden]")
	return pemLine.ReplaceAllString(line, "[hidden]")
}

// eventEvidence returns what the first events tell.
func eventEvidence(events []corev1.Event) []models.Evidence {
	out := []models.Evidence{}
	for _, e := range events {
		if len(out) == maxEvents {
			break
		}
		at := seen(e)
		out = append(out, models.Evidence{Source: models.EvidenceEvent, Text: status.Clean(e.Reason + ": " + e.Message), At: &at})
	}
	return out
}

// logEvidence returns the last lines of a log.
func logEvidence(lines []string) []models.Evidence {
	out := []models.Evidence{}
	for _, l := range lines[max(0, len(lines)-maxLines):] {
		out = append(out, models.Evidence{Source: models.EvidenceLog, Text: Redact(l)})
	}
	return out
}

// statusEvidence returns what an object says of itself; empty texts say nothing.
func statusEvidence(texts ...string) []models.Evidence {
	out := []models.Evidence{}
	for _, t := range texts {
		if t = status.Clean(t); t != "" {
			out = append(out, models.Evidence{Source: models.EvidenceStatus, Text: t})
		}
	}
	return out
}

// seen returns when an event was reported last. Reporters fill different fields.
func seen(e corev1.Event) time.Time {
	last := cmp.Or(e.EventTime.Time, e.CreationTimestamp.Time)
	if e.LastTimestamp.After(last) {
		last = e.LastTimestamp.Time
	}
	if e.Series != nil && e.Series.LastObservedTime.After(last) {
		last = e.Series.LastObservedTime.Time
	}
	return last.UTC()
}
