package diff

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubeorch/core/models"
)

var update = flag.Bool("update", false, "rewrite golden files")

func object(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	raw, err := yaml.YAMLToJSON([]byte(text))
	require.NoError(t, err)
	require.NoError(t, o.UnmarshalJSON(raw))
	return o
}

func ours(manager string) bool { return strings.HasPrefix(manager, "kubeorch") }

// TestGolden compares the documents of each file in testdata: the live object and,
// unless only additions are looked for, what an apply makes of it.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.in.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".in.yaml"), func(t *testing.T) {
			t.Parallel()
			in, err := os.ReadFile(file)
			require.NoError(t, err)
			live, would, both := strings.Cut(string(in), "\n---\n")
			var out strings.Builder
			if both {
				for _, c := range Changes(object(t, live), object(t, would)) {
					fmt.Fprintln(&out, changeText(c))
				}
			}
			for _, a := range Additions(object(t, live), ours) {
				fmt.Fprintf(&out, "+ %s: %v (%s%s)\n", a.Path, a.Value, a.Manager, when(a.At))
			}
			golden := strings.Replace(file, ".in.yaml", ".golden", 1)
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(out.String()), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), out.String())
		})
	}
}

func changeText(c models.FieldChange) string {
	text := fmt.Sprintf("%s: %v -> %v", c.Path, c.From, c.To)
	if c.Manager != "" {
		text += " (" + c.Manager + when(c.At) + ")"
	}
	return text
}

func TestQuantitiesAreComparedByWorth(t *testing.T) {
	t.Parallel()
	const in = `{apiVersion: example.com/v1, kind: Db, spec: {image: "db:1.10", size: SIZE, resources: {limits: {cpu: CPU}}}}`
	with := func(size, cpu string) *unstructured.Unstructured {
		return object(t, strings.NewReplacer("SIZE", size, "CPU", cpu).Replace(in))
	}
	require.Empty(t, Changes(with(`"1024Mi"`, `"1"`), with(`1Gi`, `1000m`)))
	require.Empty(t, Changes(with(`1Gi`, `1`), with(`1Gi`, `"1"`)), "a number is a quantity, too")
	require.Len(t, Changes(with(`1Gi`, `"1"`), with(`1G`, `"2"`)), 2)
	a, b := with("1Gi", "1"), with("1Gi", "1")
	require.NoError(t, unstructured.SetNestedField(b.Object, "db:1.1", "spec", "image"))
	require.Len(t, Changes(a, b), 1, "the tag of an image is no quantity")
	for _, v := range []string{"1", "1.0"} {
		a.SetAnnotations(map[string]string{"size": v})
		b.SetAnnotations(map[string]string{"size": "1"})
		b.Object["spec"] = a.Object["spec"]
		require.Len(t, Changes(a, b), len(v)/2, "an annotation holds text")
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	a, b := object(t, `{apiVersion: v1, kind: ConfigMap, data: {}}`), object(t, `{apiVersion: v1, kind: ConfigMap, data: {}}`)
	for i := range 2 * MaxChanges {
		require.NoError(t, unstructured.SetNestedField(b.Object, strings.Repeat("é", 3000), "data", fmt.Sprint("key", i)))
	}
	found := Changes(a, b)
	require.Len(t, found, MaxChanges)
	require.Less(t, len(found[0].To.(string)), maxValue+50)
	require.Contains(t, found[0].To, "6000 bytes")
	require.Len(t, Changes(b, a), MaxChanges)
}

func TestUnreadableManagedFieldsDoNotKeepFromComparing(t *testing.T) {
	t.Parallel()
	live := object(t, `{apiVersion: v1, kind: ConfigMap, metadata: {managedFields: [{manager: x, fieldsV1: {"bad": 1}}, {manager: y}]}, data: {a: "1"}}`)
	would := object(t, `{apiVersion: v1, kind: ConfigMap, data: {a: "2"}}`)
	require.Equal(t, []models.FieldChange{{Path: "data.a", From: "1", To: "2"}}, Changes(live, would))
	require.Empty(t, Additions(live, ours))
}

func when(at *time.Time) string {
	if at == nil {
		return ""
	}
	return " at " + at.Format(time.TimeOnly)
}
