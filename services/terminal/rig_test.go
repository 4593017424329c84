package terminal

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

const (
	ann = "aaaaaaaaaaaaaaaaaaaaaaaa"
	web = "111111111111111111111111"
)

var podWeb = models.Resource{
	ID: web, ClusterName: "prod", ResourceRef: models.ResourceRef{ClusterID: "c1", Kind: "Pod", Namespace: "shop", Name: "web-0"},
}

// client is a fake socket.
type client struct {
	received chan models.TerminalMessage
	left     chan struct{} // closed by Close and by leave
	leave    func()
	deaf     bool // does not answer pings

	mu   sync.Mutex
	sent []models.TerminalMessage
}

func newClient() *client {
	c := &client{received: make(chan models.TerminalMessage), left: make(chan struct{})}
	c.leave = sync.OnceFunc(func() { close(c.left) })
	return c
}

func (c *client) Receive(input func([]byte) error) (models.TerminalMessage, error) {
	select {
	case m := <-c.received:
		switch {
		case m.Type == "broken":
			return m, &models.Error{Kind: models.Invalid, Msg: "it is broken"}
		case m.Type == models.TerminalInput:
			return models.TerminalMessage{Type: m.Type}, input([]byte(m.Data))
		}
		return m, nil
	case <-c.left:
		return models.TerminalMessage{}, io.EOF
	}
}

func (c *client) Send(_ context.Context, m models.TerminalMessage) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, m)
	return nil
}

func (c *client) Ping(ctx context.Context) error {
	if !c.deaf {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.left:
		return net.ErrClosed
	}
}

func (c *client) Close() { c.leave() }

// messages returns what was sent, as "type: data".
func (c *client) messages() (list []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.sent {
		list = append(list, m.Type+": "+m.Data)
	}
	return list
}

func (c *client) types(text string) {
	c.received <- models.TerminalMessage{Type: models.TerminalInput, Data: text}
}

// fakeCluster has one pod, whose shells are functions.
type fakeCluster struct {
	pod    *corev1.Pod
	podErr error
	shells map[string]func(s kubernetes.TerminalStreams) error
	starts corev1.ContainerState // of what was added
	done   chan struct{}

	mu  sync.Mutex
	new []corev1.EphemeralContainer
}

// added returns the ephemeral containers that were added.
func (f *fakeCluster) added() []corev1.EphemeralContainer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.new)
}

func (f *fakeCluster) Done() <-chan struct{} { return f.done }

func (f *fakeCluster) Pod(context.Context, string, string) (*corev1.Pod, error) {
	if f.podErr != nil {
		return nil, f.podErr
	}
	pod := f.pod.DeepCopy()
	for _, c := range f.added() {
		pod.Spec.EphemeralContainers = append(pod.Spec.EphemeralContainers, c)
		pod.Status.EphemeralContainerStatuses = append(pod.Status.EphemeralContainerStatuses, corev1.ContainerStatus{Name: c.Name, State: f.starts})
	}
	return pod, nil
}

func (f *fakeCluster) AddEphemeralContainer(_ context.Context, _, _ string, c corev1.EphemeralContainer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.new = append(f.new, c)
	return nil
}

// Exec also ends with ctx, as the real one does, whatever the shell does.
func (f *fakeCluster) Exec(ctx context.Context, t kubernetes.ExecTarget, s kubernetes.TerminalStreams) error {
	shell, ok := f.shells[t.Command[0]]
	if !ok {
		s.NextSize()
		return &kubernetes.Error{Reason: kubernetes.NoCommand, Message: "exec: " + t.Command[0] + ": no such file or directory"}
	}
	ended := make(chan error, 1)
	go func() { ended <- shell(s) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// echo prints a prompt and then all that it reads, until that is "exit".
func echo(s kubernetes.TerminalStreams) error {
	s.NextSize()
	_, _ = io.WriteString(s.Output, "$ ")
	buf := make([]byte, 1024)
	for {
		n, err := s.Input.Read(buf)
		if errors.Is(err, io.EOF) || strings.HasPrefix(string(buf[:n]), "exit") {
			return nil
		}
		if _, err := s.Output.Write(buf[:n]); err != nil {
			return err
		}
	}
}

// rig is a service with fakes.
type rig struct {
	*Service

	t        *testing.T
	resource models.Resource
	refuses  error // of access to the resource
	withdraw context.CancelCauseFunc
	grant    models.ClusterGrant
	cluster  *fakeCluster

	mu      sync.Mutex
	entries []models.AuditEntry
	denies  error // of access to the cluster
}

// change changes what others may do to the share while a terminal is open.
func (r *rig) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func newRig(t *testing.T, o Options) *rig {
	t.Helper()
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	r := &rig{t: t, resource: podWeb, grant: models.ClusterGrant{Role: models.ClusterOwner}, cluster: &fakeCluster{
		pod: &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-0"},
			Spec:       corev1.PodSpec{NodeName: "node-1", ServiceAccountName: "default", Containers: []corev1.Container{{Name: "web"}, {Name: "proxy"}}},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{
				{Name: "web", State: running}, {Name: "proxy", State: running},
			}},
		},
		shells: map[string]func(kubernetes.TerminalStreams) error{"/bin/sh": echo}, starts: running, done: make(chan struct{}),
	}}
	o.DebugImage = "busybox:stable"
	r.Service = NewService(Deps{
		Resources: r, Access: r, Audit: r, Log: slog.New(slog.DiscardHandler),
		Connect: func(context.Context, string) (cluster, error) { return r.cluster, nil },
	}, o)
	return r
}

func (r *rig) Hold(ctx context.Context, userID, id string, action models.ClusterAction) (models.Resource, context.Context, context.CancelFunc, error) {
	require.Equal(r.t, models.ClusterDeploy, action)
	if userID != ann || id != web {
		return models.Resource{}, nil, nil, &models.Error{Kind: models.NotFound, Msg: "resource not found"}
	}
	if r.refuses != nil {
		return models.Resource{}, nil, nil, r.refuses
	}
	held, cancel := context.WithCancelCause(ctx)
	r.withdraw = cancel
	return r.resource, held, func() { cancel(nil) }, nil
}

func (r *rig) RequireByID(context.Context, string, string, models.ClusterAction) (models.ClusterGrant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.grant, r.denies
}

func (r *rig) Record(_ context.Context, e models.AuditEntry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, e)
}

func (r *rig) openFor(c *client, req models.TerminalRequest) error {
	return r.Open(r.t.Context(), ann, web, req, AcceptThrough(func() (*client, error) { return c, nil }))
}

// open opens a terminal that must open.
func (r *rig) open(req models.TerminalRequest) *client {
	r.t.Helper()
	c := newClient()
	require.NoError(r.t, r.openFor(c, req))
	return c
}

var errHandshake = errors.New("no handshake")
