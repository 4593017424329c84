package kinds

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/validator"
)

// hostileTexts are texts that break out of YAML, or turn into something else in it.
func hostileTexts() map[string]string {
	return map[string]string{
		"line break":     "a\nb: c",
		"carriage":       "a\r\nb",
		"document":       "a\n---\nkind: Secret",
		"end":            "a\n...\n",
		"single quote":   "a'b",
		"double quote":   `a"b: "`,
		"backslash":      `a\nb\`,
		"action":         `{{.name}}{{"{{"}}`,
		"anchor":         "&a x",
		"alias":          "*a",
		"tag":            "!!binary x",
		"comment":        "a #b",
		"flow":           "[a, {b: c}]",
		"merge":          "<<",
		"NUL":            "a\x00b",
		"control":        "\x01\x7f\u0085",
		"line separator": "a\u2028b\u2029",
		"BOM":            "\ufeffa",
		"astral":         "a😀",
		"not UTF-8":      "a\xffb",
		"true":           "true",
		"null":           "null",
		"tilde":          "~",
		"hexadecimal":    "0x10",
		"exponent":       "1e3",
		"octal":          "0777",
		"date":           "2001-01-01",
		"question":       "? a",
		"dash":           "- a",
		"percent":        "%YAML 1.1",
		"one megabyte":   strings.Repeat("a", 1<<20-1<<10),
	}
}

// essential names the texts that are tried in every drawing; the fullest
// drawing of each kind gets all of them.
func essential() []string {
	return []string{"document", "double quote", "action", "NUL", "line separator", "not UTF-8", "true", "exponent"}
}

// spot is one place in a node's data: a text, or a key of a free-form object.
type spot struct {
	path []string
	put  func(string) (undo func())
}

// benign is a text that most fields take: a name, a key, an image.
const benign = "zz9"

// TestHostileValues puts each hostile text into each place of each drawing
// that renders. The objects must be those that a benign text gives, with the
// hostile one in its place, or a rule that names the field must refuse it.
func TestHostileValues(t *testing.T) {
	t.Parallel()
	kinds := allKinds(t)
	for _, fx := range fixtures(t) {
		if strings.HasPrefix(fx.Scenario, "bad-") {
			continue
		}
		t.Run(fx.Kind+"/"+fx.Scenario, func(t *testing.T) {
			t.Parallel()
			kind, _ := kinds.Lookup(fx.Kind)
			n := fx.subject(t)
			for _, s := range spots(n) {
				expected := leaves(t, kind, n)
				undo := s.put(benign)
				if len(kind.Check(n)) == 0 {
					expected = leaves(t, kind, n)
				}
				undo()
				for name, text := range hostileTexts() {
					if fx.Scenario != "all-fields" && !slices.Contains(essential(), name) {
						continue
					}
					if len(text) > 1<<10 && fx.Kind != TypeConfigMap && fx.Kind != TypeJob {
						continue // slow, and the same everywhere
					}
					undo := s.put(text)
					requireSafe(t, kind, n, s, text, expected, name+" in "+strings.Join(s.path, "."))
					undo()
				}
			}
		})
	}
}

func requireSafe(t *testing.T, kind Kind, n *Node, s spot, text string, expected []string, where string) {
	t.Helper()
	if problems := kind.Check(n); len(problems) > 0 {
		named := slices.ContainsFunc(problems, func(p models.Problem) bool { return related(segments(p.Field), s.path) })
		// A text like 1e3 can be right in itself and wrong beside others.
		require.True(t, named || validator.Label(text) == "", "%s: none of the problems names it: %s", where, problems)
		return
	}
	if !utf8.ValidString(text) {
		if _, err := kind.Render(n); err != nil {
			require.ErrorContains(t, err, "UTF-8", where)
			return
		}
	}
	got := leaves(t, kind, n)
	number, _ := strconv.ParseFloat(text, 64) // text of digits is a number to a field that takes those
	for _, form := range []string{text, strings.TrimSpace(text), fmt.Sprint(number)} {
		if slices.Equal(got, withText(expected, form)) {
			return
		}
	}
	// No benign text fits, but this one does, such as 1e3 for an amount.
	for _, line := range got {
		require.True(t, slices.Contains(expected, line) || strings.Contains(line, text) ||
			strings.HasSuffix(line, fmt.Sprint("=", number)), "%s: %.300q", where, line)
	}
}

// withText returns lines with the benign text replaced.
func withText(lines []string, text string) []string {
	var out []string
	for _, l := range lines {
		out = append(out, strings.ReplaceAll(l, benign, text))
	}
	slices.Sort(out)
	return out
}

// related reports whether one path leads to or through the other. A name and
// a namespace are part of what every other field refers to.
func related(a, b []string) bool {
	if b[0] == "namespace" || b[0] == "name" {
		return true
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// segments splits a problem's field: paths[0].host, data["a.b"].
func segments(field string) []string {
	var out []string
	for _, part := range regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[^.\[\]]+`).FindAllString(field, -1) {
		if s, err := strconv.Unquote(part); err == nil && strings.HasPrefix(part, `"`) {
			part = s
		}
		out = append(out, part)
	}
	return out
}

// leaves renders n and returns every scalar as "path=value", in alphabetical
// order and without the indexes of lists, which may be sorted by the text.
func leaves(t *testing.T, kind Kind, n *Node) []string {
	t.Helper()
	objs, err := kind.Render(n)
	require.NoError(t, err)
	var found []string
	for _, o := range objs {
		found = flatten(found, o.GetKind(), o.Object)
	}
	if v, ok := kind.(Valued); ok {
		if vs := v.Values(n); vs != nil {
			found = append(found, fmt.Sprint("secret=", vs.Object.GetName()))
			for _, k := range vs.Keys {
				found = append(found, "secret.key="+k)
			}
		}
	}
	slices.Sort(found)
	return found
}

func flatten(found []string, path string, v any) []string {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			found = flatten(found, path+"."+k, e)
		}
	case []any:
		for _, e := range v {
			found = flatten(found, path+"[]", e)
		}
	default:
		found = append(found, fmt.Sprint(path, "=", v))
	}
	return found
}

// spots finds the places of n. Ids, which tie edges to their ends, and what
// the canvas keeps for itself are none.
func spots(n *Node) []spot {
	found := []spot{
		{path: []string{"name"}, put: func(s string) func() { return swap(n, &n.Name, "name", s) }},
		{path: []string{"namespace"}, put: func(s string) func() { return swap(n, &n.Namespace, "namespace", s) }},
	}
	for _, s := range spotsIn(n.Data, nil) {
		if s.path[0] != "name" && s.path[0] != "namespace" {
			found = append(found, s)
		}
	}
	return found
}

// swap changes a name in both places where a node has it.
func swap(n *Node, at *string, key, s string) (undo func()) {
	old, stored := *at, n.Data[key]
	*at, n.Data[key] = strings.TrimSpace(s), s
	return func() { *at, n.Data[key] = old, stored }
}

func spotsIn(v any, path []string) []spot {
	var found []spot
	step := func(s string) []string { return append(slices.Clone(path), s) }
	switch v := v.(type) {
	case models.Data:
		return spotsIn(map[string]any(v), path)
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if k == "id" || k == "nodeId" || placeholder(k) || strings.HasPrefix(k, "_") {
				continue
			}
			if e, ok := v[k].(string); ok {
				found = append(found, spot{path: step(k), put: func(s string) func() {
					v[k] = s
					return func() { v[k] = e }
				}})
			}
			if len(path) > 0 && freeForm(path[len(path)-1]) {
				found = append(found, spot{path: path, put: func(s string) func() {
					e := v[k]
					delete(v, k)
					v[s] = e
					return func() { delete(v, s); v[k] = e }
				}})
			}
			found = append(found, spotsIn(v[k], step(k))...)
		}
	case []any:
		for i := range v {
			if e, ok := v[i].(string); ok {
				found = append(found, spot{path: step(strconv.Itoa(i)), put: func(s string) func() {
					v[i] = s
					return func() { v[i] = e }
				}})
			}
			found = append(found, spotsIn(v[i], step(strconv.Itoa(i)))...)
		}
	}
	return found
}

// freeForm reports whether the keys of an object are the user's own.
func freeForm(key string) bool {
	return slices.Contains([]string{
		"labels", "annotations", "data", "binaryData", "selector", "podSelector", "namespaceSelector", "nodeSelector", "env",
	}, key)
}

func TestSpotsAreFound(t *testing.T) {
	t.Parallel()
	var d models.Data
	require.NoError(t, json.Unmarshal([]byte(`{"id":"x","a":"1","l":["b",{"c":"d"}],"labels":{"k":"v"},"_x":"y"}`), &d))
	var paths []string
	for _, s := range spotsIn(d, nil) {
		paths = append(paths, strings.Join(s.path, "."))
	}
	require.Equal(t, []string{"a", "l.0", "l.1.c", "labels.k", "labels"}, paths)
}
