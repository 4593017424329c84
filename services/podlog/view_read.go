package podlog

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/pkg/kubernetes"
)

const (
	// patience is how long lines wait for the logs that are slow to answer.
	patience = 5 * time.Second
)

// read shows the lines from before and those that follow. It returns why there are no
// more.
func (v *View) read() string {
	for _, note := range v.notes {
		if v.tell("", note) != nil {
			return ""
		}
	}
	v.admit(v.conn, v.pods, false)
	if v.query.Previous || !v.query.Follow {
		_ = v.past(v.await(len(v.sources)))
		return "these are all lines"
	}
	if v.past(v.await(len(v.sources))) != nil {
		return ""
	}
	return v.follow()
}

// admit adds the sources in pods, and prepares them in the background. Those of pods
// that join are shown from their first line on.
func (v *View) admit(conn podCluster, pods []*corev1.Pod, join bool) {
	for _, pod := range pods {
		v.known[string(pod.UID)] = true
		for _, s := range v.sourcesOf(pod) {
			s.late = join
			if v.query.Follow && !v.query.Previous && !v.reserve(s) {
				return
			}
			v.sources = append(v.sources, s)
			v.working.Go(func() { v.prepare(conn, s) })
		}
	}
}

// reserve takes a place in the feed of s. It tells the viewer why there is none.
func (v *View) reserve(s *source) (ok bool) {
	if len(v.sources) >= maxSources { // forget one that is gone
		if i := slices.IndexFunc(v.sources, func(s *source) bool { return s.ended }); i >= 0 {
			v.sources = slices.Delete(v.sources, i, i+1)
		}
	}
	if len(v.sources) >= maxSources {
		_ = v.tell("", fmt.Sprintf("the logs of the first %d containers are shown", maxSources))
		return false
	}
	if s.release, ok = v.manager.slots.Take(v.user); !ok {
		_ = v.tell(s.label, fmt.Sprintf("your account follows %d containers; close some of its views to follow more", accountSources))
		return false
	}
	var err error
	if s.place, err = v.manager.join(s.key, v.signal); err != nil {
		s.release()
		return false
	}
	s.seam = true
	return true
}

// prepare opens the past of s, once its feed has begun, and hands s over.
func (v *View) prepare(conn podCluster, s *source) {
	if p := s.place; p != nil {
		select {
		case <-p.feed.started:
		case <-v.ctx.Done():
			return
		}
	}
	v.opening <- struct{}{}
	v.open(conn, s)
	<-v.opening
	select {
	case v.joining <- s:
	case <-v.ctx.Done():
		s.past.close()
	}
}

// open begins to read the past of s.
func (v *View) open(conn podCluster, s *source) {
	if time.Since(s.lookedAt) > fresh {
		if now, pod, err := v.look(s.key); err == nil {
			conn, s.state = now, stateOf(pod, s.key.container)
		}
	}
	s.openPast(v.ctx, conn, v.subject, !v.query.Follow || v.query.Previous || s.state.final)
}

// look asks for the pod of key by a connection that is good now.
func (v *View) look(key feedKey) (podCluster, *corev1.Pod, error) {
	conn, err := v.manager.deps.Connect(v.ctx, key.cluster)
	if err != nil {
		return nil, nil, err
	}
	pod, err := look(v.ctx, conn, key.namespace, key.pod)
	return conn, pod, err
}

// await returns the sources that are prepared in time, of so many. Others come later.
func (v *View) await(n int) []*source {
	var ready []*source
	late := time.NewTimer(patience)
	defer late.Stop()
	timeout := late.C
	if !v.query.Follow || v.query.Previous {
		timeout = nil // opening a log takes idleTimeout at most
	}
	for len(ready) < n {
		select {
		case s := <-v.joining:
			ready = append(ready, s)
		case <-timeout:
			return ready
		case <-v.ctx.Done():
			return ready
		}
	}
	return ready
}

// past shows the lines from before of sources, by their times.
func (v *View) past(sources []*source) error {
	trouble := func(s *source, err error) {
		reason := kubernetes.ReasonOf(err)
		if follows := s.place != nil && (reason == kubernetes.NotFound || reason == kubernetes.Invalid); !follows && v.ctx.Err() == nil {
			_ = v.tell(s.label, "the lines from before could not all be read: "+messageOf(err))
		}
	}
	show := func(s *source, l line) error {
		if l.at == 0 {
			return v.tell(s.label, l.notice())
		}
		return v.show(s, l, l.shown())
	}
	for _, s := range sources {
		s.joined = true
	}
	if len(sources) < 2 || v.query.SinceSeconds > 0 || v.seen != nil || v.query.Tail == 0 {
		return merge(v.ctx, sources, trouble, show)
	}
	kept := &newest{most: v.query.Tail, pool: v.manager.past, user: v.user}
	defer kept.close()
	err := merge(v.ctx, sources, trouble, func(s *source, l line) error {
		if l.at == 0 {
			return show(s, l)
		}
		kept.add(s, l)
		return nil
	})
	if kept.dropped > 0 && err == nil {
		err = v.tell("", fmt.Sprintf("%d long lines from before are left out", kept.dropped))
	}
	for ; len(kept.lines) > 0 && err == nil; kept.drop() {
		l := kept.lines[0]
		err = show(l.source, l.line)
	}
	return err
}
