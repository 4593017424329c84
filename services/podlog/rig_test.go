package podlog

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

const (
	ann = "aaaaaaaaaaaaaaaaaaaaaaaa"
	bob = "bbbbbbbbbbbbbbbbbbbbbbbb"
)

// fakeResources are ann's.
type fakeResources struct {
	mu   sync.Mutex
	all  map[string]models.Resource
	pods map[string][]models.Resource // by workload
	ends []context.CancelCauseFunc
	held int
}

func (f *fakeResources) Hold(
	ctx context.Context, userID, id string, action models.ClusterAction,
) (models.Resource, context.Context, context.CancelFunc, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.all[id]
	if !ok || userID != ann || action != models.ClusterRead {
		return models.Resource{}, nil, nil, &models.Error{Kind: models.NotFound, Msg: "resource not found"}
	}
	held, end := context.WithCancelCause(ctx)
	f.ends = append(f.ends, end)
	f.held++
	return r, held, sync.OnceFunc(func() {
		end(nil)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.held--
	}), nil
}

func (f *fakeResources) Pods(_ context.Context, _, id string) ([]models.Resource, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.pods[id]), nil
}

// holds returns how many permissions are held.
func (f *fakeResources) holds() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held
}

// withdraw ends all permissions.
func (f *fakeResources) withdraw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, end := range f.ends {
		end(&models.Error{Kind: models.Forbidden, Msg: "the cluster is no longer shared with you"})
	}
}

// add adds an object and returns its id.
func (f *fakeResources) add(kind, name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := models.Resource{ClusterName: "prod", ResourceRef: models.ResourceRef{ClusterID: "c1", Kind: kind, Namespace: namespace, Name: name}}
	r.ID = r.ResourceRef.ID()
	f.all[r.ID] = r
	return r.ID
}

// own makes pods those of a workload.
func (f *fakeResources) own(workload string, pods ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pods[workload] = nil
	for _, name := range pods {
		f.pods[workload] = append(f.pods[workload], models.Resource{
			ResourceRef: models.ResourceRef{Kind: kindPod, Namespace: namespace, Name: name}, ResourceState: models.ResourceState{UID: name},
		})
	}
}

// rig is a manager with a fake cluster.
type rig struct {
	*Manager
	cluster   *fakeCluster
	resources *fakeResources
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{cluster: newFakeCluster(t), resources: &fakeResources{all: map[string]models.Resource{}, pods: map[string][]models.Resource{}}}
	r.Manager = manager(t, r.resources, func(context.Context, string) (podCluster, error) { return r.cluster.conn, nil })
	return r
}

func manager(t testing.TB, resources resources, connect Connect) *Manager {
	t.Helper()
	m := NewManager(Deps{Resources: resources, Connect: connect, Log: slog.New(slog.DiscardHandler)})
	m.Start(t.Context())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		require.NoError(t, m.Stop(ctx))
		require.Zero(t, m.Followed())
	})
	return m
}

// viewer reads a view as a browser does.
type viewer struct {
	*View
	t      testing.TB
	frames []frame
	text   string
	close  func()
}

// watch opens a view that is closed with the test.
func watch(t testing.TB, m *Manager, id string, q models.LogQuery) *viewer {
	t.Helper()
	if q.Tail == 0 && q.SinceSeconds == 0 && q.LastEventID == "" {
		q.Tail = 5000
	}
	view, err := m.Open(t.Context(), ann, id, q)
	require.NoError(t, err)
	v := &viewer{View: view, t: t, close: sync.OnceFunc(view.Close)}
	t.Cleanup(v.close)
	return v
}

// until reads frames until check is content with all of them.
func (v *viewer) until(what string, check func([]frame) bool) []frame {
	v.t.Helper()
	timeout := time.After(30 * time.Second)
	for !check(v.frames) {
		select {
		case <-v.Ready():
		case <-v.Closed():
			if v.take(); !check(v.frames) {
				require.Fail(v.t, "the view ended", "waiting for %s: %v", what, tail(v.frames))
			}
			return v.frames
		case <-timeout:
			require.Fail(v.t, "timeout", "waiting for %s; %d frames: %v", what, len(v.frames), tail(v.frames))
		}
		v.take()
	}
	return v.frames
}

func tail(frames []frame) []frame { return frames[max(0, len(frames)-5):] }

func (v *viewer) take() {
	for {
		got, _ := v.Take(nil)
		if len(got) == 0 {
			return
		}
		for _, b := range got {
			v.text += string(b)
		}
		blocks := strings.Split(v.text, "\n\n")
		v.text = blocks[len(blocks)-1]
		for _, block := range blocks[:len(blocks)-1] {
			v.frames = append(v.frames, parse(v.t, block))
		}
	}
}

func parse(t testing.TB, block string) (f frame) {
	for l := range strings.SplitSeq(block, "\n") {
		name, value, ok := strings.Cut(l, ": ")
		require.True(t, ok, block)
		switch name {
		case "id":
			f.id = value
		case "event":
			f.event = value
		case "data":
			require.Empty(t, f.data)
			require.NotEmpty(t, value)
			require.NotContains(t, value, "\r")
			f.data = value
		}
	}
	require.NotEmpty(t, f.data, block)
	return f
}

// lines reads until there are n lines.
func (v *viewer) lines(n int) []string {
	v.t.Helper()
	return messages(v.until("lines", func(f []frame) bool { return len(messages(f)) >= n }))
}

// ended reads to the end and returns why it is there.
func (v *viewer) ended() string {
	v.t.Helper()
	v.until("the end", func(f []frame) bool { return len(f) > 0 && f[len(f)-1].event == "complete" })
	return v.frames[len(v.frames)-1].data
}

// told reads until a notice contains text.
func (v *viewer) told(text string) string {
	v.t.Helper()
	var found string
	v.until("being told "+text, func(all []frame) bool {
		return slices.ContainsFunc(all, func(f frame) bool { found = f.data; return f.event == "error" && strings.Contains(f.data, text) })
	})
	return found
}
