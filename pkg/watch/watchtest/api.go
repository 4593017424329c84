// Package watchtest is a small API server for tests of code that watches objects.
// On request it forbids a kind, forgets its history, or drops connections.
package watchtest

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

// API is an API server that holds objects of any kind in memory. Its methods are
// safe for concurrent use.
type API struct {
	dyn  dynamic.Interface
	meta metadata.Interface
	done chan struct{}

	mu       sync.Mutex
	version  int64
	kinds    map[string]*kind // by plural name
	replaced sync.Once
}

// kind holds the objects of one resource and their history.
type kind struct {
	objects  map[string]*unstructured.Unstructured
	history  []change
	since    int64         // versions up to this one are forgotten
	more     chan struct{} // closed with each change
	broken   chan struct{} // closed to drop connections
	refusal  int           // status of all answers, 0 for none
	lists    int           // times that all objects were read
	watching int
}

type change struct {
	version int64
	action  string
	object  *unstructured.Unstructured
}

// New returns an API server that is closed when t ends.
func New(t *testing.T) *API {
	t.Helper()
	a := &API{kinds: make(map[string]*kind), done: make(chan struct{})}
	srv := httptest.NewServer(a)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	cfg := &rest.Config{Host: srv.URL, QPS: -1}
	client, err := rest.HTTPClientFor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	if a.dyn, err = dynamic.NewForConfigAndClient(cfg, client); err != nil {
		t.Fatal(err)
	}
	if a.meta, err = metadata.NewForConfigAndClient(cfg, client); err != nil {
		t.Fatal(err)
	}
	return a
}

// Dynamic returns a client of whole objects.
func (a *API) Dynamic() dynamic.Interface { return a.dyn }

// Metadata returns a client of objects' metadata.
func (a *API) Metadata() metadata.Interface { return a.meta }

// Done is closed by Replace.
func (a *API) Done() <-chan struct{} { return a.done }

// Replace closes Done, as a change of credentials does.
func (a *API) Replace() { a.replaced.Do(func() { close(a.done) }) }

// Mapping guesses the resource of a kind from its name.
func (a *API) Mapping(_ context.Context, gvk schema.GroupVersionKind) (*meta.RESTMapping, error) {
	plural, _ := meta.UnsafeGuessKindToResource(gvk)
	return &meta.RESTMapping{Resource: plural, GroupVersionKind: gvk, Scope: meta.RESTScopeNamespace}, nil
}

// kind needs a.mu.
func (a *API) kind(plural string) *kind {
	k := a.kinds[plural]
	if k == nil {
		k = &kind{objects: make(map[string]*unstructured.Unstructured), more: make(chan struct{}), broken: make(chan struct{})}
		a.kinds[plural] = k
	}
	return k
}

// Set stores an object of a kind and tells watchers.
func (a *API) Set(plural string, object map[string]any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k, u := a.kind(plural), (&unstructured.Unstructured{Object: object}).DeepCopy()
	name := u.GetNamespace() + "/" + u.GetName()
	action := "ADDED"
	if k.objects[name] != nil {
		action = "MODIFIED"
	}
	a.version++
	u.SetResourceVersion(strconv.FormatInt(a.version, 10))
	k.objects[name] = u
	k.add(change{a.version, action, u})
}

// Delete removes an object and tells watchers.
func (a *API) Delete(plural, namespace, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k, at := a.kind(plural), namespace+"/"+name
	u := k.objects[at].DeepCopy()
	delete(k.objects, at)
	a.version++
	u.SetResourceVersion(strconv.FormatInt(a.version, 10))
	k.add(change{a.version, "DELETED", u})
}

func (k *kind) add(c change) {
	k.history = append(k.history, c)
	close(k.more)
	k.more = make(chan struct{})
}

// Refuse makes the server answer every request for a kind with status, and ends
// its watches. Status 0 ends that.
func (a *API) Refuse(plural string, status int) {
	a.mu.Lock()
	a.kind(plural).refusal = status
	a.mu.Unlock()
	a.Break(plural)
}

// Break drops the connections that watch a kind.
func (a *API) Break(plural string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := a.kind(plural)
	close(k.broken)
	k.broken = make(chan struct{})
}

// Expire forgets the history of a kind and drops its connections, so that
// watchers have to read all objects again.
func (a *API) Expire(plural string) {
	a.mu.Lock()
	a.version++
	a.kind(plural).since, a.kind(plural).history = a.version, nil
	a.mu.Unlock()
	a.Break(plural)
}

// Lists returns how many times all objects of a kind have been read.
func (a *API) Lists(plural string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.kind(plural).lists
}

// Watching returns the number of watches by kind. Kinds without a watch are left
// out.
func (a *API) Watching() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := make(map[string]int)
	for plural, k := range a.kinds {
		if k.watching > 0 {
			n[plural] = k.watching
		}
	}
	return n
}

// ServeHTTP answers lists and watches.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	q := r.URL.Query()
	from, _ := strconv.ParseInt(q.Get("resourceVersion"), 10, 64)
	selector, err := labels.Parse(q.Get("labelSelector"))
	if err != nil {
		refuse(w, http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	k := a.kind(parts[len(parts)-1])
	refusal, since, initial := k.refusal, k.since, q.Get("sendInitialEvents") == "true"
	a.mu.Unlock()
	req := request{k, selector, strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadata")}
	switch {
	case refusal != 0:
		refuse(w, refusal)
	case q.Get("watch") == "":
		a.list(w, req)
	case !initial && from < since:
		refuse(w, http.StatusGone)
	default:
		a.watch(r.Context(), w, req, from, initial)
	}
}

func refuse(w http.ResponseWriter, status int) {
	reason := map[int]metav1.StatusReason{
		http.StatusForbidden: metav1.StatusReasonForbidden, http.StatusGone: metav1.StatusReasonExpired,
	}[status]
	answer(w, status, metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Code: int32(status), Reason: reason, Message: http.StatusText(status), //nolint:gosec // an HTTP status
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may have disconnected
}

// request is a list or watch of the objects of one kind.
type request struct {
	*kind
	selector labels.Selector
	metadata bool
}

func (r request) wants(u *unstructured.Unstructured) bool {
	return r.selector.Matches(labels.Set(u.GetLabels()))
}

func (r request) encode(u *unstructured.Unstructured) map[string]any {
	if r.metadata {
		return map[string]any{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": u.Object["metadata"]}
	}
	return u.Object
}

func (a *API) list(w http.ResponseWriter, r request) {
	a.mu.Lock()
	r.lists++
	items := []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(r.objects)) {
		if u := r.objects[name]; r.wants(u) {
			items = append(items, r.encode(u))
		}
	}
	list := map[string]any{"apiVersion": "v1", "kind": "List", "items": items}
	if r.metadata {
		list["apiVersion"], list["kind"] = "meta.k8s.io/v1", "PartialObjectMetadataList"
	}
	list["metadata"] = map[string]any{"resourceVersion": strconv.FormatInt(a.version, 10)}
	a.mu.Unlock()
	answer(w, http.StatusOK, list)
}
