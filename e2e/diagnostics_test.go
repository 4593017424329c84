package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// untilDiagnosed reads the diagnosis of a node until one of its checks has a status, and
// until all is well where that is to pass.
func (p *person) untilDiagnosed(t *testing.T, id, node, check, status string) (d object) {
	t.Helper()
	kubetest.Eventually(t, node+": "+check+" "+status, func(context.Context) error {
		d = p.ask(t, http.StatusOK, "GET", "/workflows/"+id+"/nodes/"+node+"/diagnostics", nil)
		if named(d, check)["status"] != status || status == "pass" && d["overallStatus"] != "healthy" {
			return fmt.Errorf("it is %v", d)
		}
		return nil
	})
	return d
}

// named returns one of the checks of a diagnosis.
func named(d object, check string) object {
	checks, _ := d["checks"].([]any)
	for _, c := range checks {
		if c, _ := c.(object); c["name"] == check {
			return c
		}
	}
	return nil
}

func checkNames(d object) (names []string) {
	for _, c := range d["checks"].([]any) {
		names = append(names, c.(object)["name"].(string))
	}
	return names
}

// A service that answers nothing is diagnosed, fixed, and what fixed it is undone, with
// the answers that the panel of the frontend expects.
func TestServiceIsDiagnosedAndFixed(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	s := start(t)
	ann, bob := s.ann(), s.bob()
	ann.addCluster(t, cluster)
	id := ann.draw(t, []object{
		node("web", "deployment", namespace, "web", "image", "nginx", "port", 8080),
		node("svc", "service", namespace, "svc", "targetApp", "web", "port", 80, "targetPort", 8080),
	}, edges())
	at := "/workflows/" + id + "/nodes/svc"
	d := ann.ask(t, http.StatusOK, "GET", at+"/diagnostics", nil)
	require.Equal(t, []string{"service-exists"}, checkNames(d))
	require.Equal(t, []any{"error", "svc", namespace}, []any{d["overallStatus"], d["serviceName"], d["namespace"]})
	require.Equal(t, []any{"error", false, nil}, []any{named(d, "service-exists")["status"], named(d, "service-exists")["autoFixable"], named(d, "service-exists")["fixType"]})
	require.NotEmpty(t, d["timestamp"])

	ann.run(t, id, nil)
	d = ann.untilDiagnosed(t, id, "svc", "endpoints-exist", "pass")
	require.Equal(t, []string{"service-exists", "endpoints-exist", "selector-match", "pods-ready", "port-config"}, checkNames(d))

	patch := []byte(`{"spec":{"selector":{"app":"typo"}}}`)
	_, err := cluster.Client().CoreV1().Services(namespace).Patch(t.Context(), "svc", types.MergePatchType, patch, metav1.PatchOptions{})
	require.NoError(t, err)
	d = ann.untilDiagnosed(t, id, "svc", "selector-match", "error")
	c := named(d, "selector-match")
	require.Equal(t, []any{true, "selector-fix"}, []any{c["autoFixable"], c["fixType"]})

	offered := ann.ask(t, http.StatusOK, "GET", at+"/fix-template/selector-fix", nil)
	require.Equal(t, []any{"kubectl-apply", "selector-fix"}, []any{offered["applyMethod"], offered["fixType"]})
	require.NotEmpty(t, offered["name"])
	require.NotEmpty(t, offered["description"])
	text := offered["yaml"].(string)
	fix := object{"fixType": "selector-fix", "yaml": text, "mode": "auto"}

	foreign := object{"fixType": "selector-fix", "mode": "manual", "yaml": strings.Replace(text, namespace, "kube-system", 1)}
	refused := ann.ask(t, http.StatusBadRequest, "POST", at+"/fix", foreign)
	require.Equal(t, []any{"selector-fix", "manual"}, []any{refused["fixType"], refused["mode"]})
	require.Contains(t, refused["error"], "metadata.namespace")
	ann.ask(t, http.StatusBadRequest, "GET", at+"/fix-template/anything", nil)
	ann.ask(t, http.StatusBadRequest, "GET", at+"/fix-template/metallb-pool", nil)
	ann.ask(t, http.StatusBadRequest, "POST", at+"/fix", object{"fixType": "selector-fix", "yaml": text, "mode": "force"})
	ann.ask(t, http.StatusRequestEntityTooLarge, "POST", at+"/fix", object{"fixType": "selector-fix", "yaml": strings.Repeat("a", 1<<20)})

	for _, p := range []string{"/diagnostics", "/fix-template/selector-fix"} {
		bob.ask(t, http.StatusNotFound, "GET", at+p, nil)
		ann.ask(t, http.StatusNotFound, "GET", "/workflows/"+id+"/nodes/gone"+p, nil)
	}
	bob.ask(t, http.StatusNotFound, "POST", at+"/fix", fix)
	bob.ask(t, http.StatusNotFound, "POST", at+"/fix/undo", nil)
	script := &person{ann.server, ann.apiToken(t, "reader", "read"), ann.email}
	script.ask(t, http.StatusForbidden, "POST", at+"/fix", fix)

	done := ann.ask(t, http.StatusOK, "POST", at+"/fix", fix)
	require.Equal(t, []any{true, "selector-fix", "auto"}, []any{done["success"], done["fixType"], done["mode"]})
	require.NotEmpty(t, done["message"])
	require.Contains(t, done["result"], "configured")
	ann.untilDiagnosed(t, id, "svc", "endpoints-exist", "pass")
	ann.ask(t, http.StatusOK, "POST", at+"/fix/undo", nil)
	ann.ask(t, http.StatusNotFound, "POST", at+"/fix/undo", nil)
	_, trail := ann.auditTrail(t)
	require.Contains(t, trail, "workflow.fix")
	require.Contains(t, trail, "workflow.fix-undo")
}

// A cluster that is away is an error, and says so.
func TestDiagnosisWithoutItsCluster(t *testing.T) {
	t.Parallel()
	ann := newPerson(t, "ann")
	ann.addNowhere(t, "nowhere")
	id := ann.createWorkflowIn(t, "nowhere")
	ann.save(t, id, []object{node("svc", "service", "default", "svc", "targetApp", "web", "port", 80), node("p", "plugin", "default", "p")}, edges())
	refused := ann.ask(t, http.StatusInternalServerError, "GET", "/workflows/"+id+"/nodes/svc/diagnostics", nil)
	require.NotContains(t, refused["error"], "internal server error")
	ann.ask(t, http.StatusBadRequest, "GET", "/workflows/"+id+"/nodes/p/diagnostics", nil)
}
