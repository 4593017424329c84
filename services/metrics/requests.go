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

// requestsWait is how long the first question waits for all pods to be read.
const requestsWait = 3 * time.Second

// podRequests keeps what the pods of clusters reserve, for those clusters that
// do not tell what they use. Of each pod two numbers are kept. It is safe for
// concurrent use.
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
	told    chan struct{} // closed when the pods are known, or cannot be
	asked   time.Time
}

func newPodRequests() *podRequests { return &podRequests{byID: map[string]*requestWatch{}} }

func (p *podRequests) start(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ctx = ctx
}

// wait returns when no pods are watched any more. The context of start must
// have ended.
func (p *podRequests) wait() {
	p.mu.Lock()
	p.ctx = nil
	p.mu.Unlock()
	p.running.Wait()
}

// sum returns what all pods of a cluster reserve. ok is false as long as that
// is not known.
func (p *podRequests) sum(ctx context.Context, clusterID string, conn measuredCluster) (sum kubernetes.Requests, ok bool) {
	w := p.watch(clusterID, conn)
	if w == nil {
		return sum, false
	}
	ctx, cancel := context.WithTimeout(ctx, requestsWait)
	defer cancel()
	select {
	case <-w.told:
	case <-ctx.Done():
	}
	if !w.Synced() || w.Failed() {
		return sum, false
	}
	for _, r := range w.Group(holding) {
		sum.CPU += r.CPU
		sum.Memory += r.Memory
	}
	return sum, true
}

// holding is the group of pods that hold a place.
const holding = "holding"

// watch returns the watch of a cluster's pods, starting it if need be, or nil
// when the server stops.
func (p *podRequests) watch(clusterID string, conn measuredCluster) *requestWatch {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx == nil || p.ctx.Err() != nil {
		return nil
	}
	if w := p.byID[clusterID]; w != nil {
		if w.through == conn {
			w.asked = time.Now()
			return w
		}
		w.cancel()
	}
	ctx, cancel := context.WithCancel(p.ctx)
	w := &requestWatch{through: conn, cancel: cancel, told: make(chan struct{}), asked: time.Now()}
	tell := sync.OnceFunc(func() { close(w.told) })
	w.Informer = watch.New(conn, watch.Query{Resource: status.PodResource()}, watch.Options[kubernetes.Requests]{
		Extract: func(o metav1.Object) (string, kubernetes.Requests) {
			r, holds := kubernetes.PodRequests(o)
			if !holds {
				return "", kubernetes.Requests{}
			}
			return holding, r
		},
		Changed: func(string) {},
		Synced:  tell,
		Failed:  func(error) { tell() },
	})
	p.byID[clusterID] = w
	p.running.Go(func() { _ = w.Run(ctx) }) // it returns nil only
	return w
}

// forget ends watches that nobody has asked since, and those through
// connections that are gone.
func (p *podRequests) forget(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, w := range p.byID {
		gone := false
		select {
		case <-w.through.Done():
			gone = true
		default:
		}
		if gone || w.asked.Before(since) {
			w.cancel()
			delete(p.byID, id)
		}
	}
}
