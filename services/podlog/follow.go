package podlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

const (
	// lookTimeout bounds asking for a pod.
	lookTimeout = 10 * time.Second
	// idleTimeout is how long a cluster may send nothing of a log that is not followed.
	idleTimeout = 15 * time.Second

	minPause = 250 * time.Millisecond // between two attempts; each further one doubles it
	maxPause = 10 * time.Second       // after failures
	maxWait  = 2 * time.Second        // while a container does not run
	// watchEvery is how often a follower asks whether its pod is still there.
	watchEvery = 10 * time.Second
	// replaceWait is how long a pod may be gone that its StatefulSet makes again.
	replaceWait = time.Minute
)

// podCluster is a connection to a cluster.
type podCluster interface {
	Pod(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	Logs(ctx context.Context, r kubernetes.LogRequest) (io.ReadCloser, error)
	Done() <-chan struct{}
}

// Connect returns the connection to the cluster with the given id.
type Connect func(ctx context.Context, clusterID string) (podCluster, error)

// LogsThrough adapts a function that returns a concrete connection.
func LogsThrough[C podCluster](f func(ctx context.Context, clusterID string) (C, error)) Connect {
	return func(ctx context.Context, clusterID string) (podCluster, error) { return f(ctx, clusterID) }
}

// follower fills a feed. It goes on after broken connections, restarts of the
// container, and the replacement of a pod by one of the same name.
type follower struct {
	*feed
	connect Connect

	pod       types.UID
	renewed   bool      // a pod of the same name follows this one
	goneAt    time.Time // zero while there is a pod
	last      position  // behind the newest line that was published, in the log of this pod
	since     time.Time // where to read from while last is zero
	restarts  int32
	restarted bool // since the round before
	failures  int  // in a row
}

// errFinal ends a follower.
var errFinal = errors.New("the log has ended") //nolint:gochecknoglobals // never written

// run follows the log until ctx ends or nothing more can come.
func (f *follower) run(ctx context.Context) {
	defer f.end()
	pause := minPause
	for ctx.Err() == nil {
		before := f.last
		err := f.round(ctx)
		if f.last != before {
			f.failures, pause = 0, minPause
		}
		if errors.Is(err, errFinal) || ctx.Err() != nil {
			return
		}
		if err != nil && !f.failed(err) {
			return
		}
		longest := maxPause
		if err == nil {
			f.failures, longest = 0, maxWait
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(pause, longest)):
		}
		pause = min(2*pause, longest)
	}
}

// failed tells the viewers of a failure that does not pass by itself at once, and
// reports whether to try again.
func (f *follower) failed(err error) bool {
	reason := kubernetes.ReasonOf(err)
	switch {
	case models.KindOf(err) == models.NotFound:
		f.tell("the cluster is no longer there")
		return false
	case reason == kubernetes.Forbidden, reason == kubernetes.BadConfig, reason == kubernetes.NotAllowed:
		f.tell(messageOf(err))
		return false
	}
	if f.failures++; f.failures > 1 || !f.begun() {
		f.tell(messageOf(err) + "; trying again")
	}
	return true
}

// round reads the log once, to its end or until the connection breaks.
func (f *follower) round(ctx context.Context) error {
	conn, err := f.connect(ctx, f.key.cluster)
	if err != nil {
		return err
	}
	pod, err := look(ctx, conn, f.key.namespace, f.key.pod)
	if kubernetes.ReasonOf(err) == kubernetes.NotFound {
		return f.gone()
	}
	if err != nil {
		return err
	}
	state := f.observe(pod)
	if state.waiting != "" {
		f.begin() // whatever the container will print is new
		f.tell(f.key.container + " is waiting to start: " + state.waiting)
		return ended(state.final)
	}
	if err := f.anchor(ctx, conn); err != nil {
		return err
	}
	from := f.from()
	if state.previous && (f.restarted || !from.IsZero() && state.prevEnd.Add(time.Second).After(from)) {
		f.restarted = false
		// The instance before this one may have printed more than was read. A failure
		// is no reason to wait: its log is removed sooner or later.
		_ = f.read(ctx, conn, kubernetes.LogRequest{Previous: true, Idle: idleTimeout})
	}
	f.tell("")
	if state.running {
		return f.read(ctx, conn, kubernetes.LogRequest{Follow: true})
	}
	if err := f.read(ctx, conn, kubernetes.LogRequest{Idle: idleTimeout}); err != nil {
		return err
	}
	return ended(state.final)
}

func ended(final bool) error {
	if final {
		return errFinal
	}
	return nil
}

// gone tells whether to wait for a pod of the same name.
func (f *follower) gone() error {
	f.begin()
	if f.goneAt.IsZero() {
		f.goneAt = time.Now()
	}
	if !f.renewed || time.Since(f.goneAt) > replaceWait {
		return errFinal
	}
	return nil
}

// observe takes in which pod and which instance of the container there is now.
func (f *follower) observe(pod *corev1.Pod) containerState {
	state := stateOf(pod, f.key.container)
	f.restarted = f.pod == pod.UID && state.restarts > f.restarts
	switch {
	case f.pod == "":
	case f.pod != pod.UID:
		f.publish(entry{notice: "the pod was replaced; its successor's log follows", pod: pod.UID})
		f.last, f.since = position{}, time.Time{}
	case state.restarts > f.restarts+1:
		f.publish(entry{notice: fmt.Sprintf("%s restarted %d times at once; only the newest of these logs can be read",
			f.key.container, state.restarts-f.restarts)})
	}
	f.pod, f.restarts, f.renewed, f.goneAt = pod.UID, state.restarts, replaceable(pod), time.Time{}
	return state
}

// anchor finds the newest line before the feed starts. What is published begins a
// second before it, so that it overlaps with what viewers read for themselves.
func (f *follower) anchor(ctx context.Context, conn podCluster) error {
	if f.begun() {
		return nil
	}
	body, err := conn.Logs(ctx, f.request(kubernetes.LogRequest{Tail: 1, Idle: idleTimeout}))
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	lines := newLineReader(body)
	for {
		l, err := lines.next()
		if errors.Is(err, io.EOF) {
			f.begin()
			return nil
		}
		if err != nil {
			return err
		}
		if l.at != 0 {
			f.since = l.pos.since()
		}
	}
}

// from returns the time from which to read the log; zero is its beginning.
func (f *follower) from() time.Time {
	if f.last == (position{}) {
		return f.since
	}
	return f.last.since()
}
