package watchtest

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// watch sends the changes after a version, and all objects before them if initial,
// until the client disconnects or the connection is dropped.
func (a *API) watch(ctx context.Context, w http.ResponseWriter, r request, from int64, initial bool) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	a.mu.Lock()
	r.watching++
	broken := r.broken
	events := []change{}
	if initial {
		events, from = a.initialEvents(r), a.version
	}
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		r.watching--
	}()

	out := json.NewEncoder(w)
	for {
		for _, e := range events {
			if e.action != "BOOKMARK" && !r.wants(e.object) {
				continue
			}
			if out.Encode(map[string]any{"type": e.action, "object": r.encode(e.object)}) != nil {
				return
			}
		}
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		var more chan struct{}
		if events, more = a.after(r, from); len(events) > 0 {
			from = events[len(events)-1].version
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-broken:
			return
		case <-more:
		}
	}
}

// initialEvents returns all objects as additions, and the bookmark that ends them.
// It needs a.mu.
func (a *API) initialEvents(r request) []change {
	r.lists++
	var list []change
	for _, name := range slices.Sorted(maps.Keys(r.objects)) {
		list = append(list, change{a.version, "ADDED", r.objects[name]})
	}
	bookmark := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Bookmark"}}
	bookmark.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	bookmark.SetResourceVersion(strconv.FormatInt(a.version, 10))
	return append(list, change{a.version, "BOOKMARK", bookmark})
}

// after returns the changes since a version, or a channel that is closed by the
// next change.
func (a *API) after(r request, version int64) ([]change, chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for n, c := range r.history {
		if c.version > version {
			return slices.Clone(r.history[n:]), r.more
		}
	}
	return nil, r.more
}
