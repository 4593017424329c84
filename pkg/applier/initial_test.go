package applier

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

const scaledWeb = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
`

// scaled applies the Deployment whose replicas an autoscaler decides.
func (b *fixture) scaled(want Action, initial any) Change {
	b.t.Helper()
	c := b.by("w1").Apply(b.t.Context(), []Request{{
		Object: b.object(scaledWeb), Initial: []Initial{{Path: []string{"spec", "replicas"}, Value: initial}},
	}}, nil)[0]
	require.Equal(b.t, want, c.Action, c.Message)
	return c
}

func (b *fixture) replicas() int64 {
	b.t.Helper()
	t, err := b.by("w1").resolve(b.t.Context(), RefOf(b.object(scaledWeb)))
	require.NoError(b.t, err)
	live, err := t.full.Get(b.t.Context(), "web", metav1.GetOptions{})
	require.NoError(b.t, err)
	n, _, _ := unstructured.NestedInt64(live.Object, "spec", "replicas")
	return n
}

// scale changes the replicas as an autoscaler does, through the subresource.
func (b *fixture) scale(n int) {
	b.t.Helper()
	t, err := b.by("w1").resolve(b.t.Context(), RefOf(b.object(scaledWeb)))
	require.NoError(b.t, err)
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"replicas": n}})
	require.NoError(b.t, err)
	_, err = t.full.Patch(b.t.Context(), "web", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "autoscaler"}, "scale")
	require.NoError(b.t, err)
}

func TestAutoscalerTakesOverARunningWorkload(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.one(Created, scaledWeb+"  replicas: 6\n")
	b.scaled(Configured, int64(6))
	require.EqualValues(t, 6, b.replicas(), "joining an autoscaler changes no pod")
	b.scaled(Unchanged, int64(6))
	b.scale(9)
	b.scaled(Unchanged, int64(6))
	require.EqualValues(t, 9, b.replicas(), "a run leaves the autoscaler's number")
	b.one(Configured, scaledWeb+"  replicas: 2\n")
	require.EqualValues(t, 2, b.replicas(), "without the autoscaler the drawn number counts again")
}

func TestScaledWorkloadStartsAsDrawn(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.scaled(Created, int64(4))
	require.EqualValues(t, 4, b.replicas())
	b.scaled(Unchanged, int64(4))
	require.EqualValues(t, 4, b.replicas())
}

func TestScaledWorkloadWithoutADrawnNumber(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.scaled(Created, nil)
	require.EqualValues(t, 1, b.replicas(), "the API server's default")
	b.scaled(Unchanged, nil)
}
