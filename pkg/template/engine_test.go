package template

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// run executes text and reads what it wrote as YAML.
func run(t *testing.T, text string, values map[string]any) any {
	t.Helper()
	tmpl, err := Parse("test", text)
	require.NoError(t, err)
	out, err := tmpl.Execute(values)
	require.NoError(t, err)
	var got any
	require.NoError(t, yaml.UnmarshalStrict(out, &got), string(out))
	return got
}

const attack = "x\"\nevil: true\n---\n'{{.}}' # ~"

func TestEveryActionIsEncoded(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"plain":             `v: {{.v}}`,
		"print":             `v: {{print .v}}`,
		"printf":            `v: {{printf "%s" .v}}`,
		"chained":           `v: {{.v | printf "%.0s%s" "" | print}}`,
		"in a branch":       `v: {{if .v}}{{.v}}{{else}}{{.v}}{{end}}`,
		"in an else":        `v: {{if not .v}}no{{else if .v}}{{.v}}{{end}}`,
		"in a with":         `v: {{with .v}}{{.}}{{end}}`,
		"in a range":        `v: {{range .list}}{{.}}{{end}}`,
		"in a range's else": `v: {{range .none}}{{else}}{{.v}}{{end}}`,
		"variable":          `{{$x := .v}}v: {{$x}}`,
		"assigned variable": `{{$x := 1}}{{$x = .v}}v: {{$x}}`,
		"defined template":  `{{define "d"}}v: {{.v}}{{end}}{{template "d" .}}`,
		"block":             `{{block "b" .}}v: {{.v}}{{end}}`,
		"nested definition": `{{define "in"}}{{if .v}}{{.v}}{{end}}{{end}}{{define "out"}}v: {{template "in" .}}{{end}}{{template "out" .}}`,
		"indexed":           `v: {{index .list 0}}`,
		"toYaml":            `v: {{toYaml .v}}`,
		"quote":             `v: {{quote .v}}`,
		"default":           `v: {{default .v .missing}}`,
		"parenthesised":     `v: {{(print .v)}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, text, map[string]any{"v": attack, "list": []string{attack}})
			require.Equal(t, map[string]any{"v": attack}, got)
		})
	}
}

// TestWrongPlaces prints values at places where they could change the structure of
// the document. The structure must stay, or rendering must fail.
func TestWrongPlaces(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"single quotes": "a: '{{.v}}'\nb: 1\n",
		"plain text":    "a: x-{{.v}}-y\nb: 1\n",
		"comment":       "# {{.v}}\na: 1\nb: 1\n",
		"block text":    "a: |\n  {{.v}}\nb: 1\n",
		"double quotes": "a: \"{{.v}}\"\nb: 1\n",
		"html":          "a: {{.v | html}}\nb: 1\n",
		"js":            "a: {{.v | js}}\nb: 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tmpl, err := Parse("test", text)
			require.NoError(t, err)
			out, err := tmpl.Execute(map[string]any{"v": attack})
			require.NoError(t, err)
			var got map[string]any
			if yaml.UnmarshalStrict(out, &got) != nil {
				return
			}
			require.Len(t, got, 2, string(out))
			require.EqualValues(t, 1, got["b"])
		})
	}
}

func TestZeroValuesSurvive(t *testing.T) {
	t.Parallel()
	values := map[string]any{"i": 0, "f": 0.0, "b": false, "s": "", "nil": nil}
	for text, want := range map[string]any{
		`{{.i}}`: 0.0, `{{.f}}`: 0.0, `{{.b}}`: false, `{{.s}}`: "", `{{.nil}}`: nil, `{{.missing}}`: nil,
		`{{default 5 .i}}`: 0.0, `{{.b | default true}}`: false, `{{default "x" .s}}`: "",
		`{{default 5 .nil}}`: 5.0, `{{.missing | default "x"}}`: "x",
		`{{has . "i"}}`: true, `{{has . "s"}}`: true, `{{has . "nil"}}`: false, `{{has . "missing"}}`: false,
		`{{quote .i}}`: "0", `{{quote .b}}`: "false", `{{base64encode "hi"}}`: "aGk=", `{{base64encode .i}}`: "MA==",
	} {
		require.Equal(t, want, run(t, text, values), text)
	}
}

func TestEncodeKeepsValues(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{
		"control characters": "\x00\x01\a\b\t\n\v\f\r\x1b\x7f\u0080\u0085\u00a0",
		"line separators":    "\u2028\u2029\ufeff\ufffe\uffff",
		"astral":             "😀\U0010ffff",
		"looks like others":  []any{"true", "null", "~", "0x10", "1e3", "0o7", "1_000", ".inf", "2001-01-01", "<<", "!!int 1", "*a", "&a", "%", "@", "`"},
		"large map key":      map[string]any{strings.Repeat("k:", 2000): "v"},
		"merge key":          map[string]any{"<<": map[string]any{"a": "b"}},
		"empty":              map[string]any{"": "", "list": []any{}, "map": map[string]any{}},
		"numbers":            []any{-1.0, 1e21, 1.5e-7, 1e300, math.MaxFloat64, 123456789.0},
	} {
		require.Equal(t, map[string]any{"v": v}, run(t, "v: {{.v}}", map[string]any{"v": v}), name)
	}
}

func TestIntegersStayExact(t *testing.T) {
	t.Parallel()
	type text string
	for want, v := range map[string]any{
		"9223372036854775807": int64(math.MaxInt64), "18446744073709551615": uint64(math.MaxUint64),
		"18446744073709551616": json.Number("18446744073709551616"), "1.10": json.Number("1.10"),
		"-5": int8(-5), `"t"`: text("t"), "1.5": float32(1.5), "null": (*int)(nil), `{"a": [1]}`: map[text][]int{"a": {1}},
	} {
		got, err := encode(v)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	deep := any("x")
	for range 100 {
		deep = []any{deep}
	}
	for want, v := range map[string]any{
		"UTF-8": "a\xffb", "finite": math.NaN(), "base64": []byte("x"), "deeply": deep,
		"func()": func() {}, "keys of type int": map[int]int{1: 1}, "struct": struct{ A int }{1},
	} {
		_, err := encode(v)
		require.ErrorContains(t, err, want)
	}
	for _, f := range []float64{math.Inf(1), math.Inf(-1)} {
		_, err := encode(map[string]any{"f": f})
		require.ErrorContains(t, err, "finite")
	}
	for _, n := range []json.Number{"", "a", "1, b", "1\n", `"1"`} {
		_, err := encode(n)
		require.ErrorContains(t, err, "notation", "%q", n)
	}
	_, err := encode(map[string]any{"\xff": 1})
	require.ErrorContains(t, err, "UTF-8")
}

func TestOutputIsBounded(t *testing.T) {
	t.Parallel()
	tmpl, err := Parse("test", `{{range .list}}{{$.v}}{{end}}`)
	require.NoError(t, err)
	_, err = tmpl.Execute(map[string]any{"v": strings.Repeat("x", 1<<20), "list": make([]int, 17)})
	require.ErrorContains(t, err, "exceeds")
}

func TestParseReportsWhere(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{{", "{{.a", "{{raw .v}}", "{{if .a}}"} {
		_, err := Parse("core/x", text)
		require.ErrorContains(t, err, "core/x:1")
	}
}

// FuzzEncode checks that every string, as value and as key, decodes to itself and
// is encoded on one line of harmless characters.
func FuzzEncode(f *testing.F) {
	for _, s := range []string{"", attack, "\u2028", "\x00", "<<", "😀", "\xff", strings.Repeat("é", 2000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, err := encode(map[string]any{"key" + s: []any{s}})
		if err != nil {
			require.ErrorContains(t, err, "UTF-8")
			return
		}
		require.Empty(t, strings.Trim(text, " {}[]:,?\"\\ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/-"))
		var got map[string]any
		require.NoError(t, yaml.UnmarshalStrict([]byte(text), &got))
		require.Equal(t, map[string]any{"key" + s: []any{s}}, got)
	})
}
