package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	admission "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// breakWebhook makes a cluster ask an admission webhook that is down about the
// ConfigMaps of a namespace, and returns what takes it away.
func breakWebhook(t *testing.T, c *kubetest.Cluster, namespace string) (mend func()) {
	t.Helper()
	hooks := c.Client().AdmissionregistrationV1().ValidatingWebhookConfigurations()
	at, none := nowhere+"/validate", admission.SideEffectClassNone
	_, err := hooks.Create(t.Context(), &admission.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Webhooks: []admission.ValidatingWebhook{{
			Name: "images.example.org", SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
			ClientConfig:      admission.WebhookClientConfig{URL: &at},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
			Rules: []admission.RuleWithOperations{{
				Operations: []admission.OperationType{admission.Create, admission.Update},
				Rule:       admission.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
			}},
		}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	remove := func() {
		_ = hooks.Delete(context.WithoutCancel(t.Context()), namespace, metav1.DeleteOptions{})
	}
	t.Cleanup(remove)
	awaitAdmission(t, c, namespace, false)
	return func() { remove(); awaitAdmission(t, c, namespace, true) }
}

// awaitAdmission waits until the API server admits ConfigMaps to a namespace,
// or does not.
func awaitAdmission(t *testing.T, c *kubetest.Cluster, namespace string, admits bool) {
	t.Helper()
	probe := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "probe"}}
	kubetest.Eventually(t, "admission", func(ctx context.Context) error {
		_, err := c.Client().CoreV1().ConfigMaps(namespace).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if admits != (err == nil) {
			return fmt.Errorf("the answer is %w", err)
		}
		return nil
	})
}

// A policy that refuses a namespace is named: the credentials are not at fault.
func TestNamespaceThatAPolicyRefuses(t *testing.T) {
	t.Parallel()
	ann, cluster := withCluster(t)
	name := unusedNamespace(t, cluster)
	api, reason := cluster.Client().AdmissionregistrationV1(), metav1.StatusReasonForbidden
	rule := admission.NamedRuleWithOperations{ResourceNames: []string{name}, RuleWithOperations: admission.RuleWithOperations{
		Operations: []admission.OperationType{admission.Create},
		Rule:       admission.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"namespaces"}},
	}}
	_, err := api.ValidatingAdmissionPolicies().Create(t.Context(), &admission.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admission.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admission.MatchResources{ResourceRules: []admission.NamedRuleWithOperations{rule}},
			Validations:      []admission.Validation{{Expression: "false", Message: "teams order namespaces", Reason: &reason}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = api.ValidatingAdmissionPolicyBindings().Create(t.Context(), &admission.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       admission.ValidatingAdmissionPolicyBindingSpec{PolicyName: name, ValidationActions: []admission.ValidationAction{admission.Deny}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_ = api.ValidatingAdmissionPolicyBindings().Delete(ctx, name, metav1.DeleteOptions{})
		_ = api.ValidatingAdmissionPolicies().Delete(ctx, name, metav1.DeleteOptions{})
	})
	kubetest.Eventually(t, "the policy", func(ctx context.Context) error {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		_, err := cluster.Client().CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil {
			return fmt.Errorf("it is not there yet")
		}
		return nil
	})
	id := ann.draw(t, conf(name, "conf"), edges())
	require.Contains(t, ann.runFails(t, id)["error"], "teams order namespaces")
	requireNoNamespace(t, cluster, name)
}

// An admission webhook that is down fails a run with its name, and the next run
// needs nothing but the webhook.
func TestWebhookThatIsDown(t *testing.T) {
	t.Parallel()
	ann, cluster := withCluster(t)
	namespace := cluster.Namespace(t)
	mend := breakWebhook(t, cluster, namespace)
	id := ann.draw(t, conf(namespace, "conf"), edges())
	require.Contains(t, ann.runFails(t, id)["error"], `webhook "images.example.org"`)
	mend()
	ann.run(t, id, nil)
	require.Equal(t, 1, countConfigMaps(t, cluster, id))
}

// Zero, false and the empty text are values, and numbers keep their digits.
func TestZerosAreValues(t *testing.T) {
	t.Parallel()
	ann, cluster := withCluster(t)
	namespace := cluster.Namespace(t)
	env := object{"EMPTY": "", "NO": false, "ZERO": 0, "MILLION": 1000000, "MODE": "0755", "YES": "yes"}
	surge := object{"type": "RollingUpdate", "rollingUpdate": object{"maxUnavailable": 0, "maxSurge": 1}}
	id := ann.draw(t, []object{
		node("web", "deployment", namespace, "web", "image", "nginx", "replicas", 0, "env", env, "strategy", surge,
			"revisionHistoryLimit", 0, "terminationGracePeriodSeconds", 0),
		node("job", "job", namespace, "job", "image", "nginx", "backoffLimit", 0),
		node("cron", "cronjob", namespace, "cron", "image", "nginx", "schedule", "0 3 * * *", "timeZone", "Europe/Berlin",
			"failedJobsHistoryLimit", 0, "successfulJobsHistoryLimit", 0),
		node("conf", "configmap", namespace, "conf", "data", env),
	}, edges())
	watched := ann.streamStatus(t, id)
	ann.run(t, id, nil)
	watched.untilStates(t, map[string]string{"web": "healthy", "job": "completed", "cron": "active", "conf": "created"})

	web, err := cluster.Client().AppsV1().Deployments(namespace).Get(t.Context(), "web", metav1.GetOptions{})
	require.NoError(t, err)
	require.Zero(t, *web.Spec.Replicas)
	require.Zero(t, *web.Spec.RevisionHistoryLimit)
	require.Zero(t, *web.Spec.Template.Spec.TerminationGracePeriodSeconds)
	require.Equal(t, "0", web.Spec.Strategy.RollingUpdate.MaxUnavailable.String())
	want := map[string]string{"EMPTY": "", "NO": "false", "ZERO": "0", "MILLION": "1000000", "MODE": "0755", "YES": "yes"}
	have := map[string]string{}
	for _, v := range web.Spec.Template.Spec.Containers[0].Env {
		have[v.Name] = v.Value
	}
	require.Equal(t, want, have)
	made, err := cluster.Client().CoreV1().ConfigMaps(namespace).Get(t.Context(), "conf", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, want, made.Data)
	job, err := cluster.Client().BatchV1().Jobs(namespace).Get(t.Context(), "job", metav1.GetOptions{})
	require.NoError(t, err)
	require.Zero(t, *job.Spec.BackoffLimit)
	cron, err := cluster.Client().BatchV1().CronJobs(namespace).Get(t.Context(), "cron", metav1.GetOptions{})
	require.NoError(t, err)
	require.Zero(t, *cron.Spec.FailedJobsHistoryLimit)
	require.Zero(t, *cron.Spec.SuccessfulJobsHistoryLimit)
	require.Equal(t, "Europe/Berlin", *cron.Spec.TimeZone)
}

// A rollout that is given up says why, its old pods serve on, and the next run
// mends it.
func TestRolloutThatGotStuck(t *testing.T) {
	t.Parallel()
	ann, cluster := withCluster(t)
	namespace := cluster.Namespace(t)
	drawing := func(image string, annotations object) []object {
		return []object{node("web", "deployment", namespace, "web", "image", image, "progressDeadlineSeconds", 1, "podAnnotations", annotations)}
	}
	id := ann.draw(t, drawing("nginx:1", nil), edges())
	watched := ann.streamStatus(t, id)
	ann.run(t, id, nil)
	watched.untilStates(t, map[string]string{"web": "healthy"})
	ann.save(t, id, drawing("nginx:none", failingPods("image-pull")), edges())
	ann.run(t, id, nil)
	kubetest.Eventually(t, "the end of the deadline", func(ctx context.Context) error {
		web, err := cluster.Client().AppsV1().Deployments(namespace).Get(ctx, "web", metav1.GetOptions{})
		if err != nil || !strings.Contains(fmt.Sprint(web.Status.Conditions), "ProgressDeadlineExceeded") {
			return fmt.Errorf("the conditions are %v, %w", web.Status.Conditions, err)
		}
		return nil
	})
	watched.untilStates(t, map[string]string{"web": "error"})
	watched.untilMessage(t, "web", "ImagePullBackOff")
	require.Contains(t, watched.of("web")["message"], "the previous one still serves (1 ready)")
	require.EqualValues(t, 1, watched.of("web")["readyReplicas"])
	ann.save(t, id, drawing("nginx:2", nil), edges())
	ann.run(t, id, nil)
	watched.untilStates(t, map[string]string{"web": "healthy"})
}

// One port number may serve two protocols, and each goes by itself. An Ingress
// follows the port of its Service to another name and number.
func TestPortOfTwoProtocols(t *testing.T) {
	t.Parallel()
	ann, cluster := withCluster(t)
	namespace := cluster.Namespace(t)
	drawing := func(service, pods []object) []object {
		return []object{
			node("dns", "deployment", namespace, "dns", "image", "coredns", "ports", pods),
			node("svc", "service", namespace, "svc", "ports", service),
			node("web", "ingress", namespace, "web", "host", namespace+".example.org",
				"paths", []object{{"id": "p1", "path": "/", "servicePort": 53}}),
		}
	}
	joined := edges("svc>dns", "web>svc")
	tcp, udp := object{"containerPort": 53, "protocol": "TCP"}, object{"containerPort": 53, "protocol": "UDP"}
	port := func(name string, number int, protocol string) object {
		return object{"name": name, "port": number, "protocol": protocol, "targetPort": 53}
	}
	id := ann.draw(t, drawing([]object{port("tcp", 53, "TCP"), port("udp", 53, "UDP")}, []object{tcp, udp}), joined)
	counts := func() (pods, service int, ingress any) {
		ann.run(t, id, nil)
		web, err := cluster.Client().AppsV1().Deployments(namespace).Get(t.Context(), "dns", metav1.GetOptions{})
		require.NoError(t, err)
		svc, err := cluster.Client().CoreV1().Services(namespace).Get(t.Context(), "svc", metav1.GetOptions{})
		require.NoError(t, err)
		ing, err := cluster.Client().NetworkingV1().Ingresses(namespace).Get(t.Context(), "web", metav1.GetOptions{})
		require.NoError(t, err)
		to := ing.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Port
		return len(web.Spec.Template.Spec.Containers[0].Ports), len(svc.Spec.Ports), to.Number
	}
	pods, service, ingress := counts()
	require.Equal(t, []any{2, 2, int32(53)}, []any{pods, service, ingress})
	ann.save(t, id, drawing([]object{port("domain", 5353, "TCP")}, []object{tcp}), joined)
	pods, service, ingress = counts()
	require.Equal(t, []any{1, 1, int32(5353)}, []any{pods, service, ingress})
}

// A variable moves from the drawing to a Secret and leaves, whoever has changed
// it in the meantime.
func TestVariableMovesToASecret(t *testing.T) {
	t.Parallel()
	ann, cluster := withCluster(t)
	namespace := cluster.Namespace(t)
	drawing := func(env ...object) []object {
		return []object{node("web", "deployment", namespace, "web", "image", "nginx", "env", env)}
	}
	ref := object{"secretKeyRef": object{"name": "db", "key": "password", "optional": true}}
	id := ann.draw(t, drawing(object{"name": "PASS", "value": "drawn"}, object{"name": "KEEP", "value": "1"}), edges())
	deployments := cluster.Client().AppsV1().Deployments(namespace)
	variables := func() []corev1.EnvVar {
		ann.run(t, id, nil)
		web, err := deployments.Get(t.Context(), "web", metav1.GetOptions{})
		require.NoError(t, err)
		return web.Spec.Template.Spec.Containers[0].Env
	}
	variables()
	patch := []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"PASS","value":"by hand"}]}]}}}}`)
	_, err := deployments.Patch(t.Context(), "web", types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-set"})
	require.NoError(t, err)
	ann.save(t, id, drawing(object{"name": "PASS", "valueFrom": ref}, object{"name": "KEEP", "value": "1"}), edges())
	now := variables()
	require.Len(t, now, 2)
	for _, v := range now {
		require.Equal(t, v.Name == "PASS", v.ValueFrom != nil)
		require.Equal(t, v.Name == "PASS", v.Value == "")
	}
	ann.save(t, id, drawing(object{"name": "KEEP", "value": "1"}), edges())
	require.Equal(t, []corev1.EnvVar{{Name: "KEEP", Value: "1"}}, variables())
}

// What others add to a workload stays, such as the mark of a restart, without
// which its pods would restart again. Quantities in other words are no change.
func TestRestartByHand(t *testing.T) {
	t.Parallel()
	ann, cluster := withCluster(t)
	namespace := cluster.Namespace(t)
	drawing := func(image string) []object {
		return []object{node("web", "deployment", namespace, "web", "image", image,
			"resources", object{"requests": object{"cpu": "1000m", "memory": "0.5Gi"}})}
	}
	id := ann.draw(t, drawing("nginx:1"), edges())
	watched := ann.streamStatus(t, id)
	ann.run(t, id, nil)
	const restarted = "kubectl.kubernetes.io/restartedAt"
	deployments := cluster.Client().AppsV1().Deployments(namespace)
	patch := []byte(`{"spec":{"template":{"metadata":{"annotations":{"` + restarted + `":"2030-01-01T00:00:00Z"}}}}}`)
	before, err := deployments.Patch(t.Context(), "web", types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-rollout"})
	require.NoError(t, err)
	watched.untilStates(t, map[string]string{"web": "healthy"})
	ann.run(t, id, nil)
	after, err := deployments.Get(t.Context(), "web", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, before.Generation, after.Generation)
	ann.save(t, id, drawing("nginx:2"), edges())
	ann.run(t, id, nil)
	after, err = deployments.Get(t.Context(), "web", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "nginx:2", after.Spec.Template.Spec.Containers[0].Image)
	require.Contains(t, after.Spec.Template.Annotations, restarted)
}
