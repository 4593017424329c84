package drift

import (
	"slices"
	"strings"
	"unicode"

	"github.com/kubeorch/core/models"
)

// Bounds of what may be ignored in a workflow.
const (
	maxIgnored     = 100 // paths of a node
	maxIgnoredPath = 512 // bytes
)

// checkSettings reports what is wrong with s, by the names of its fields. known are the
// ids of the nodes that there are.
func checkSettings(s models.DriftSettings, known []string) (p models.Problems) {
	modes := []string{models.DriftShow, models.DriftCorrect, models.DriftOff}
	if !slices.Contains(modes, s.Mode) {
		p.Addf("mode", "must be one of %s", strings.Join(modes, ", "))
	}
	for node, paths := range s.Ignored {
		field := "ignored[" + node + "]"
		if !slices.Contains(known, node) {
			p.Addf(field, "the workflow has no such node")
			continue
		}
		if len(paths) > maxIgnored {
			p.Addf(field, "holds %d paths; at most %d are allowed", len(paths), maxIgnored)
			continue
		}
		for _, path := range paths {
			if problem := checkPath(path); problem != "" {
				p.Addf(field, "%s", problem)
			}
		}
	}
	slices.SortStableFunc(p, func(a, b models.Problem) int { return strings.Compare(a.Field, b.Field) })
	return p
}

func checkPath(path string) (problem string) {
	begins := func(r rune) bool { return unicode.IsLetter(r) }
	switch {
	case path == "":
		return `must be paths such as "spec.replicas", none of them empty`
	case len(path) > maxIgnoredPath:
		return "holds a path that is too long"
	case strings.IndexFunc(path, begins) != 0, strings.ContainsFunc(path, unicode.IsControl):
		return `must be paths such as "spec.template.spec.containers[name=web].image"`
	}
	return ""
}

// isIgnored reports whether one of the ignored paths is that of the field, or of
// something that holds it.
func isIgnored(path string, ignored []string) bool {
	return slices.ContainsFunc(ignored, func(prefix string) bool {
		rest, within := strings.CutPrefix(path, prefix)
		return within && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}
