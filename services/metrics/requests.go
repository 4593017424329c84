package metrics

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/watch"
	"github.com/kubeorch/core/services/status"
)

// requestsWait is how long the first call of sum waits until all pods are listed.
const requestsWait = 3 * time.Second

// podRequests sums the resource requests of the pods of clusters without a metrics
// server. It keeps two numbers of each pod. It is safe for concurrent use.
type podRequests struct {
	mu      sync.Mutex
	ctx     context.Context //nolint:containedctx // of start; watching is not part of any request
	byID    map[string]*requestWatch
	running sync.WaitGroup
}

// requestWatch watches the pods of one cluster.
type requestWatch struct {
	*watch.Informer[kubernetes.Requests]
	through measuredCluster
	cancel  context.CancelFunc
	ready   chan struct{} // closed when the pods are listed or listing has failed
	askedAt time.Time
}

func newPodRequests() *podRequests { return &podRequests{byID: map[string]*requestWatch{}} }

func (p *podRequests) start(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ctx = ctx
}

// wait returns when the last watch has ended. The context of start must have
// ended.
func (p *podRequests) wait() {
	p.mu.Lock()
	p.ctx = nil
	p.mu.Unlock()
	p.running.Wait()
}

// sum returns the requests of all pods of a cluster. ok is false until they are
// known.
func (p *podRequests) sum(ctx context.Context, clusterID string, conn measuredCluster) (sum kubernetes.Requests, ok bool) {
	w := p.watch(clusterID, conn)
	if w == nil {
		return sum, false
	}
	ctx, cancel := context.WithTimeout(ctx, requestsWait)
	defer cancel()
	select {
	case <-w.ready:
	case <-ctx.Done():
	}
	if !w.Synced() || w.Failed() {
		return sum, false
	}
	for _, r := range w.Group(scheduled) {
		sum.CPU += r.CPU
		sum.Memory += r.Memory
	}
	return sum, true
}

// scheduled is the group of the pods whose requests count.
const scheduled = "scheduled"

// watch returns the watch of a cluster's pods and starts it if necessary. It
// returns nil while the server stops.
func (p *podRequests) watch(clusterID string, conn measuredCluster) *requestWatch {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx == nil || p.ctx.Err() != nil {
		return nil
	}
	if w := p.byID[clusterID]; w != nil {
		if w.through == conn {
			w.askedAt = time.Now()
			return w
		}
		w.cancel()
	}
	ctx, cancel := context.WithCancel(p.ctx)
	w := &requestWatch{through: conn, cancel: cancel, ready: make(chan struct{}), askedAt: time.Now()}
	ready := sync.OnceFunc(func() { close(w.ready) })
	w.Informer = watch.New(conn, watch.Query{Resource: status.PodResource()}, watch.Options[kubernetes.Requests]{
		Extract: func(o metav1.Object) (string, kubernetes.Requests) {
			r, counts := kubernetes.PodRequests(o)
			if !counts {
				return "", kubernetes.Requests{}
			}
			return scheduled, r
		},
		Changed: func(string) {},
		Synced:  ready,
		Failed:  func(error) { ready() },
	})
	p.byID[clusterID] = w
	p.running.Go(func() { _ = w.Run(ctx) }) // it returns nil only
	return w
}

// forget ends the watches that were not read since, and those of closed
// connections.
func (p *podRequests) forget(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, w := range p.byID {
		closed := false
		select {
		case <-w.through.Done():
			closed = true
		default:
		}
		if closed || w.askedAt.Before(since) {
			w.cancel()
			delete(p.byID, id)
		}
	}
}
