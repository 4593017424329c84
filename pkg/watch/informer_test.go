package watch_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/pkg/watch"
	"github.com/kubeorch/core/pkg/watch/watchtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second // more than one pause of a reflector

// widget is the extract of an object.
type widget struct {
	name string
	size int64
	full bool // not only metadata was read
}

// seen records the calls of an informer's functions.
type seen struct {
	mu       sync.Mutex
	groups   []string
	synced   int
	failures []error
}

func (s *seen) changed(group string) { s.mu.Lock(); s.groups = append(s.groups, group); s.mu.Unlock() }
func (s *seen) sync()                { s.mu.Lock(); s.synced++; s.mu.Unlock() }
func (s *seen) failed(err error)     { s.mu.Lock(); s.failures = append(s.failures, err); s.mu.Unlock() }

func (s *seen) failureCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.failures)
}

// take returns the groups that have changed since the last call.
func (s *seen) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	groups := s.groups
	s.groups = nil
	return groups
}

// start runs an informer of widgets until the test ends.
func start(t *testing.T, api *watchtest.API, metadata bool) (*watch.Informer[widget], *seen) {
	t.Helper()
	s := &seen{}
	i := watch.New(api, watch.Query{
		Resource: schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"},
		Selector: "mine", Metadata: metadata,
	}, watch.Options[widget]{
		Extract: func(o metav1.Object) (string, widget) {
			u, full := o.(*unstructured.Unstructured)
			var size int64
			if full {
				size, _, _ = unstructured.NestedInt64(u.Object, "spec", "size")
			}
			return o.GetLabels()["group"], widget{o.GetName(), size, full}
		},
		Changed: s.changed, Synced: s.sync, Failed: s.failed,
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := i.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return i, s
}

func object(name, group string, size int64) map[string]any {
	return map[string]any{
		"apiVersion": "example.com/v1", "kind": "Widget",
		"metadata": map[string]any{"name": name, "namespace": "n", "labels": map[string]any{"mine": "", "group": group}},
		"spec":     map[string]any{"size": size},
	}
}

func names(i *watch.Informer[widget], group string) []string {
	list := []string{}
	for _, w := range i.Group(group) {
		list = append(list, w.name)
	}
	slices.Sort(list)
	return list
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, patience, time.Millisecond, what)
}

func TestInformer(t *testing.T) {
	t.Parallel()
	api := watchtest.New(t)
	api.Set("widgets", object("a", "x", 1))
	other := object("other", "x", 1)
	other["metadata"].(map[string]any)["labels"] = map[string]any{"group": "x"}
	api.Set("widgets", other)
	i, s := start(t, api, false)
	eventually(t, "synced", i.Synced)
	require.Equal(t, []widget{{"a", 1, true}}, i.Group("x"), "objects without the label are not read")

	api.Set("widgets", object("b", "x", 2))
	eventually(t, "added", func() bool { return i.Len() == 2 })
	require.Equal(t, []string{"a", "b"}, names(i, "x"))
	b, ok := i.Get("n", "b")
	require.True(t, ok)
	require.EqualValues(t, 2, b.size)
	_, ok = i.Get("n", "other")
	require.False(t, ok)

	s.take()
	api.Set("widgets", object("b", "y", 3))
	eventually(t, "moved", func() bool { return len(i.Group("y")) == 1 })
	require.Equal(t, []widget{{"b", 3, true}}, i.Group("y"))
	require.Equal(t, []string{"a"}, names(i, "x"))
	eventually(t, "both groups are told", func() bool { return len(s.take()) == 2 })

	api.Delete("widgets", "n", "b")
	eventually(t, "deleted", func() bool { return i.Len() == 1 })
	require.Empty(t, i.Group("y"))

	api.Set("widgets", object("b", "y", 4))
	eventually(t, "made again", func() bool { return i.Len() == 2 })
	require.Equal(t, []widget{{"b", 4, true}}, i.Group("y"))
	require.Equal(t, map[string]int{"widgets": 1}, api.Watching())
	require.Zero(t, s.failureCount())
}

func TestInformerOfMetadata(t *testing.T) {
	t.Parallel()
	api := watchtest.New(t)
	api.Set("widgets", object("a", "x", 1))
	i, _ := start(t, api, true)
	eventually(t, "synced", i.Synced)
	require.Equal(t, []widget{{"a", 0, false}}, i.Group("x"))
	api.Set("widgets", object("b", "x", 1))
	eventually(t, "added", func() bool { return i.Len() == 2 })
}

func TestInformerReadsAgainWhenHistoryIsGone(t *testing.T) {
	t.Parallel()
	api := watchtest.New(t)
	api.Set("widgets", object("a", "x", 1))
	api.Set("widgets", object("b", "y", 1))
	i, s := start(t, api, false)
	eventually(t, "synced", i.Synced)
	s.take()
	before := api.Lists("widgets")

	api.Refuse("widgets", http.StatusInternalServerError) // nothing arrives meanwhile
	api.Delete("widgets", "n", "a")
	api.Set("widgets", object("c", "z", 1))
	api.Expire("widgets")
	require.Equal(t, 2, i.Len(), "what is known stays")
	api.Refuse("widgets", 0)
	eventually(t, "read again", func() bool { return len(i.Group("z")) == 1 && len(i.Group("x")) == 0 })
	require.Greater(t, api.Lists("widgets"), before)
	require.Subset(t, s.take(), []string{"x", "z"}, "the group that vanished is told too")
}

func TestInformerGoesOnAfterADroppedConnection(t *testing.T) {
	t.Parallel()
	api := watchtest.New(t)
	api.Set("widgets", object("a", "x", 1))
	i, _ := start(t, api, false)
	eventually(t, "synced", i.Synced)
	eventually(t, "watching", func() bool { return api.Watching()["widgets"] == 1 })
	lists := api.Lists("widgets")
	api.Break("widgets")
	api.Delete("widgets", "n", "a")
	api.Set("widgets", object("a", "x", 2))
	eventually(t, "the object that was made again", func() bool {
		return slices.Equal(i.Group("x"), []widget{{"a", 2, true}})
	})
	require.LessOrEqual(t, api.Lists("widgets"), lists+1)
}

func TestInformerReportsARefusalOnce(t *testing.T) {
	t.Parallel()
	api := watchtest.New(t)
	api.Set("widgets", object("a", "x", 1))
	api.Refuse("widgets", http.StatusForbidden)
	i, s := start(t, api, false)
	eventually(t, "reported", func() bool { return s.failureCount() == 1 && i.Failed() })
	require.False(t, i.Synced())

	api.Refuse("widgets", 0)
	eventually(t, "allowed", i.Synced)
	require.False(t, i.Failed())
	require.Equal(t, 1, s.failureCount())

	api.Refuse("widgets", http.StatusForbidden)
	eventually(t, "reported again", func() bool { return s.failureCount() == 2 })
	require.Equal(t, 1, i.Len(), "a refusal is no deletion")
}

func TestInformerStopsWhileTheClusterIsAway(t *testing.T) {
	t.Parallel()
	api := watchtest.New(t)
	api.Refuse("widgets", http.StatusTooManyRequests)
	i, s := start(t, api, false)
	eventually(t, "reported", func() bool { return s.failureCount() == 1 })
	require.False(t, i.Synced())
	// The clean-up waits for Run to return; goleak for everything else.
}

func TestQueue(t *testing.T) {
	t.Parallel()
	q := watch.NewQueue[string]()
	for range 3 {
		q.Add("a", 20*time.Millisecond)
	}
	q.Add("b", 0)
	got := make(chan string, 8)
	var working sync.WaitGroup
	for range 2 {
		working.Go(func() { q.Work(func(k string) { got <- k }) })
	}
	require.Equal(t, "b", <-got)
	require.Equal(t, "a", <-got)
	q.Stop()
	working.Wait()
	require.Empty(t, got, "a key that was added again and again is handed out once")
}
