package terminal

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

const metadata = `metadata: {"pod":"web-0","container":"web","namespace":"shop","cluster":"prod"}`

func TestATerminalEndsWithItsReason(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		do      func(r *rig, c *client)
		ends    []string
		outcome string
	}{
		"the shell ends": {func(_ *rig, c *client) { c.types("exit") }, []string{"close: the shell has ended"}, models.AuditSuccess},
		"idleness":       {func(*rig, *client) {}, []string{"close: nothing was typed or printed for 30m"}, models.AuditSuccess},
		"a long day": {func(_ *rig, c *client) {
			for range 9 * 6 {
				time.Sleep(10 * time.Minute)
				select {
				case c.received <- models.TerminalMessage{Type: models.TerminalInput, Data: "x"}:
				case <-c.left:
				}
			}
		}, []string{"close: the terminal was open for 8h, which is as long as it may be"}, models.AuditSuccess},
		"access is withdrawn": {func(r *rig, _ *client) {
			r.withdraw(&models.Error{Kind: models.Forbidden, Msg: "the cluster is not shared with you any more"})
		}, []string{"error: the cluster is not shared with you any more", "close: the cluster is not shared with you any more"}, models.AuditFailed},
		"a narrower share": {func(r *rig, _ *client) {
			r.change(func() { r.grant = models.ClusterGrant{Role: models.ClusterEditor, Namespaces: []string{"shop"}} })
		}, []string{"close: what the cluster is shared with you for has changed; open the terminal again"}, models.AuditSuccess},
		"a share that is gone": {func(r *rig, _ *client) {
			r.change(func() { r.denies = &models.Error{Kind: models.NotFound, Msg: "cluster not found"} })
		}, []string{"error: cluster not found", "close: cluster not found"}, models.AuditFailed},
		"a database that is away": {func(r *rig, _ *client) {
			r.change(func() { r.denies = &models.Error{Kind: models.Unavailable, Msg: "later"} })
		}, []string{"close: nothing was typed or printed for 30m"}, models.AuditSuccess},
		"new credentials": {func(r *rig, _ *client) { close(r.cluster.done) }, []string{
			"close: the connection to the cluster was replaced, as its credentials have changed; open the terminal again",
		}, models.AuditSuccess},
		"the server stops":   {func(r *rig, _ *client) { require.NoError(r.t, r.Stop(r.t.Context())) }, []string{"close: the server is stopping"}, models.AuditSuccess},
		"the client leaves":  {func(_ *rig, c *client) { c.leave() }, nil, models.AuditSuccess},
		"the client is gone": {func(*rig, *client) {}, nil, models.AuditSuccess},
		"nonsense": {func(_ *rig, c *client) { c.received <- models.TerminalMessage{Type: "broken"} },
			[]string{"error: it is broken", "close: it is broken"}, models.AuditFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{Idle: 30 * time.Minute, Longest: 8 * time.Hour})
				c := newClient()
				c.deaf = name == "the client is gone"
				require.NoError(t, r.openFor(c, models.TerminalRequest{}))
				synctest.Wait()
				require.Equal(t, []string{metadata, "output: $ "}, c.messages())
				tc.do(r, c)
				<-c.left
				r.running.Wait()
				var ends []string
				for _, m := range c.messages()[2:] {
					if !strings.HasPrefix(m, "output: ") {
						ends = append(ends, m)
					}
				}
				require.Equal(t, tc.ends, ends)

				require.Len(t, r.entries, 1)
				e := r.entries[0]
				require.NotEmpty(t, e.Details["duration"])
				require.NotEmpty(t, e.Details["reason"])
				e.Details["duration"], e.Details["reason"] = "", ""
				require.Equal(t, models.AuditEntry{
					ActorID: ann, Action: "terminal.end", Outcome: tc.outcome, Target: map[string]string{"id": web},
					Details: map[string]string{"cluster": "prod", "namespace": "shop", "pod": "web-0", "container": "web", "duration": "", "reason": ""},
				}, e)
			})
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	privileged := true
	for name, tc := range map[string]struct {
		change func(r *rig)
		req    models.TerminalRequest
		kind   models.Kind
		says   string
	}{
		"another program":       {req: models.TerminalRequest{Shell: "/bin/cat"}, kind: models.Invalid, says: "field shell: must be one of /bin/sh, /bin/bash, sh, bash"},
		"another container":     {req: models.TerminalRequest{Container: "db"}, kind: models.Invalid, says: "field container: must be a container of the pod, which has web, proxy"},
		"an image that is none": {req: models.TerminalRequest{Debug: true, Image: "a b"}, kind: models.Invalid, says: "field image"},
		"an image for nothing":  {req: models.TerminalRequest{Image: "busybox"}, kind: models.Invalid, says: "set debug=true"},
		"somebody else's": {change: func(r *rig) {
			r.refuses = &models.Error{Kind: models.NotFound, Msg: "resource not found"}
		}, kind: models.NotFound, says: "resource not found"},
		"a Deployment": {change: func(r *rig) { r.resource.Kind, r.resource.Group = "Deployment", "apps" }, kind: models.Invalid, says: "this is a Deployment"},
		"a pod that is gone": {change: func(r *rig) {
			r.cluster.podErr = &kubernetes.Error{Reason: kubernetes.NotFound, Message: "not found"}
		}, kind: models.NotFound, says: "the pod is gone"},
		"a pod that has succeeded": {change: func(r *rig) { r.cluster.pod.Status.Phase = corev1.PodSucceeded }, kind: models.Conflict, says: "its phase is Succeeded"},
		"a pod that has failed":    {change: func(r *rig) { r.cluster.pod.Status.Phase = corev1.PodFailed }, kind: models.Conflict, says: "its phase is Failed"},
		"a container that waits": {change: func(r *rig) {
			r.cluster.pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}
		}, kind: models.Conflict, says: "container web is not running: ImagePullBackOff"},
		"a container that has ended": {change: func(r *rig) {
			r.cluster.pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 2}}
		}, kind: models.Conflict, says: "it has ended with exit code 2"},
		"a container that was not started": {change: func(r *rig) { r.cluster.pod.Status.ContainerStatuses = nil }, kind: models.Conflict, says: "has not been started"},
		"a privileged container under a share of a namespace": {change: func(r *rig) {
			r.grant = models.ClusterGrant{Role: models.ClusterEditor, Namespaces: []string{"shop"}}
			r.cluster.pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: &privileged}
		}, kind: models.Forbidden, says: `container web may do more than the cluster is shared with you for`},
		"a service account under a share of a namespace": {change: func(r *rig) {
			r.grant = models.ClusterGrant{Role: models.ClusterEditor, Namespaces: []string{"shop"}}
			r.cluster.pod.Spec.ServiceAccountName = "admin"
		}, kind: models.Forbidden, says: "spec.serviceAccountName"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Options{})
			if tc.change != nil {
				tc.change(r)
			}
			err := r.Open(t.Context(), ann, web, tc.req, func() (socket, error) { panic("accepted") })
			require.Equal(t, tc.kind, models.KindOf(err), "%v", err)
			require.Contains(t, models.MessageOf(err), tc.says)
		})
	}
}

func TestATerminalUnderAShareOfANamespace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.grant = models.ClusterGrant{Role: models.ClusterEditor, Namespaces: []string{"shop"}}
		privileged := true
		r.cluster.pod.Spec.Containers[1].SecurityContext = &corev1.SecurityContext{Privileged: &privileged} // another one
		c := r.open(models.TerminalRequest{})
		synctest.Wait()
		require.Contains(t, c.messages(), "output: $ ")
		require.NoError(t, r.Stop(t.Context()))
	})
}

// What a cluster fails with is told by the terminal.
func TestAClusterThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.cluster.podErr = &kubernetes.Error{Reason: kubernetes.Timeout, Message: "the cluster did not answer in time"}
		c := r.open(models.TerminalRequest{Container: "web"})
		<-c.left
		require.Equal(t, []string{metadata, "error: the cluster did not answer in time", "close: the cluster did not answer in time"}, c.messages())
	})
}

func TestTerminalsOfAUserAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{PerUser: 2})
		first := r.open(models.TerminalRequest{})
		r.open(models.TerminalRequest{})
		require.Equal(t, models.TooMany, models.KindOf(r.openFor(newClient(), models.TerminalRequest{})))
		first.leave()
		synctest.Wait()
		err := r.Open(t.Context(), ann, web, models.TerminalRequest{}, func() (socket, error) { return nil, errHandshake })
		require.ErrorIs(t, err, errHandshake)
		r.open(models.TerminalRequest{}) // what failed before left its place
		require.NoError(t, r.Stop(t.Context()))
		require.Equal(t, models.Unavailable, models.KindOf(r.openFor(newClient(), models.TerminalRequest{})))
	})
}

func TestTheSessionEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		ended, released := make(chan struct{}), false
		guard := models.NewSessionGuard(ended, func() { released = true })
		c := newClient()
		ctx, leave := context.WithCancel(models.WithSessionGuard(t.Context(), guard))
		require.NoError(t, r.Open(ctx, ann, web, models.TerminalRequest{}, AcceptThrough(func() (*client, error) { return c, nil })))
		guard.Release()
		leave() // the request is over
		synctest.Wait()
		require.False(t, released)
		close(ended)
		<-c.left
		require.Equal(t, "close: the session has ended", c.messages()[2])
		synctest.Wait()
		require.True(t, released)
	})
}

// Input that comes before there is a shell is kept for the one that the image has.
func TestShellsThatAreMissing(t *testing.T) {
	t.Parallel()
	for name, missing := range map[string]func(kubernetes.TerminalStreams) error{
		"as the runtime says": nil,
		"by exit code 127":    func(s kubernetes.TerminalStreams) error { s.NextSize(); return &kubernetes.ExitError{Code: 127} },
		"by exit code 126, late": func(s kubernetes.TerminalStreams) error {
			s.NextSize()
			go func() { _, _ = s.Input.Read(make([]byte, 10)) }()
			time.Sleep(patience - time.Millisecond)
			return &kubernetes.ExitError{Code: 126}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{})
				r.cluster.shells = map[string]func(kubernetes.TerminalStreams) error{"bash": echo}
				if missing != nil {
					r.cluster.shells["/bin/bash"] = missing
				}
				c := r.open(models.TerminalRequest{Shell: "/bin/bash"})
				go c.types("whoami")
				time.Sleep(time.Minute)
				require.Equal(t, []string{metadata, "output: $ ", "output: whoami"}, c.messages())
				require.NoError(t, r.Stop(t.Context()))
			})
		})
	}
}

func TestAnImageWithoutAShell(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.cluster.shells = nil
		c := r.open(models.TerminalRequest{})
		<-c.left
		says := "container web has no shell: none of /bin/sh, /bin/bash, sh, bash can be started " +
			"(exec: /bin/sh: no such file or directory); open the terminal with ?debug=true for one in a debug container beside it"
		require.Equal(t, []string{metadata, "error: " + says, "close: " + says}, c.messages())
	})
}

// A shell that ends by itself with such a code was there.
func TestTheExitCodeOfAShellThatWasUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		r.cluster.shells["/bin/sh"] = func(s kubernetes.TerminalStreams) error {
			_, _ = io.WriteString(s.Output, "$ ")
			_, _ = s.Input.Read(make([]byte, 10))
			return &kubernetes.ExitError{Code: 127}
		}
		c := r.open(models.TerminalRequest{})
		c.types("nosuch; exit")
		<-c.left
		require.Equal(t, "close: the shell has ended with exit code 127", c.messages()[2])
	})
}

// A shell that pauses makes the client wait, and its pings are not counted meanwhile.
func TestAShellThatDoesNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		var got strings.Builder
		r.cluster.shells["/bin/sh"] = func(s kubernetes.TerminalStreams) error {
			_, _ = io.WriteString(s.Output, "$ ")
			time.Sleep(10 * time.Minute)
			buf := make([]byte, 1000)
			for got.Len() < 100_000 {
				n, _ := s.Input.Read(buf)
				got.Write(buf[:n])
			}
			return nil
		}
		c := newClient()
		c.deaf = true
		require.NoError(t, r.openFor(c, models.TerminalRequest{}))
		var sent atomic.Int32
		go func() {
			for range 10 {
				c.types(strings.Repeat("x", 10_000))
				sent.Add(1)
			}
		}()
		time.Sleep(9 * time.Minute)
		require.EqualValues(t, 1, sent.Load(), "one is handed on")
		<-c.left
		require.Equal(t, strings.Repeat("x", 100_000), got.String())
		require.Equal(t, "close: the shell has ended", c.messages()[2])
	})
}

func TestSizes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		var got []kubernetes.TerminalSize
		r.cluster.shells["/bin/sh"] = func(s kubernetes.TerminalStreams) error {
			for {
				size, ok := s.NextSize()
				if !ok {
					return nil
				}
				got = append(got, size)
			}
		}
		c := r.open(models.TerminalRequest{})
		synctest.Wait()
		for _, size := range [][2]int{{30, 100}, {30, 100}, {0, 0}, {-1, 5}, {70_000, 5}, {1, 1}} {
			c.received <- models.TerminalMessage{Type: models.TerminalResize, Rows: size[0], Cols: size[1]}
			synctest.Wait()
		}
		require.Equal(t, []kubernetes.TerminalSize{{Rows: 24, Cols: 80}, {Rows: 30, Cols: 100}, {Rows: 1, Cols: 1}}, got)
		require.NoError(t, r.Stop(t.Context()))
	})
}

func TestCharactersStayWhole(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		writes []string
		want   []string
	}{
		"ASCII":                     {[]string{"a", "b"}, []string{"a", "b"}},
		"a character in two pieces": {[]string{"h\xc3", "\xa9!"}, []string{"h", "é!"}},
		"a character in four":       {[]string{"\xf0", "\x9f", "\x98", "\x80"}, []string{"😀"}},
		"bytes that are none":       {[]string{"a\xff\xfeb"}, []string{"a\ufffd\ufffdb"}},
		"a beginning without end":   {[]string{"\xe2\x82", "x"}, []string{"\ufffd\ufffdx"}},
		"an end without beginning":  {[]string{"\xa9"}, []string{"\ufffd"}},
		"cut off at the end":        {[]string{"é\xe2\x82"}, []string{"é", "\ufffd\ufffd"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			o := &output{send: func(text string) error { got = append(got, text); return nil }}
			for _, w := range tc.writes {
				n, err := o.Write([]byte(w))
				require.NoError(t, err)
				require.Equal(t, len(w), n)
			}
			o.flush()
			require.Equal(t, tc.want, got)
		})
	}
}
