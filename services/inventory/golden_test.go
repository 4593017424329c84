package inventory

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/kubeorch/core/models"
)

var update = flag.Bool("update", false, "write the golden files")

// decode returns the decoded object of a YAML text, with the numbers that the API
// machinery makes.
func decode(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	require.NoError(t, err)
	u := &unstructured.Unstructured{}
	require.NoError(t, u.UnmarshalJSON(raw))
	return u
}

// kindOf returns how objects such as u are kept.
func kindOf(u *unstructured.Unstructured) Kind {
	gvk := u.GroupVersionKind()
	for _, k := range Builtin() {
		if k.Kind == gvk.Kind && k.GroupVersion() == gvk.GroupVersion() {
			return k
		}
	}
	plural := strings.ToLower(gvk.Kind) + "s"
	return Custom(schema.GroupVersionResource{Group: gvk.Group, Version: gvk.Version, Resource: plural}, gvk.Kind, true)
}

// asRead returns u as the cluster answers when objects of its kind are read.
func asRead(u *unstructured.Unstructured) metav1.Object {
	if !kindOf(u).Metadata {
		return u
	}
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		UID: u.GetUID(), ResourceVersion: u.GetResourceVersion(), CreationTimestamp: u.GetCreationTimestamp(),
		Labels: u.GetLabels(), Annotations: u.GetAnnotations(), OwnerReferences: u.GetOwnerReferences(),
		DeletionTimestamp: u.GetDeletionTimestamp(),
	}}
}

// TestKinds compares what is kept of objects of real clusters with golden files.
func TestKinds(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	now := time.Date(2026, 12, 1, 0, 30, 0, 0, time.UTC)
	seen := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		u := decode(t, string(text))
		k := kindOf(u)
		seen[k.Kind] = true
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			s := k.Extract(asRead(u))
			var got bytes.Buffer
			e := json.NewEncoder(&got)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			require.NoError(t, e.Encode(map[string]any{"state": s, "summary": Summary(k.Kind, s, now)}))
			golden := strings.TrimSuffix(file, "yaml") + "json"
			if *update {
				require.NoError(t, os.WriteFile(golden, got.Bytes(), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got.String())
			require.NotContains(t, got.String(), "canary", "values of ConfigMaps and Secrets are never kept")
			require.NotContains(t, got.String(), "hunter2", "values of environment variables are never kept")
			requireStorable(t, s)
			raw, err := json.Marshal(s)
			require.NoError(t, err)
			require.Less(t, len(raw), 2048, "an ordinary object is small")
		})
	}
	for _, k := range Builtin() {
		require.True(t, seen[k.Kind], "%s has a golden file", k.Kind)
	}
}

// requireStorable fails if a state is not the same after it was written as JSON and
// read again, or exceeds its bounds.
func requireStorable(t testing.TB, s models.ResourceState) {
	t.Helper()
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	require.LessOrEqual(t, len(raw), 8<<10)
	var again models.ResourceState
	require.NoError(t, json.Unmarshal(raw, &again))
	require.Equal(t, s, again)
	require.Equal(t, Hash(s), Hash(again))
	require.Empty(t, Diff(&s, &again, time.Time{}))
	states := []string{
		models.ResourceRunning, models.ResourcePending, models.ResourceFailed, models.ResourceCompleted,
		models.ResourceWarning, models.ResourceUnknown, models.ResourceDeleted,
	}
	require.Contains(t, states, s.Status)
}
