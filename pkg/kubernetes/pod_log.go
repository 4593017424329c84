package kubernetes

import (
	"context"
	"errors"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LogRequest selects the log of a container, or a part of it.
type LogRequest struct {
	Namespace, Pod, Container string

	Follow       bool          // go on until the container ends
	Previous     bool          // the log of the instance before the last restart
	Tail         int64         // the newest lines; 0: all
	SinceSeconds int64         // lines that are no older, by the clock of the node; 0: all
	Since        time.Time     // lines of that second and later; zero: all
	Idle         time.Duration // fail with Timeout when the cluster sends nothing for so long; 0: wait for ever
}

// Logs returns the lines that r selects, each after its time in RFC 3339 with
// nanoseconds and a space. A cluster may send nothing, not even the begin of its
// answer, before a container that is followed prints something. The caller must
// close the reader, and may end reads by ctx. Errors of reads are for Translate.
func (c *Connection) Logs(ctx context.Context, r LogRequest) (io.ReadCloser, error) {
	opts := &corev1.PodLogOptions{Container: r.Container, Follow: r.Follow, Previous: r.Previous, Timestamps: true}
	if r.Tail > 0 {
		opts.TailLines = &r.Tail
	}
	switch {
	case !r.Since.IsZero():
		opts.SinceTime = new(metav1.NewTime(r.Since.UTC().Truncate(time.Second)))
	case r.SinceSeconds > 0:
		opts.SinceSeconds = &r.SinceSeconds
	}
	ctx, cancel := context.WithCancelCause(ctx)
	l := &logBody{ctx: ctx, cancel: cancel, idle: r.Idle}
	if r.Idle > 0 {
		l.timer = time.AfterFunc(r.Idle, func() { cancel(context.DeadlineExceeded) })
	}
	body, err := c.typed.CoreV1().Pods(r.Namespace).GetLogs(r.Pod, opts).MaxRetries(0).Stream(ctx)
	l.stopTimer()
	if err != nil {
		err = c.Err(causeOf(ctx, err))
		cancel(nil)
		return nil, err
	}
	l.ReadCloser = body
	return l, nil
}

// logBody is a log whose reads fail when nothing comes for too long. The time
// between reads does not count.
type logBody struct {
	io.ReadCloser

	ctx    context.Context //nolint:containedctx // of the one request the body belongs to
	cancel context.CancelCauseFunc
	idle   time.Duration
	timer  *time.Timer // nil without a limit
}

// Read waits for bytes of the log.
func (l *logBody) Read(p []byte) (int, error) {
	if l.timer != nil {
		l.timer.Reset(l.idle)
	}
	n, err := l.ReadCloser.Read(p)
	l.stopTimer()
	if err != nil && !errors.Is(err, io.EOF) {
		err = causeOf(l.ctx, err)
	}
	return n, err
}

// Close ends the request.
func (l *logBody) Close() error {
	l.stopTimer()
	l.cancel(nil)
	return l.ReadCloser.Close()
}

func (l *logBody) stopTimer() {
	if l.timer != nil {
		l.timer.Stop()
	}
}
