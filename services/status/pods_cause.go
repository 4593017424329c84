package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// cause is the problem that explains a workload's state best.
type cause struct {
	*Problem
	pods      int    // how many pods have it
	noneReady bool   // no pod of the same version is ready
	earlier   int    // ready pods of other versions
	more      string // what events add to it
}

// message returns the cause with the number of pods of all that have it.
func (c cause) message(all int64) string {
	text := fmt.Sprintf("%s on %d of %d pods: %s", c.Reason, c.pods, max(all, int64(c.pods)), c.Text)
	if c.noneReady && c.earlier > 0 {
		text = fmt.Sprintf("the new version does not start, the previous one still serves (%d ready): %s", c.earlier, text)
	}
	if c.more != "" {
		text += "; " + c.more
	}
	return text
}

// whatEventsAdd returns what pods do not tell of their problem: why a claim has no
// volume, that a Secret for the registry is missing, or that the kubelet ends a
// container because of a probe.
func (p Problem) whatEventsAdd(events []*Event) string {
	switch p.Reason {
	case "Unschedulable":
		e := newest(events, "PersistentVolumeClaim", "ProvisioningFailed", "ProvisioningSucceeded", "FailedBinding")
		if e != nil && e.Reason != "ProvisioningSucceeded" && strings.Contains(strings.ToLower(p.Text), "volume") {
			return fmt.Sprintf("claim %q: %s", e.Name, e.Text)
		}
	case "ImagePullBackOff":
		if e := newest(events, "Pod", "FailedToRetrieveImagePullSecret"); e != nil {
			return e.Text
		}
	case "CrashLoopBackOff", "Error":
		e := latest(events, func(e *Event) bool {
			return e.Reason == "Unhealthy" && !strings.HasPrefix(e.Text, "Readiness")
		})
		if e != nil {
			return e.Text
		}
	}
	return ""
}

// mainProblem returns the problem that most pods have, lasting ones first, and
// ties by name so that the answer is stable. ok is false when no pod has any.
func mainProblem(pods []*Pod, events []*Event) (best cause, ok bool) {
	ready := make(map[string]int) // by version
	count := make(map[Problem]int)
	version := make(map[Problem]string)
	total := 0
	for _, p := range pods {
		switch {
		case p.Ready && !p.Deleting:
			ready[p.Revision]++
			total++
		case p.Problem != nil:
			count[*p.Problem]++
			version[*p.Problem] = max(version[*p.Problem], p.Revision)
		}
	}
	if len(count) == 0 {
		return cause{}, false
	}
	found := make([]Problem, 0, len(count))
	for p := range count {
		found = append(found, p)
	}
	worst := slices.MinFunc(found, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(count[b], count[a]),
			cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Text, b.Text))
	})
	same := ready[version[worst]]
	return cause{
		Problem: &worst, pods: count[worst], noneReady: same == 0, earlier: total - same, more: worst.whatEventsAdd(events),
	}, true
}

func rank(p Problem) int {
	switch {
	case p.Lasting:
		return 0
	case p.Reason == "Unschedulable":
		return 1
	}
	return 2 // what is left of pods that were replaced
}
