package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// intruder changes the objects of workflows behind their back.
type intruder struct {
	t         *testing.T
	cluster   *kubetest.Cluster
	namespace string
}

func (i intruder) objects(resource string) (client interface {
	Get(ctx context.Context, name string, o metav1.GetOptions, sub ...string) (*unstructured.Unstructured, error)
	Update(ctx context.Context, o *unstructured.Unstructured, opts metav1.UpdateOptions, sub ...string) (*unstructured.Unstructured, error)
	Patch(ctx context.Context, name string, pt types.PatchType, data []byte, o metav1.PatchOptions, sub ...string) (*unstructured.Unstructured, error)
	Create(ctx context.Context, o *unstructured.Unstructured, opts metav1.CreateOptions, sub ...string) (*unstructured.Unstructured, error)
	Delete(ctx context.Context, name string, o metav1.DeleteOptions, sub ...string) error
}) {
	group := ""
	if slices.Contains([]string{"deployments", "statefulsets", "daemonsets"}, resource) {
		group = "apps"
	}
	return i.cluster.Dynamic().Resource(schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}).Namespace(i.namespace)
}

// edit updates an object as kubectl edit does.
func (i intruder) edit(resource, name string, change func(o map[string]any)) {
	i.t.Helper()
	kubetest.Eventually(i.t, "an edit of "+name, func(ctx context.Context) error {
		o, err := i.objects(resource).Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			change(o.Object)
			_, err = i.objects(resource).Update(ctx, o, metav1.UpdateOptions{FieldManager: "kubectl-edit"})
		}
		return err
	})
}

// patch patches an object, or a subresource of it.
func (i intruder) patch(resource, name string, kind types.PatchType, body string, sub ...string) {
	i.t.Helper()
	o := metav1.PatchOptions{FieldManager: "kubectl-patch"}
	if kind == types.ApplyPatchType {
		force := true
		o.FieldManager, o.Force = "argocd", &force
	}
	_, err := i.objects(resource).Patch(i.t.Context(), name, kind, []byte(body), o, sub...)
	require.NoError(i.t, err)
}

func (i intruder) remove(resource, name string) {
	i.t.Helper()
	require.NoError(i.t, i.objects(resource).Delete(i.t.Context(), name, metav1.DeleteOptions{}))
}

// drift returns what GET /workflows/:id/drift says of a node.
func (p *person) drift(t *testing.T, id, nodeID string) *models.NodeDrift {
	t.Helper()
	res := p.call(t, "GET", api+"/workflows/"+id+"/drift", p.token, "")
	require.Equal(t, http.StatusOK, res.StatusCode, res.text)
	var d models.Drift
	require.NoError(t, json.Unmarshal([]byte(res.text), &d))
	for _, n := range d.Drifts {
		if n.NodeID == nodeID {
			return &n
		}
	}
	return nil
}

// drifts returns what the events of a stream said of a node, in their order.
func (s *stream) drifts(t *testing.T, nodeID string) (said []string) {
	t.Helper()
	for _, ev := range s.seen() {
		if ev.name != models.EventDrift {
			continue
		}
		var e struct{ Data models.DriftUpdate }
		require.NoError(t, json.Unmarshal([]byte(ev.data), &e))
		if e.Data.NodeID == nodeID {
			said = append(said, describeDrift(e.Data.Drift))
		}
	}
	return said
}

// untilDrift waits until the last event of a node says so.
func (s *stream) untilDrift(t *testing.T, nodeID, want string) {
	t.Helper()
	var said []string
	kubetest.Eventually(t, fmt.Sprintf("drift of %s: %s", nodeID, want), func(context.Context) error {
		if said = s.drifts(t, nodeID); len(said) > 0 && said[len(said)-1] == want {
			return nil
		}
		return fmt.Errorf("it was said: %q", said)
	})
}

// describeDrift writes drift as people would: what was done to which object, from what
// is there to what was deployed, by whom.
func describeDrift(n *models.NodeDrift) string {
	if n == nil {
		return "none"
	}
	var lines []string
	for _, o := range n.Objects {
		if o.Action == "created" {
			lines = append(lines, o.Kind+" is gone")
		} else if o.Action == "refused" {
			lines = append(lines, o.Kind+" is refused")
		}
		for _, c := range o.Changes {
			lines = append(lines, fmt.Sprintf("%s: %v, not %v (%s)", c.Path, text(c.From), text(c.To), c.Manager))
		}
		for _, a := range o.Additions {
			lines = append(lines, fmt.Sprintf("added %s (%s)", a.Path, a.Manager))
		}
	}
	if n.Correction != nil && n.Correction.State != models.CorrectionBegun {
		lines = append(lines, n.Correction.State)
	}
	return strings.Join(lines, "; ")
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return v
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func getOptions() metav1.GetOptions { return metav1.GetOptions{} }
