package applier

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	minListed  = 4           // objects of a kind and namespace that are worth a list
	listMaxAge = time.Second // an older list does not answer
)

// prefetch reads the objects of many requests with one list for each kind and
// namespace. It only saves requests: what a list does not answer is read object
// by object. Lists are short-lived, so that an object which another client
// creates in the meantime is rarely missed.
type prefetch map[listKey]*listing

type listKey struct {
	schema.GroupVersionKind
	namespace string
}

// listing is the list of one kind in one namespace, read when first needed.
type listing struct {
	limit  int64 // a namespace with more objects is not worth a list
	once   sync.Once
	readAt time.Time
	byName map[string]*metav1.PartialObjectMetadata // nil when the list is incomplete
}

func newPrefetch(reqs []Request) prefetch {
	count := make(map[listKey]int, len(reqs))
	for _, r := range reqs {
		count[listKeyOf(RefOf(r.Object))]++
	}
	return prefetchOf(count)
}

// prefetchOf returns the lists for so many objects of each kind and namespace.
func prefetchOf(count map[listKey]int) prefetch {
	p := make(prefetch)
	for key, n := range count {
		if n >= minListed {
			p[key] = &listing{limit: int64(2*n + 50)}
		}
	}
	return p
}

func listKeyOf(r Ref) listKey { return listKey{r.GroupVersionKind, r.Namespace} }

// get returns the listed metadata of t, or nil when the object does not exist.
// known is false when the list cannot tell.
func (l *listing) get(ctx context.Context, t *target) (old *metav1.PartialObjectMetadata, known bool) {
	if l == nil {
		return nil, false
	}
	l.once.Do(func() { l.read(ctx, t) })
	if l.byName == nil || time.Since(l.readAt) > listMaxAge {
		return nil, false
	}
	return l.byName[t.ref.Name], true
}

// read reads one page. A longer list stays incomplete and answers nothing.
func (l *listing) read(ctx context.Context, t *target) {
	l.readAt = time.Now()
	page, err := t.client.List(ctx, metav1.ListOptions{Limit: l.limit})
	if err != nil || page.Continue != "" {
		return
	}
	l.byName = make(map[string]*metav1.PartialObjectMetadata, len(page.Items))
	for i := range page.Items {
		l.byName[page.Items[i].Name] = &page.Items[i]
	}
}
