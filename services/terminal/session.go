package terminal

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/panics"
)

const (
	// writeTime ends a terminal whose client reads nothing for so long.
	writeTime = 30 * time.Second
	// pingInterval keeps proxies from closing a quiet connection.
	pingInterval = 20 * time.Second
	// pongTime is how long a client may take to answer a ping.
	pongTime = 15 * time.Second
	// recheckInterval is how often the share is read again, which may have become
	// narrower for pods while the access as such goes on.
	recheckInterval = 15 * time.Second
)

// session is one terminal.
type session struct {
	*Service

	userID    string
	resource  models.Resource
	grant     models.ClusterGrant
	cluster   cluster
	container string
	debug     *corev1.EphemeralContainer // to be added; nil where there is none, or it runs already
	debugging bool                       // container is an ephemeral one
	shells    []string
	fault     error // of the cluster, found before the client was connected

	socket socket
	input  *input
	sizes  *sizes
	active atomic.Int64  // when there was input or output last, in Unix nanoseconds
	heard  atomic.Int64  // when the client sent something last
	turn   chan struct{} // held by the one that sends
	over   bool          // the last message was sent; guarded by turn
}

// serve runs the terminal until it ends. The cause of held tells why access ended.
func (t *session) serve(held context.Context) {
	ctx, end := context.WithCancelCause(held)
	began := time.Now()
	t.touch()
	var parts sync.WaitGroup
	start := func(part func() error) {
		parts.Go(func() { end(panics.ToError(part)) })
	}
	if err := t.introduce(ctx); err != nil {
		end(errClientLeft)
	}
	start(func() error { return t.runShell(ctx) })
	start(func() error { return t.receive(ctx) })
	start(func() error { return t.ping(ctx) })
	start(func() error { return t.watch(ctx) })
	<-ctx.Done()
	cause := context.Cause(ctx)
	t.sayGoodbye(ctx, cause)
	t.socket.Close()
	parts.Wait()
	t.recordEnd(ctx, cause, time.Since(began))
}

// touch notes that there was input or output.
func (t *session) touch() { t.active.Store(time.Now().UnixNano()) }

// hear notes that the client has sent something.
func (t *session) hear() {
	t.touch()
	t.heard.Store(time.Now().UnixNano())
}

// introduce sends the first message.
func (t *session) introduce(ctx context.Context) error {
	data, err := json.Marshal(models.TerminalMetadata{
		Pod: t.resource.Name, Container: t.container, Namespace: t.resource.Namespace, Cluster: t.resource.ClusterName,
	})
	if err != nil {
		return err
	}
	return t.send(ctx, writeTime, models.TerminalMessage{Type: models.TerminalMeta, Data: string(data)})
}

// print sends what the terminal shows.
func (t *session) print(ctx context.Context, text string) error {
	t.touch()
	return t.send(ctx, writeTime, models.TerminalMessage{Type: models.TerminalOutput, Data: text})
}

// send sends a message unless the last one was sent. It goes on when ctx ends, since
// half a message would spoil the connection, until limit has passed.
func (t *session) send(ctx context.Context, limit time.Duration, m models.TerminalMessage) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-t.turn }()
	if t.over {
		return errClientLeft
	}
	t.over = m.Type == models.TerminalClose
	return t.socket.Send(ctx, m)
}

// receive passes on what the client sends, until it leaves.
func (t *session) receive(ctx context.Context) error {
	for {
		m, err := t.socket.Receive(func(piece []byte) error {
			t.hear()
			return t.input.put(ctx, piece)
		})
		t.hear()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case models.KindOf(err) == models.Invalid:
			return err
		case err != nil:
			return errClientLeft
		case m.Type == models.TerminalResize:
			t.sizes.set(m.Rows, m.Cols)
		}
	}
}

// ping ends the terminal when the client neither answers nor sends anything. While it
// waits for the shell to read, it cannot be heard, and only a broken connection counts.
func (t *session) ping(ctx context.Context) error {
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		asked := time.Now().UnixNano()
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), pongTime)
		err := t.socket.Ping(limited)
		late := limited.Err() != nil
		cancel()
		if err != nil && !(late && (t.input.waiting.Load() || t.heard.Load() > asked)) {
			return errClientLeft
		}
	}
}

// watch ends the terminal for what has nothing to do with its client and its shell.
func (t *session) watch(ctx context.Context) error {
	idle, longest := time.NewTimer(never(t.opts.Idle)), time.NewTimer(never(t.opts.Longest))
	recheck := time.NewTicker(recheckInterval)
	defer idle.Stop()
	defer longest.Stop()
	defer recheck.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-models.SessionEnded(ctx):
			return ending{"the session has ended"}
		case <-t.stopped:
			return ending{"the server is stopping"}
		case <-t.connectionDone():
			return ending{"the connection to the cluster was replaced, as its credentials have changed; open the terminal again"}
		case <-recheck.C:
			if err := t.recheck(ctx); err != nil {
				return err
			}
		case <-longest.C:
			return ending{fmt.Sprintf("the terminal was open for %s, which is as long as it may be", inWords(t.opts.Longest))}
		case <-idle.C:
			quiet := time.Since(time.Unix(0, t.active.Load()))
			if quiet >= t.opts.Idle {
				return ending{fmt.Sprintf("nothing was typed or printed for %s", inWords(t.opts.Idle))}
			}
			idle.Reset(t.opts.Idle - quiet)
		}
	}
}

// recheck returns why the user may not go on. A database that does not answer is no
// reason.
func (t *session) recheck(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recheckInterval)
	defer cancel()
	grant, err := t.deps.Access.RequireByID(ctx, t.userID, t.resource.ClusterID, models.ClusterDeploy)
	switch kind := models.KindOf(err); {
	case err != nil && (kind == models.NotFound || kind == models.Forbidden):
		return err
	case err == nil && !grant.SameBounds(t.grant):
		return ending{"what the cluster is shared with you for has changed; open the terminal again"}
	}
	return nil
}

func (t *session) connectionDone() <-chan struct{} {
	if t.cluster == nil {
		return nil
	}
	return t.cluster.Done()
}

// never is a very long time in place of 0.
func never(d time.Duration) time.Duration {
	if d == 0 {
		return 100 * 365 * 24 * time.Hour
	}
	return d
}
