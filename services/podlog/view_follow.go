package podlog

import (
	"context"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
)

const (
	// window is how long lines of several logs wait, to be shown by their times.
	window = 100 * time.Millisecond
	// podsEvery is how often a viewer of a workload looks for new pods.
	podsEvery   = 3 * time.Second
	podsTimeout = 15 * time.Second
)

// follow shows new lines until there can be none.
func (v *View) follow() string {
	var pods <-chan time.Time
	if v.workload() {
		tick := time.NewTicker(podsEvery)
		defer tick.Stop()
		pods = tick.C
	}
	for v.ctx.Err() == nil {
		more := v.drain()
		if !v.workload() && v.over() {
			return "the log has ended"
		}
		if more {
			continue
		}
		select {
		case <-v.ctx.Done():
		case s := <-v.joining:
			_ = v.past([]*source{s})
			wake(v.signal) // its feed may have spoken before
		case <-v.signal:
			v.collect()
		case <-pods:
			v.lookForPods()
		case found := <-v.found:
			if v.asked = false; found.ended && v.over() {
				return "the job has ended"
			}
			v.admit(found.conn, found.pods, true)
		}
	}
	return ""
}

// collect lets lines of several logs arrive.
func (v *View) collect() {
	if len(v.sources) < 2 {
		return
	}
	select {
	case <-time.After(window):
	case <-v.ctx.Done():
	}
}

// over reports whether all logs have ended.
func (v *View) over() bool {
	return !slices.ContainsFunc(v.sources, func(s *source) bool { return !s.ended })
}

// podsFound is what became of the pods of a workload.
type podsFound struct {
	conn  podCluster
	pods  []*corev1.Pod // that are new
	ended bool          // there will be no more of them
}

// lookForPods has new pods found in the background.
func (v *View) lookForPods() {
	if v.asked {
		return
	}
	v.asked = true
	followed := map[string]bool{}
	for _, s := range v.sources {
		if !s.ended {
			followed[s.key.pod] = true // its feed follows a pod of the same name, too
		}
	}
	known := maps.Clone(v.known)
	v.working.Go(func() {
		found := v.findPods(known, followed)
		select {
		case v.found <- found:
		case <-v.ctx.Done():
		}
	})
}

// findPods returns the pods of the workload that are neither known by their uid nor
// followed by their name. What fails now is tried again in a while.
func (v *View) findPods(known, followed map[string]bool) (found podsFound) {
	ctx, cancel := context.WithTimeout(v.ctx, podsTimeout)
	defer cancel()
	all, err := v.manager.deps.Resources.Pods(ctx, v.user, v.resource.ID)
	if err != nil {
		return found
	}
	var names []string
	for _, p := range all {
		if !known[p.UID] && !followed[p.Name] {
			names = append(names, p.Name)
		}
	}
	if len(names) > 0 {
		found.conn, found.pods = v.newPods(ctx, names, known)
	}
	found.ended = len(found.pods) == 0 && v.resource.Kind == "Job" && v.jobEnded(ctx)
	return found
}

// newPods asks for pods, and leaves those out that are known.
func (v *View) newPods(ctx context.Context, names []string, known map[string]bool) (podCluster, []*corev1.Pod) {
	conn, err := v.manager.deps.Connect(ctx, v.resource.ClusterID)
	if err != nil {
		return nil, nil
	}
	pods := v.resolve(ctx, conn, names[max(0, len(names)-maxPods):], func(string, error) {})
	// Their records may be of pods that were replaced.
	return conn, slices.DeleteFunc(pods, func(p *corev1.Pod) bool { return known[string(p.UID)] })
}

func (v *View) jobEnded(ctx context.Context) bool {
	job, _, release, err := v.manager.deps.Resources.Hold(ctx, v.user, v.resource.ID, models.ClusterRead)
	if err != nil {
		return false
	}
	release()
	return job.Status == models.ResourceCompleted || job.Status == models.ResourceFailed
}
