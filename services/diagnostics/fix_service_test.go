package diagnostics

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeorch/core/models"
)

func (r *rig) fix(w models.Workflow, node, fixType, yaml string) (models.FixResult, error) {
	return r.Fix(r.t.Context(), ann, w.ID, node, models.FixRequest{FixType: fixType, YAML: yaml, Mode: models.FixManual})
}

func (r *rig) mustFix(w models.Workflow, node, fixType, yaml string) models.FixResult {
	r.t.Helper()
	res, err := r.fix(w, node, fixType, yaml)
	require.NoError(r.t, err)
	require.True(r.t, res.Success)
	return res
}

// shop returns a running workload and a Service.
func (r *rig) shop(pairs ...any) models.Workflow {
	r.t.Helper()
	w := r.run([]models.Node{r.node("web", "deployment", "port", 8080), r.node("svc", "service", append([]any{"targetPort", 8080}, pairs...)...)})
	r.until(w, "web", "scheduling", "pass", "")
	return w
}

func (r *rig) unchanged(w models.Workflow) {
	r.t.Helper()
	for id, s := range r.again(w).NodeStates {
		for _, c := range s.Result {
			require.Equal(r.t, "unchanged", c.Action, id)
		}
	}
}

// A selector that somebody changed in the cluster is what is drawn again, and the
// drawing stays.
func TestSelectorIsPutBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	w := r.shop()
	r.untilHealthy(w, "svc")
	r.patchService("svc", `{"spec":{"selector":{"app":"typo"}}}`)
	c := checkOf(r.until(w, "svc", "selector-match", "error", "app=typo"), "selector-match")
	require.True(t, c.AutoFixable)
	require.Equal(t, models.FixSelector, c.FixType)

	text := r.template(w, "svc", models.FixSelector)
	require.Contains(t, text, "app: web")
	require.Contains(t, text, "# the pods of deployment web have the label app: web")
	before := r.service("svc").ResourceVersion
	res, err := r.Fix(t.Context(), ann, w.ID, "svc", models.FixRequest{FixType: models.FixSelector, YAML: text, Mode: models.FixAuto, DryRun: true})
	require.NoError(t, err)
	require.True(t, res.DryRun)
	require.Equal(t, []models.ObjectDiff{{
		APIVersion: "v1", Kind: "Service", Namespace: r.namespace, Name: "svc", Action: "configured",
		Changes: []models.FieldChange{{Path: "spec.selector", From: map[string]any{"app": "typo"}, To: map[string]any{"app": "web"}}},
	}}, res.Diff)
	require.Equal(t, before, r.service("svc").ResourceVersion, "a dry run changes nothing")

	res = r.mustFix(w, "svc", models.FixSelector, text)
	require.Contains(t, res.Result, "service "+r.namespace+"/svc configured")
	require.Empty(t, res.Changed)
	require.Equal(t, "web", r.service("svc").Spec.Selector["app"])
	r.untilHealthy(w, "svc")
	r.unchanged(w)
	res = r.mustFix(w, "svc", models.FixSelector, text)
	require.Contains(t, res.Message, "as it was")
	require.Equal(t, "unchanged", res.Diff[0].Action)
	offered, err := r.Template(t.Context(), ann, w.ID, "svc", models.FixPort)
	require.NoError(t, err)
	require.Equal(t, "unchanged", offered.Diff[0].Action, "%+v", offered.Diff)
}

// What is drawn wrongly is corrected in the drawing, so that a run does not undo it.
func TestWrongDrawingIsCorrected(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	w := r.shop("targetApp", "wbe", "targetPort", 9999)
	r.until(w, "svc", "selector-match", "error", "app=wbe")
	res := r.mustFix(w, "svc", models.FixSelector, r.template(w, "svc", models.FixSelector))
	require.Equal(t, "web", res.Changed["targetApp"])
	require.Equal(t, "web", r.stored(w, "svc")["targetApp"])
	require.Equal(t, map[string]string{"app": "web"}, r.service("svc").Spec.Selector)

	r.until(w, "svc", "port-config", "error", "9999")
	res = r.mustFix(w, "svc", models.FixPort, r.template(w, "svc", models.FixPort))
	require.EqualValues(t, 8080, r.stored(w, "svc")["targetPort"])
	require.Contains(t, res.Message, "in the drawing and in the cluster")
	require.Equal(t, []corev1.ServicePort{{Name: "http", Protocol: "TCP", Port: 80, TargetPort: intstr.FromInt32(8080)}}, r.service("svc").Spec.Ports)
	r.untilHealthy(w, "svc")
	r.unchanged(w)

	require.NotNil(t, res.UndoUntil)
	undone, err := r.Undo(t.Context(), ann, w.ID, "svc")
	require.NoError(t, err)
	require.Equal(t, models.FixPort, undone.FixType)
	require.EqualValues(t, 9999, r.stored(w, "svc")["targetPort"])
	require.Equal(t, int32(9999), r.service("svc").Spec.Ports[0].TargetPort.IntVal)
	require.Equal(t, "web", r.stored(w, "svc")["targetApp"], "the fix before stays")
	_, err = r.Undo(t.Context(), ann, w.ID, "svc")
	require.Equal(t, models.NotFound, models.KindOf(err), "once")
	r.unchanged(w)
}

// withPorts returns the YAML of a Service with other lines for its ports.
func withPorts(text, ports string) string {
	head, _, _ := strings.Cut(text, "  ports:")
	_, tail, _ := strings.Cut(text, "  selector:")
	return head + ports + "  selector:" + tail
}

func TestEditedFix(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	w := r.shop()
	text := r.template(w, "svc", models.FixPort)
	ports := withPorts(text, `  ports:
  - {name: web, port: 81, protocol: TCP, targetPort: 8080}
  - {name: admin, port: 9000, protocol: TCP, targetPort: http}
`)
	r.mustFix(w, "svc", models.FixPort, ports)
	require.Len(t, r.service("svc").Spec.Ports, 2)
	require.Len(t, r.stored(w, "svc")["ports"], 2)
	r.unchanged(w)

	text = r.template(w, "svc", models.FixSelector)
	r.mustFix(w, "svc", models.FixSelector, strings.Replace(text, "    app: web", "    app: web\n    tier: front", 1))
	require.Equal(t, map[string]string{"app": "web", "tier": "front"}, r.service("svc").Spec.Selector)
	r.unchanged(w)
}

// Somebody who changes the node after the fix is not overruled by its undoing.
func TestUndoAfterAChange(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	w := r.shop("targetPort", 9999)
	r.mustFix(w, "svc", models.FixPort, r.template(w, "svc", models.FixPort))
	now, err := r.documents.Get(t.Context(), ann, w.ID)
	require.NoError(t, err)
	now.Nodes[1].Data["targetPort"] = 7000
	_, err = r.documents.Update(t.Context(), ann, w.ID, models.WorkflowPatch{Nodes: &now.Nodes}, models.Now())
	require.NoError(t, err)
	for range 2 {
		_, err = r.Undo(t.Context(), ann, w.ID, "svc")
		require.Equal(t, models.Conflict, models.KindOf(err), "%v", err)
		require.Contains(t, models.MessageOf(err), "targetPort")
	}
	require.EqualValues(t, 7000, r.stored(w, "svc")["targetPort"])

	later := time.Now().Add(undoTime)
	r.deps.Now = func() time.Time { return later }
	_, err = r.Undo(t.Context(), ann, w.ID, "svc")
	require.Equal(t, models.NotFound, models.KindOf(err), "it has an end")
}

func TestFixesThatAreNotApplicable(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	w := r.draw([]models.Node{r.node("svc", "service"), r.node("web", "deployment")})
	for what, tc := range map[string][2]string{
		"unknown": {"svc", "arbitrary"}, "not deployed": {"svc", models.FixPort}, "no service": {"web", models.FixPort},
	} {
		_, err := r.Template(t.Context(), ann, w.ID, tc[0], tc[1])
		require.Equal(t, models.Invalid, models.KindOf(err), what)
		_, err = r.fix(w, tc[0], tc[1], "a: b")
		require.Equal(t, models.Invalid, models.KindOf(err), what)
	}
	r.again(w)
	text := r.template(w, "svc", models.FixPort)
	_, _, err := r.deps.Drawings.Update(t.Context(), ann, w.ID, models.WorkflowPatch{Status: new(models.WorkflowDraft)})
	require.NoError(t, err)
	_, err = r.fix(w, "svc", models.FixPort, text)
	require.Equal(t, models.Invalid, models.KindOf(err), "a draft is not deployed")
}

// An object that became somebody else's is left alone, and so is the drawing.
func TestForeignServiceIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	w := r.shop("targetPort", 9999)
	text := r.template(w, "svc", models.FixPort)
	r.patchService("svc", `{"metadata":{"labels":{"kubeorch.io/workflow":"somebody-elses"}}}`)
	_, err := r.fix(w, "svc", models.FixPort, text)
	require.Equal(t, models.Conflict, models.KindOf(err), "%v", err)
	require.Equal(t, int32(9999), r.service("svc").Spec.Ports[0].TargetPort.IntVal)
	require.EqualValues(t, 9999, r.stored(w, "svc")["targetPort"])
	_, err = r.Undo(t.Context(), ann, w.ID, "svc")
	require.Equal(t, models.NotFound, models.KindOf(err))
}

// Two fixes, and a person who saves, at once: each change is whole.
func TestFixesAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	w := r.shop("targetPort", 9999)
	text := r.template(w, "svc", models.FixPort)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if _, err := r.fix(w, "svc", models.FixPort, text); err != nil && models.KindOf(err) != models.Conflict {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		if _, err := r.documents.Update(t.Context(), ann, w.ID, models.WorkflowPatch{Description: new("renamed")}, models.Now()); err != nil {
			t.Error(err)
		}
	})
	all.Wait()
	require.EqualValues(t, 8080, r.stored(w, "svc")["targetPort"])
	require.Equal(t, int32(8080), r.service("svc").Spec.Ports[0].TargetPort.IntVal)
	now, err := r.documents.Get(t.Context(), ann, w.ID)
	require.NoError(t, err)
	require.Equal(t, "renamed", now.Description)
}

// What an edge says cannot be fixed past it.
func TestEdgeDecides(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	w := r.run([]models.Node{r.node("web", "deployment", "port", 8080), r.node("svc", "service", "targetPort", 8080, "targetApp", "")}, "svc>web")
	text := r.template(w, "svc", models.FixSelector)
	require.Contains(t, text, "app: web")
	_, err := r.fix(w, "svc", models.FixSelector, strings.Replace(text, "    app: web", "    app: api", 1))
	require.Equal(t, models.Invalid, models.KindOf(err))
	require.Contains(t, models.MessageOf(err), "edge")
	_, err = r.cluster.Client().CoreV1().Services(r.namespace).Get(t.Context(), "svc", metav1.GetOptions{})
	require.NoError(t, err)
}
