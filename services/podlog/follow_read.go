package podlog

import (
	"context"
	"errors"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

func (f *follower) request(r kubernetes.LogRequest) kubernetes.LogRequest {
	r.Namespace, r.Pod, r.Container = f.key.namespace, f.key.pod, f.key.container
	return r
}

// read publishes the lines behind f.last. A line that has no end yet comes with the
// next round, unless there is nothing to follow any more.
func (f *follower) read(ctx context.Context, conn podCluster, r kubernetes.LogRequest) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan struct{})
	defer func() { cancel(); <-watched }()
	go func() {
		defer close(watched)
		defer cancel()
		f.watch(ctx, conn)
	}()
	r = f.request(r)
	r.Since = f.from()
	body, err := conn.Logs(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	lines := newLineReader(body)
	for sure := !r.Follow; ; {
		l, err := lines.next()
		if err == nil && !sure {
			// It may be the log of another instance than the one whose state was seen.
			if sure, err = f.same(ctx, conn); err == nil && !sure {
				return nil
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case l.at == 0:
			f.publish(entry{notice: l.notice()})
		case l.pos.behind(f.last) && (l.whole || !r.Follow):
			f.last = l.pos
			l.text = l.shown()
			f.publish(entry{line: l})
		}
	}
}

// watch returns when there is a reason to begin anew: other credentials, another pod, or
// none, which the log of a node that has failed does not tell.
func (f *follower) watch(ctx context.Context, conn podCluster) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-conn.Done():
			return
		case <-tick.C:
		}
		pod, err := look(ctx, conn, f.key.namespace, f.key.pod)
		if kubernetes.ReasonOf(err) == kubernetes.NotFound || err == nil && pod.UID != f.pod {
			return
		}
	}
}

// same reports whether the pod and the instance of the container are those that were
// observed.
func (f *follower) same(ctx context.Context, conn podCluster) (bool, error) {
	pod, err := look(ctx, conn, f.key.namespace, f.key.pod)
	if kubernetes.ReasonOf(err) == kubernetes.NotFound {
		return true, nil // these are its last words
	}
	return err == nil && pod.UID == f.pod && stateOf(pod, f.key.container).restarts == f.restarts, err
}

// look returns a pod, in bounded time.
func look(ctx context.Context, conn podCluster, namespace, name string) (*corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return conn.Pod(kubernetes.ProbeEarly(ctx), namespace, name)
}

// messageOf returns what a user may read of err.
func messageOf(err error) string {
	if _, ok := errors.AsType[*models.Error](err); ok {
		return models.MessageOf(err)
	}
	return kubernetes.Translate(err).Error()
}
