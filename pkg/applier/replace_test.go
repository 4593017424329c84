package applier

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// What cannot be changed is refused with what to do, and replaced on request.
func TestReplaceOnRequest(t *testing.T) {
	t.Parallel()
	claim := func(size, mode string) string {
		return fmt.Sprintf(`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: o}, spec: {accessModes: [%s], resources: {requests: {storage: %s}}}}`, mode, size)
	}
	for name, c := range map[string]struct{ before, after string }{
		"selector": {podSpec("Deployment", "", "", ""), strings.ReplaceAll(podSpec("Deployment", "", "", ""), "{app: web}", "{app: other}")},
		"claims of a statefulset": {podSpec("StatefulSet", "", "", ""), podSpec("StatefulSet", "", "",
			"volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]")},
		"immutable settings": {`{apiVersion: v1, kind: ConfigMap, metadata: {name: o}, immutable: true, data: {a: "1"}}`,
			`{apiVersion: v1, kind: ConfigMap, metadata: {name: o}, immutable: true, data: {a: "2"}}`},
		"type of a secret": {`{apiVersion: v1, kind: Secret, metadata: {name: o}, data: {a: MQ==}}`,
			`{apiVersion: v1, kind: Secret, type: example.com/x, metadata: {name: o}, data: {a: MQ==}}`},
		"size of a claim": {claim("2Gi", "ReadWriteOnce"), claim("1Gi", "ReadWriteOnce")},
		"mode of a claim": {claim("1Gi", "ReadWriteOnce"), claim("1Gi", "ReadOnlyMany")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newFixture(t)
			first := b.one(Created, c.before)
			refused := b.one(Failed, c.after)
			require.Contains(t, refused.Message, `"replace"`)
			b.one(Unchanged, c.before)

			a := b.by("w1")
			req := Request{Object: b.object(c.after), Replace: true}
			require.Equal(t, Configured, a.Try(t.Context(), []Request{req})[0].Action)
			done := a.Apply(t.Context(), []Request{req}, nil)[0]
			require.Equal(t, Configured, done.Action, done.Message)
			require.NotEqual(t, first.UID, done.UID)
			b.one(Unchanged, c.after)
			theirs := b.by("w2").Apply(t.Context(), []Request{{Object: b.object(c.before), Replace: true}}, nil)[0]
			require.ErrorIs(t, theirs.Err, ErrForeign)
		})
	}
}

// A StatefulSet that is replaced keeps its pods.
func TestReplacedStatefulSetKeepsItsPods(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.one(Created, podSpec("StatefulSet", "", "", ""))
	before := b.pod("web-0", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning })
	after := strings.Replace(podSpec("StatefulSet", "", "", ""), "serviceName: web", "serviceName: other", 1)
	done := b.by("w1").Apply(t.Context(), []Request{{Object: b.object(after), Replace: true}}, nil)[0]
	require.Equal(t, Configured, done.Action, done.Message)
	now := b.pod("web-0", func(p *corev1.Pod) bool { c := metav1.GetControllerOf(p); return c != nil && c.UID == done.UID })
	require.Equal(t, before.UID, now.UID)
}

// A StatefulSet whose pod does not start goes on when it is corrected.
func TestStatefulSetLeavesABrokenRevision(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	owner := `{app: web, managed-by: kubeorch, kubeorch.io/workflow: w1}`
	sound := strings.Replace(podSpec("StatefulSet", "", "", ""), "metadata: {labels: {app: web}}", "metadata: {labels: "+owner+"}", 1)
	broken := strings.Replace(sound, "labels: "+owner+"}", "labels: "+owner+`, annotations: {devcluster.kubeorch.io/fail: image-pull}}`, 1)
	b.one(Created, broken)
	waiting := func(p *corev1.Pod) bool {
		return len(p.Status.ContainerStatuses) > 0 && p.Status.ContainerStatuses[0].State.Waiting != nil &&
			p.Status.ContainerStatuses[0].State.Waiting.Reason == "ImagePullBackOff"
	}
	stuck := b.pod("web-0", waiting)
	corrected := b.one(Configured, sound)
	freed := b.by("w1").FreeStatefulSets(t.Context(), []Ref{corrected.Ref})
	for _, c := range freed { // Kubernetes may have been faster
		require.Equal(t, "web-0", c.Name)
		require.Equal(t, Deleted, c.Action, c.Message)
	}
	now := b.pod("web-0", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning })
	require.NotEqual(t, stuck.UID, now.UID)
	require.Empty(t, b.by("w1").FreeStatefulSets(t.Context(), []Ref{corrected.Ref}), "sound pods are left alone")
}

// pod waits for a pod that want accepts.
func (b *fixture) pod(name string, want func(*corev1.Pod) bool) *corev1.Pod {
	b.t.Helper()
	var found *corev1.Pod
	kubetest.Eventually(b.t, "pod "+name, func(ctx context.Context) error {
		p, err := b.conn.Typed().CoreV1().Pods(b.ns).Get(ctx, name, metav1.GetOptions{})
		if err == nil && !want(p) {
			err = fmt.Errorf("it is %s", p.Status.Phase)
		}
		found = p
		return err
	})
	return found
}
