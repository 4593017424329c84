package findings

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeorch/core/models"
)

// expected is what a case of a rule's table wants of its check.
type expected struct {
	facts    Facts
	status   string
	message  string // a part of it
	advice   string
	evidence string
}

func (e expected) verify(t *testing.T, check string) {
	t.Helper()
	d := Diagnose(e.facts, time.Unix(1, 0))
	c := checkOf(d, check)
	require.Equal(t, e.status, c.Status, "%+v", d.Checks)
	require.Contains(t, c.Message, e.message)
	require.Contains(t, c.Suggestion, e.advice)
	var all []string
	for _, one := range d.Findings {
		for _, ev := range one.Evidence {
			all = append(all, ev.Text)
		}
	}
	require.Contains(t, strings.Join(all, "\n"), e.evidence)
}

func TestImagePull(t *testing.T) {
	t.Parallel()
	pull := func(message string, events ...corev1.Event) Facts {
		f := deploymentWith(pod("web-1", waiting("ImagePullBackOff", message)))
		f.Events = events
		return f
	}
	const long = `Back-off pulling image "nginx:none": ErrImagePull: `
	for name, tc := range map[string]expected{
		"tag":          {pull(long + `failed to pull and unpack image "docker.io/library/nginx:none": not found`), "error", `no tag "none"`, "correct the tag", "not found"},
		"name":         {pull(long + `name unknown: The repository with name 'x' does not exist`), "error", "no repository nginx", "name", ""},
		"private":      {pull(long + `pull access denied, repository does not exist or may require authorization: insufficient_scope`), "error", "private, or does not exist", "credentials", ""},
		"credentials":  {pull(long + `unexpected status: 401 Unauthorized`), "error", "does not accept the credentials", "credentials", ""},
		"rate":         {pull(long + `429 Too Many Requests - toomanyrequests: You have reached your pull rate limit`), "error", "limits the number of pulls", "wait", ""},
		"host":         {pull(long + `dial tcp: lookup registry.invalid: no such host`), "error", "no registry of that name", "registry", ""},
		"network":      {pull(long + `dial tcp 10.0.0.1:443: i/o timeout`), "error", "cannot be reached", "network", ""},
		"trust":        {pull(long + `tls: failed to verify certificate: x509: certificate signed by unknown authority`), "error", "not trusted", "certificate", ""},
		"architecture": {pull(long + `no match for platform in manifest`), "error", "architecture", "architecture", ""},
		"unsaid":       {pull("Back-off pulling image"), "error", "does not say why", "look again", ""},
		"pull secret": {
			pull(long+"denied: requested access", event("u-web-1", "FailedToRetrieveImagePullSecret", `Unable to retrieve some image pull secrets (regcred)`)),
			"error", "pull secret does not exist", "pull secret's name", "regcred",
		},
		"told by an event": {pull("Back-off pulling image", event("u-web-1", "Failed", "Failed to pull image: manifest unknown")), "error", "no tag", "tag", "manifest unknown"},
		"invalid name":     {deploymentWith(pod("web-1", waiting("InvalidImageName", "couldn't parse"))), "error", "not valid", "repository[:tag]", ""},
		"never":            {deploymentWith(pod("web-1", waiting("ErrImageNeverPull", ""))), "error", "Never", "IfNotPresent", ""},
		"fine":             {deploymentWith(ready(pod("web-1", corev1.ContainerStatus{}))), "pass", "", "", ""},
		"no pods":          {deploymentWith(), "", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc.verify(t, "image-pull") })
	}
}

func TestSplitImage(t *testing.T) {
	t.Parallel()
	for image, want := range map[string][2]string{
		"nginx": {"nginx", "latest"}, "nginx:1": {"nginx", "1"}, "host:5000/a/b": {"host:5000/a/b", "latest"},
		"host:5000/a:v2": {"host:5000/a", "v2"}, "a@sha256:12": {"a", "sha256:12"},
	} {
		name, tag := splitImage(image)
		require.Equal(t, want, [2]string{name, tag}, image)
	}
}

func TestCrashLoop(t *testing.T) {
	t.Parallel()
	logged := deploymentWith(pod("web-1", crashing("Error", 1)), pod("web-2", crashing("Error", 1)))
	logged.Logs = []Log{{Pod: "web-1", Container: "web", Lines: []string{"starting", "DB_PASSWORD=hunter2", "panic: no host"}}}
	again := crashing("Error", 1)
	again.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	healthy := again
	healthy.Ready = true
	for name, tc := range map[string]expected{
		"with its log":  {logged, "error", "exit code 1; so it is in 2 pods", "log", "panic: no host"},
		"command":       {deploymentWith(pod("web-1", crashing("StartError", 127))), "error", "was not found in the image", "correct the command", ""},
		"ends well":     {deploymentWith(pod("web-1", crashing("Completed", 0))), "error", "nothing to do any more", "job", ""},
		"killed":        {deploymentWith(pod("web-1", crashing("Error", 137))), "error", "killed", "liveness", ""},
		"runs again":    {deploymentWith(pod("web-1", again)), "error", "exit code 1", "", ""},
		"has recovered": {deploymentWith(pod("web-1", healthy)), "pass", "", "", ""},
		"memory":        {deploymentWith(pod("web-1", crashing("OOMKilled", 137))), "pass", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc.verify(t, "crash-loop") })
	}
	d := Diagnose(logged, time.Now())
	require.NotContains(t, texts(d), "hunter2")
	require.Equal(t, &models.ObjectName{Kind: "Deployment", Namespace: "default", Name: "web"}, d.Findings[0].Parent)
	require.Equal(t, models.ObjectName{Kind: "Pod", Namespace: "default", Name: "web-1"}, d.Findings[0].Object)
}

// texts joins everything that a diagnosis says.
func texts(d models.Diagnosis) string {
	var b strings.Builder
	for _, f := range d.Findings {
		b.WriteString(f.Message + "\n" + f.Suggestion + "\n")
		for _, e := range f.Evidence {
			b.WriteString(e.Text + "\n")
		}
	}
	return b.String()
}

func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	unlimited := pod("web-1", crashing("OOMKilled", 137))
	unlimited.Spec.Containers[0].Resources = corev1.ResourceRequirements{}
	for name, tc := range map[string]expected{
		"limit":    {deploymentWith(pod("web-1", crashing("OOMKilled", 137))), "error", "limit of 64Mi", "128Mi", "OOMKilled"},
		"no limit": {deploymentWith(unlimited), "error", "node had left", "set a memory limit", ""},
		"fine":     {deploymentWith(ready(unlimited)), "pass", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc.verify(t, "out-of-memory") })
	}
}

func TestUnschedulable(t *testing.T) {
	t.Parallel()
	node := func(name string, change func(n *corev1.Node)) corev1.Node {
		n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		n.Status.Allocatable = corev1.ResourceList{"cpu": resource.MustParse("4"), "memory": resource.MustParse("8Gi")}
		change(&n)
		return n
	}
	f := deploymentWith(unscheduled("0/3 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint {gpu: yes, no}, " +
		"1 node(s) were unschedulable. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful."))
	f.Pods[0].Spec.Containers[0].Resources.Requests = corev1.ResourceList{"memory": resource.MustParse("16Gi")}
	f.Pods[0].Spec.NodeSelector = map[string]string{"disk": "ssd"}
	f.Nodes = []corev1.Node{
		node("small", func(n *corev1.Node) { n.Labels = map[string]string{"disk": "ssd"} }),
		node("tainted", func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: "gpu", Value: "yes", Effect: corev1.TaintEffectNoSchedule}}
		}),
		node("cordoned", func(n *corev1.Node) { n.Spec.Unschedulable = true }),
	}
	tolerant := f
	tolerant.Pods = []corev1.Pod{*f.Pods[0].DeepCopy()}
	tolerant.Pods[0].Spec.Tolerations = []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}}
	for name, tc := range map[string]expected{
		"reasons":   {f, "error", "none of the 3 nodes can take the pod: 1 Insufficient memory; 1 node(s) had untolerated taint {gpu: yes, no}; 1 node(s) were unschedulable", "request less", "node tainted: has the taint gpu=yes:NoSchedule, lacks the label disk=ssd, has 8Gi of memory in all, and the pod requests 16Gi"},
		"cordoned":  {f, "error", "", "", "node cordoned: is cordoned"},
		"tolerated": {tolerant, "error", "", "", "node tainted: lacks the label"},
		"volume":    {deploymentWith(unscheduled("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")), "error", "unbound immediate", "claims", ""},
		"selector":  {deploymentWith(unscheduled("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.")), "error", "affinity/selector", "node selector", ""},
		"unknown":   {deploymentWith(unscheduled("something new")), "error", "no node can take the pod", "compare", "something new"},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc.verify(t, "scheduling") })
	}
}

func TestPodStart(t *testing.T) {
	t.Parallel()
	mount := deploymentWith(pod("web-1", waiting("ContainerCreating", "")))
	mount.Events = []corev1.Event{event("u-web-1", "FailedMount", `MountVolume.SetUp failed for volume "conf" : configmap "conf" not found`)}
	sandbox := deploymentWith(pod("web-1", waiting("ContainerCreating", "")))
	sandbox.Events = []corev1.Event{event("u-web-1", "FailedCreatePodSandBox", "no IP addresses left")}
	for name, tc := range map[string]expected{
		"secret":  {deploymentWith(pod("web-1", waiting("CreateContainerConfigError", `secret "db" not found`))), "error", `secret "db" not found`, "create the Secret", ""},
		"mount":   {mount, "error", "cannot be mounted", "correct the volume", `configmap "conf" not found`},
		"network": {sandbox, "error", "pod's network", "network plugin", "no IP addresses left"},
		"fine":    {deploymentWith(ready(pod("web-1", corev1.ContainerStatus{}))), "pass", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc.verify(t, "pod-start") })
	}
}

func TestProbes(t *testing.T) {
	t.Parallel()
	failing := func(message string) Facts {
		p := pod("web-1", corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}})
		p.Status.Phase = corev1.PodRunning
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/ok", Port: intstr.FromInt32(9)}}}
		f := deploymentWith(p)
		f.Events = []corev1.Event{event("u-web-1", "Unhealthy", message)}
		return f
	}
	over := failing("Readiness probe failed: 503")
	over.Pods = []corev1.Pod{ready(over.Pods[0])}
	for name, tc := range map[string]expected{
		"readiness": {failing("Readiness probe failed: HTTP probe failed with statuscode: 503"), "warning", "the readiness probe", "path and port", "asks for /ok on port 9"},
		"liveness":  {failing("Liveness probe failed: dial tcp: connection refused"), "error", "the liveness probe", "path and port", "connection refused"},
		"overcome":  {over, "pass", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc.verify(t, "probes") })
	}
}

// refused returns a Deployment that may make no pod.
func refusedDeployment(message string) Facts {
	f := deploymentWith()
	f.Deployment = &appsv1.Deployment{Status: appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{
		{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: message},
	}}}
	return f
}

func TestRefusedPods(t *testing.T) {
	t.Parallel()
	const forbidden = `pods "web-5d9c-x2x" is forbidden: `
	quotas := refusedDeployment(forbidden + "exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2")
	quotas.Quotas = []corev1.ResourceQuota{{ObjectMeta: metav1.ObjectMeta{Name: "small"}, Status: corev1.ResourceQuotaStatus{
		Hard: corev1.ResourceList{"pods": resource.MustParse("2")}, Used: corev1.ResourceList{"pods": resource.MustParse("2")},
	}}}
	set := of("statefulset", "StatefulSet")
	set.StatefulSet = &appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Replicas: new(int32(2))}}
	set.Events = []corev1.Event{event("u-main", "FailedCreate", `create Pod web-0 in StatefulSet web failed error: admission webhook "no.example.org" denied the request: not today`)}
	made := set.with(func(f *Facts) {
		e := event("u-main", "SuccessfulCreate", "")
		e.LastTimestamp = metav1.NewTime(time.Now())
		f.Events = append(f.Events[:1:1], e)
	})
	for name, tc := range map[string]struct {
		check string
		expected
	}{
		"quota":                     {"quota", expected{quotas, "error", "quota of namespace default is used up", "request less", "quota small: 2 of 2 pods are used"}},
		"webhook":                   {"admission-webhook", expected{set, "error", `webhook "no.example.org" refuses it: not today`, "webhook complains", "FailedCreate"}},
		"webhook away":              {"admission-webhook", expected{refusedDeployment(`Internal error occurred: failed calling webhook "a.b.c": connection refused`), "error", `webhook "a.b.c" does not answer`, "repair", ""}},
		"pod security":              {"pod-creation", expected{refusedDeployment(forbidden + `violates PodSecurity "restricted:latest": runAsNonRoot != true`), "error", "violates PodSecurity", "security settings", ""}},
		"limit range":               {"pod-creation", expected{refusedDeployment(forbidden + "maximum cpu usage per Container is 1, but limit is 2"), "error", "maximum cpu", "limit range", ""}},
		"account":                   {"pod-creation", expected{refusedDeployment(forbidden + `error looking up service account default/robot: serviceaccount "robot" not found`), "error", "robot", "service account", ""}},
		"quota is no other trouble": {"pod-creation", expected{quotas.with(func(f *Facts) { f.Pods = []corev1.Pod{ready(pod("web-1", corev1.ContainerStatus{}))} }), "pass", "", "", ""}},
		"overcome":                  {"admission-webhook", expected{made, "", "", "", ""}},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc.verify(t, tc.check) })
	}
}

func TestLogsAreBoundedAndRedacted(t *testing.T) {
	t.Parallel()
	f := deploymentWith(pod("web-1", crashing("Error", 1)))
	var lines []string
	for range 500 {
		lines = append(lines, strings.Repeat("x", 5000))
	}
	lines = append(lines,
		`{"password": "s3cret-1", "user":"ann"}`, "Authorization: Bearer s3cret-2-abcdefgh", "postgres://ann:s3cret-3@db/x",
		"AWS key AKIAABCDEFGHIJKLMNOP", "-----BEGIN RSA PRIVATE KEY-----s3cret-4", "client_secret=s3cret-5", "ghp_0123456789abcdefghij0123",
		`config: api-key: 's3cret-6'`, "--token s3cret", "the end")
	f.Logs = []Log{{Pod: "web-1", Container: "web", Lines: lines}}
	d := Diagnose(f, time.Now())
	require.LessOrEqual(t, len(d.Findings[0].Evidence), maxLines+maxEvents+1)
	text := texts(d)
	require.Contains(t, text, "the end")
	for _, secret := range []string{"s3cret-", "AKIAABC", "ghp_012"} {
		require.NotContains(t, text, secret)
	}
	for _, e := range d.Findings[0].Evidence {
		require.LessOrEqual(t, len([]rune(e.Text)), 600)
	}
}

func TestFindingsAreBounded(t *testing.T) {
	t.Parallel()
	f := deploymentWith()
	for i := range 200 {
		p := pod("web", waiting("ImagePullBackOff", "not found"))
		p.Spec.Containers[0].Image = "nginx:" + strings.Repeat("1", i)
		f.Pods = append(f.Pods, p)
	}
	f.MorePods = true
	f.Unread[PartEvents] = "forbidden"
	d := Diagnose(f, time.Now())
	require.Len(t, d.Findings, maxFindings)
	require.Len(t, d.Notes, 3)
}
