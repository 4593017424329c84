package podlog

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"golang.org/x/sync/errgroup"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

const (
	// maxPods is how many pods of a workload one viewer sees.
	maxPods = 50
	// maxSources is the same in containers.
	maxSources = 100
	// openAtOnce is how many requests one viewer has a cluster answer at once.
	openAtOnce = 8
	// newPodTail is how many past lines of a pod that joined are shown.
	newPodTail = 5000
	// fresh is how long what was seen of a pod is good for reading its log.
	fresh = 2 * time.Second
)

// source is one of the logs that a viewer sees.
type source struct {
	id       sourceID
	key      feedKey
	label    string // before each line; empty where there is one log only
	state    containerState
	lookedAt time.Time
	release  func() // gives the account's slot back

	pos    position // behind what the viewer has seen
	resume bool     // the viewer comes back, and has seen everything up to pos
	late   bool     // of a pod that joined: all of it is new

	past   *pastReader // of the lines from before
	place  *place      // in the feed; nil without following
	joined bool        // past lines were sent
	seam   bool        // lines of the feed may be among them
	told   string      // the newest trouble that the viewer knows of
	ended  bool
}

// choose returns the containers of pod that q asks for.
func choose(pod *corev1.Pod, q models.LogQuery) []string {
	all := containersOf(pod)
	switch {
	case q.AllContainers || len(all) == 0:
		return all
	case q.Container == "":
		return all[:1]
	case slices.Contains(all, q.Container):
		return []string{q.Container}
	}
	return nil
}

// subject is what a viewer asked for.
type subject struct {
	resource models.Resource
	query    models.LogQuery
	seen     map[sourceID]position // by Last-Event-ID; nil without one
}

func (s subject) workload() bool { return s.resource.Kind != kindPod }

// sourcesOf returns the sources in a pod.
func (s subject) sourcesOf(pod *corev1.Pod) []*source {
	var found []*source
	chosen := choose(pod, s.query)
	for _, container := range chosen {
		src := &source{
			id:       sourceIDOf(pod.Name, container),
			key:      feedKey{s.resource.ClusterID, pod.Namespace, pod.Name, container},
			label:    s.label(pod.Name, container, len(chosen) > 1),
			state:    stateOf(pod, container),
			lookedAt: time.Now(),
		}
		if s.seen != nil {
			src.resume, src.pos = true, s.seen[src.id]
		}
		found = append(found, src)
	}
	return found
}

func (s subject) label(pod, container string, several bool) string {
	switch {
	case s.workload() && several:
		return pod + "/" + container
	case s.workload():
		return pod
	case several:
		return container
	}
	return ""
}

// resolve asks for pods of the subject and returns what is in them. Pods that are gone
// are left out. trouble is called for the others that cannot be read, one at a time.
func (s subject) resolve(ctx context.Context, conn podCluster, names []string, trouble func(pod string, err error)) []*corev1.Pod {
	pods, errs := make([]*corev1.Pod, len(names)), make([]error, len(names))
	var group errgroup.Group
	group.SetLimit(openAtOnce)
	for i, name := range names {
		group.Go(func() error {
			pods[i], errs[i] = look(ctx, conn, s.resource.Namespace, name)
			return nil
		})
	}
	_ = group.Wait() // there are none
	for i, err := range errs {
		if err != nil && kubernetes.ReasonOf(err) != kubernetes.NotFound {
			trouble(names[i], err)
		}
	}
	return slices.DeleteFunc(pods, func(p *corev1.Pod) bool { return p == nil })
}

// requests returns what to ask for the lines from before, in their order.
func (s subject) requests(src *source) []kubernetes.LogRequest {
	one := kubernetes.LogRequest{
		Namespace: src.key.namespace, Pod: src.key.pod, Container: src.key.container, Idle: idleTimeout,
		Previous: s.query.Previous,
	}
	switch {
	case src.state.waiting != "" && !s.query.Previous, s.query.Previous && !src.state.previous:
		return nil
	case src.resume:
		one.Since = src.pos.since()
		if s.query.Previous || !src.state.previous || src.pos.at == 0 || src.state.prevEnd.Add(time.Second).UnixNano() < src.pos.at {
			return []kubernetes.LogRequest{one}
		}
		before := one
		before.Previous = true
		return []kubernetes.LogRequest{before, one}
	case src.late:
		one.Tail = newPodTail
	case s.query.SinceSeconds > 0:
		one.SinceSeconds = int64(s.query.SinceSeconds)
	default:
		one.Tail = int64(s.query.Tail)
	}
	return []kubernetes.LogRequest{one}
}
