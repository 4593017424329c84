package terminal

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
)

func TestADebugContainer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{Longest: 8 * time.Hour})
		c := r.open(models.TerminalRequest{Debug: true, Container: "proxy"})
		time.Sleep(time.Minute)
		require.Len(t, r.cluster.added(), 1)
		added := r.cluster.added()[0]
		require.True(t, strings.HasPrefix(added.Name, "kubeorch-debug-"), added.Name)
		require.Equal(t, "proxy", added.TargetContainerName)
		require.Equal(t, "busybox:stable", added.Image)
		require.Contains(t, added.Command[2], "sleep 28800")
		require.Nil(t, added.SecurityContext)
		require.Contains(t, c.messages()[0], added.Name)
		require.Equal(t, []string{"output: Starting the debug container " + added.Name + " from busybox:stable …\r\n", "output: $ "}, c.messages()[1:])

		again := r.open(models.TerminalRequest{Debug: true, Container: "proxy"})
		another := r.open(models.TerminalRequest{Debug: true, Container: "proxy", Image: "alpine:3"})
		time.Sleep(time.Minute)
		require.Len(t, r.cluster.added(), 2, "one that runs is used again")
		require.Contains(t, again.messages()[0], added.Name)
		require.Equal(t, "alpine:3", r.cluster.added()[1].Image)
		require.NoError(t, r.Stop(t.Context()))
		_ = another
	})
}

func TestADebugContainerUnderShares(t *testing.T) {
	t.Parallel()
	root, user, no := int64(0), int64(1001), false
	for name, tc := range map[string]struct {
		level  string
		pod    func(*corev1.Pod)
		user   *int64 // of the debug container; nil: the image's
		refuse string
	}{
		"baseline":                              {level: models.PodBaseline},
		"restricted":                            {level: models.PodRestricted, user: new(int64(nobody))},
		"restricted, beside a user":             {level: models.PodRestricted, user: &user, pod: func(p *corev1.Pod) { p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &user} }},
		"restricted, beside root":               {level: models.PodRestricted, user: new(int64(nobody)), pod: func(p *corev1.Pod) { p.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{RunAsUser: &root} }},
		"in a pod of the owner's with the host": {level: models.PodBaseline, pod: func(p *corev1.Pod) { p.Spec.HostPID = true }, refuse: "host namespaces"},
		"in a pod with another service account": {level: models.PodBaseline, pod: func(p *corev1.Pod) { p.Spec.ServiceAccountName = "admin" }, refuse: "serviceAccountName"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{})
				r.grant = models.ClusterGrant{
					Role: models.ClusterEditor, Namespaces: []string{"shop"}, Pods: models.PodBounds{PodSecurity: tc.level},
				}
				if tc.pod != nil {
					tc.pod(r.cluster.pod)
				}
				c := newClient()
				err := r.openFor(c, models.TerminalRequest{Debug: true})
				if tc.refuse != "" {
					require.Equal(t, models.Forbidden, models.KindOf(err))
					require.Contains(t, models.MessageOf(err), tc.refuse)
					return
				}
				require.NoError(t, err)
				time.Sleep(time.Minute)
				security := r.cluster.added()[0].SecurityContext
				if tc.user == nil {
					require.Nil(t, security)
				} else {
					require.Equal(t, tc.user, security.RunAsUser)
					require.Equal(t, &no, security.AllowPrivilegeEscalation)
				}
				require.NoError(t, r.Stop(t.Context()))
			})
		})
	}
}

func TestADebugContainerThatDoesNotStart(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		state corev1.ContainerState
		says  string
		after time.Duration
	}{
		"an image that cannot be pulled": {
			corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "not found"}},
			"the debug container did not start: ErrImagePull: not found", 0,
		},
		"a command that ends": {
			corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error"}},
			"the debug container did not start: it has ended with exit code 1, Error", 0,
		},
		"a slow image": {
			corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}},
			"the debug container did not start within 2m: ContainerCreating", debugStart,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{})
				r.cluster.starts = tc.state
				begin := time.Now()
				c := r.open(models.TerminalRequest{Debug: true})
				<-c.left
				require.Equal(t, tc.after, time.Since(begin))
				require.Equal(t, []string{"error: " + tc.says, "close: " + tc.says}, c.messages()[2:])
			})
		})
	}
}
