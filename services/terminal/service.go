package terminal

import (
	"context"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/limit"
)

// lookTime bounds what is asked of a cluster before a terminal opens.
const lookTime = 10 * time.Second

// resources finds objects of clusters. The context that Hold returns ends, with a
// models.Error as its cause, when the access does.
type resources interface {
	Hold(ctx context.Context, userID, id string, action models.ClusterAction) (
		r models.Resource, held context.Context, release context.CancelFunc, err error)
}

// access tells what a user may do on a cluster.
type access interface {
	RequireByID(ctx context.Context, userID, clusterID string, action models.ClusterAction) (models.ClusterGrant, error)
}

// auditTrail keeps how terminals ended.
type auditTrail interface {
	Record(ctx context.Context, e models.AuditEntry)
}

// cluster is a connection to a cluster.
type cluster interface {
	Pod(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	AddEphemeralContainer(ctx context.Context, namespace, pod string, c corev1.EphemeralContainer) error
	Exec(ctx context.Context, t kubernetes.ExecTarget, s kubernetes.TerminalStreams) error
	Done() <-chan struct{}
}

// Connect returns the connection to the cluster with the given id.
type Connect func(ctx context.Context, clusterID string) (cluster, error)

// ConnectThrough adapts a function that returns a concrete connection.
func ConnectThrough[C cluster](f func(ctx context.Context, clusterID string) (C, error)) Connect {
	return func(ctx context.Context, clusterID string) (cluster, error) { return f(ctx, clusterID) }
}

// socket is the connection to the client.
type socket interface {
	// Receive waits for the next message. It passes the data of input on to input, in
	// pieces, and returns the message without it. A message that is wrong is an error
	// of kind Invalid; after any other error, the client has left.
	Receive(input func([]byte) error) (models.TerminalMessage, error)
	// Send writes a message. When ctx ends before, the connection is closed.
	Send(ctx context.Context, m models.TerminalMessage) error
	// Ping waits for an answer of the client.
	Ping(ctx context.Context) error
	// Close says goodbye, which takes some seconds at most, and makes Receive return.
	Close()
}

// Accept answers the request of a client and returns the connection to it.
type Accept func() (socket, error)

// AcceptThrough adapts a function that returns a concrete connection.
func AcceptThrough[S socket](f func() (S, error)) Accept {
	return func() (socket, error) { return f() }
}

// Deps is what Service works with.
type Deps struct {
	Resources resources
	Access    access
	Connect   Connect
	Audit     auditTrail
	Log       *slog.Logger
}

// Options bound terminals. A bound of 0 is none.
type Options struct {
	Idle       time.Duration // without input and output
	Longest    time.Duration // of one terminal
	PerUser    int           // terminals that one user has open
	DebugImage string        // of ephemeral containers
}

// Service opens terminals. It is safe for concurrent use.
type Service struct {
	deps  Deps
	opts  Options
	slots *limit.Slots // by user

	mu      sync.Mutex // orders running.Add before running.Wait
	stopped chan struct{}
	stop    func() // closes stopped
	running sync.WaitGroup
}

// NewService returns a service. Stop must be called.
func NewService(d Deps, o Options) *Service {
	stopped := make(chan struct{})
	return &Service{
		deps: d, opts: o, slots: limit.NewSlots(o.PerUser), stopped: stopped, stop: sync.OnceFunc(func() { close(stopped) }),
	}
}

// Open opens a terminal in the pod with the record id. What is wrong with the request
// or the pod is an error, and then accept is not called. A cluster that fails is told
// through the terminal. Open returns when the client is connected; the terminal goes
// on by itself, until the client leaves, the shell ends, a bound of Options is reached,
// or the user's access or the session of ctx ends.
func (s *Service) Open(ctx context.Context, userID, id string, req models.TerminalRequest, accept Accept) error {
	if problems := check(req); len(problems) > 0 {
		return problems.Err("terminal.Service.Open")
	}
	free, ok := s.slots.Take(userID)
	if !ok {
		return models.TooSoon("terminal.Service.Open", "you have too many terminals open; close some of them", 0)
	}
	r, held, letGo, err := s.deps.Resources.Hold(context.WithoutCancel(ctx), userID, id, models.ClusterDeploy)
	if err != nil {
		free()
		return err
	}
	release := func() { letGo(); free() }
	t := &session{
		Service: s, userID: userID, resource: r, container: req.Container, shells: shellsFor(req.Shell),
		sizes: newSizes(), input: newInput(), turn: make(chan struct{}, 1),
	}
	if err := t.prepare(held, req); err != nil {
		release()
		return err
	}
	t.note(ctx)
	if !s.enter() {
		release()
		return &models.Error{Op: "terminal.Service.Open", Kind: models.Unavailable, Msg: "the server is stopping"}
	}
	if t.socket, err = accept(); err != nil {
		s.running.Done()
		release()
		return err
	}
	models.AuditNow(ctx)
	guard := models.SessionGuardFrom(ctx)
	guard.Retain()
	go func() {
		defer s.running.Done()
		defer guard.Release()
		defer release()
		t.serve(held)
	}()
	return nil
}

// enter counts a terminal, unless the service stops.
func (s *Service) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stopped:
		return false
	default:
		s.running.Add(1)
		return true
	}
}

// Stop refuses new terminals, ends those that are open and waits for them until ctx
// ends.
func (s *Service) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stop()
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
