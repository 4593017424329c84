package podlog

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

// scripted is a cluster in fake time, of functions.
type scripted struct {
	pod  func() (*corev1.Pod, error)
	logs func(ctx context.Context, r kubernetes.LogRequest) (io.ReadCloser, error)
	done chan struct{}

	mu              sync.Mutex
	looks, followed int
}

func (s *scripted) Pod(context.Context, string, string) (*corev1.Pod, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	return s.pod()
}

func (s *scripted) Logs(ctx context.Context, r kubernetes.LogRequest) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Follow {
		s.followed++
	}
	return s.logs(ctx, r)
}

func (s *scripted) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

func (s *scripted) counts() (looks, followed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.looks, s.followed
}

// silence is a log into which nothing is printed.
type silence struct{ ctx context.Context }

func (s silence) Read([]byte) (int, error) { <-s.ctx.Done(); return 0, s.ctx.Err() }
func (silence) Close() error               { return nil }

func aPod(uid string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", UID: types.UID(uid)},
		Spec:       corev1.PodSpec{RestartPolicy: corev1.RestartPolicyAlways, Containers: []corev1.Container{{Name: "app"}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		}}},
	}
}

// quiet follows a log that is silent.
func quiet(ctx context.Context, r kubernetes.LogRequest) (io.ReadCloser, error) {
	if r.Follow {
		return silence{ctx}, nil
	}
	return io.NopCloser(strings.NewReader("")), nil
}

// follow runs a follower of s until the test ends.
func follow(t *testing.T, s *scripted, connect error) (f *feed, p *place, signal chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f = newFeed(feedKey{container: "app"}, cancel, func() int { return feedBytes })
	signal = make(chan struct{}, 1)
	p = f.join(signal)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&follower{feed: f, connect: func(context.Context, string) (podCluster, error) { return s, connect }}).run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return f, p, signal
}

func notices(p *place) (all []string) {
	got, _, _, _ := p.take(nil)
	for _, e := range got {
		all = append(all, e.notice)
	}
	return all
}

func TestAnOutageIsToldOnceAndAskedAboutSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{pod: func() (*corev1.Pod, error) {
			return nil, &kubernetes.Error{Reason: kubernetes.Unreachable, Message: "no route"}
		}}
		_, p, _ := follow(t, s, nil)
		time.Sleep(10 * time.Minute)
		looks, _ := s.counts()
		require.InDelta(t, 65, looks, 5)
		require.Equal(t, []string{"no route; trying again"}, notices(p))
	})
}

func TestWhatEndsAFollower(t *testing.T) {
	t.Parallel()
	finished := func() (*corev1.Pod, error) {
		p := aPod("1")
		p.Status.Phase = corev1.PodFailed
		p.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}
		return p, nil
	}
	gone := func() (*corev1.Pod, error) {
		return nil, &kubernetes.Error{Reason: kubernetes.NotFound, Message: "no pod"}
	}
	for name, tc := range map[string]struct {
		s       *scripted
		connect error
		want    []string
	}{
		"a cluster that was removed": {s: &scripted{}, connect: &models.Error{Kind: models.NotFound}, want: []string{"the cluster is no longer there"}},
		"a pod that is gone":         {s: &scripted{pod: gone}},
		"a pod that has ended":       {s: &scripted{pod: finished, logs: quiet}},
		"credentials that may not": {s: &scripted{pod: func() (*corev1.Pod, error) {
			return nil, &kubernetes.Error{Reason: kubernetes.Forbidden, Message: "no"}
		}}, want: []string{"no"}},
		"the last words of a pod": {s: &scripted{pod: finished, logs: func(context.Context, kubernetes.LogRequest) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("2026-11-30T12:00:00Z no line break")), nil
		}}, want: []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, p, _ := follow(t, tc.s, tc.connect)
				synctest.Wait()
				require.True(t, f.over())
				require.Equal(t, tc.want, notices(p))
			})
		})
	}
}

// A follower notices by itself that a silent log is that of a pod which is gone, and
// that the credentials have changed.
func TestASilentLogIsLookedAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		present := aPod("1")
		var gone error
		s := &scripted{logs: quiet, done: make(chan struct{}), pod: func() (*corev1.Pod, error) { return present, gone }}
		f, _, _ := follow(t, s, nil)
		time.Sleep(time.Minute)
		_, followed := s.counts()
		require.Equal(t, 1, followed)
		s.mu.Lock()
		present = aPod("2")
		s.mu.Unlock()
		time.Sleep(watchEvery + time.Second)
		_, followed = s.counts()
		require.Equal(t, 2, followed, "the pod was replaced")
		s.mu.Lock()
		present, gone = nil, &kubernetes.Error{Reason: kubernetes.NotFound}
		s.mu.Unlock()
		time.Sleep(watchEvery + time.Second)
		require.True(t, f.over())
	})
}

func TestOtherCredentialsAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{logs: quiet, done: make(chan struct{}), pod: func() (*corev1.Pod, error) { return aPod("1"), nil }}
		_, p, _ := follow(t, s, nil)
		time.Sleep(time.Second)
		s.mu.Lock()
		close(s.done)
		s.done = make(chan struct{})
		s.mu.Unlock()
		time.Sleep(time.Second)
		_, followed := s.counts()
		require.Equal(t, 2, followed)
		require.Empty(t, notices(p), "nothing to tell")
	})
}

func TestAFeedKeepsWhatItsSlowestViewerLacks(t *testing.T) {
	t.Parallel()
	limit := 10 * (entryBytes + 5)
	f := newFeed(feedKey{}, func() {}, func() int { return limit })
	signal := make(chan struct{}, 1)
	slow, quick := f.join(signal), f.join(signal)
	publish := func(n int) {
		for range n {
			f.publish(entry{line: line{at: 1, text: []byte("12345")}})
		}
	}
	publish(6)
	got, skipped, more, _ := quick.take(nil)
	require.Len(t, got, 6)
	require.Zero(t, skipped)
	require.False(t, more)
	require.Len(t, f.entries, 6, "for the other one")
	publish(9)
	require.Len(t, f.entries, 10)
	got, skipped, _, _ = slow.take(nil)
	require.Len(t, got, 10)
	require.EqualValues(t, 5, skipped)
	got, skipped, _, _ = quick.take(nil)
	require.Len(t, got, 9)
	require.Zero(t, skipped)
	require.Empty(t, f.entries)
	require.Zero(t, f.bytes)
	limit = 0
	publish(3)
	require.Len(t, f.entries, 1, "the newest line stays in any case")
	require.False(t, f.leave(slow))
	require.True(t, f.leave(quick))
}
