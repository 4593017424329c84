// Package watch keeps compact extracts of a cluster's objects up to date.
//
// An Informer watches one kind in all namespaces. It keeps only what an extract
// function returns for each object, so that thousands of objects fit into a few
// megabytes.
package watch

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/kubeorch/core/pkg/panics"
)

const (
	minPause = time.Second // after a failure; each further one doubles it
	maxPause = 30 * time.Second
)

// Connection reaches a cluster.
type Connection interface {
	Dynamic() dynamic.Interface
	Metadata() metadata.Interface
}

// Query selects the objects that an Informer watches.
type Query struct {
	Resource schema.GroupVersionResource
	Selector string // of labels; empty selects everything
	Fields   string // selector of fields; empty selects everything
	Metadata bool   // read the objects' metadata only
}

// Options are the functions of an Informer. They are called from the goroutine
// that reads from the cluster, so they must not block.
type Options[T any] struct {
	// Extract returns what to keep of an object, and the name of the group
	// that it belongs to; an object of the group "" is not kept. Its argument is an *unstructured.Unstructured, or a
	// *metav1.PartialObjectMetadata if only metadata is read. It must not
	// retain the argument or parts of it.
	Extract func(metav1.Object) (group string, value T)
	// Changed is called when an object of a group was added, changed or removed.
	Changed func(group string)
	// Synced is called when all objects are known, and again after each
	// interruption that has required a new list.
	Synced func()
	// Failed is called with the first failure after a success. The objects
	// that are known stay.
	Failed func(error)
}

// Informer keeps extracts of all objects of one kind. It fails when there are
// more than 50,000. Its methods are safe for concurrent use.
type Informer[T any] struct {
	query Query
	opts  Options[T]
	store *store[T]

	reflector *cache.Reflector
	paged     objectCount // of a list that is read page by page

	mu     sync.Mutex
	failed bool
}

// New returns an informer that is empty until Run is called.
func New[T any](conn Connection, q Query, o Options[T]) *Informer[T] {
	i := &Informer[T]{query: q, opts: o, store: newStore(o)}
	i.reflector = cache.NewReflectorWithOptions(i.listWatch(conn), nil, i.store, cache.ReflectorOptions{
		Name:            q.Resource.String(),
		TypeDescription: q.Resource.Resource,
		Backoff: &wait.Backoff{
			Duration: minPause / 2, Cap: maxPause / 3, Steps: 5, Factor: 2, Jitter: 0.5,
		},
	})
	return i
}

// Group returns the extracts of a group in no particular order.
func (i *Informer[T]) Group(name string) []T { return i.store.group(name) }

// Get returns the extract of an object. ok is false when it is not there, or not known.
func (i *Informer[T]) Get(namespace, name string) (value T, ok bool) {
	return i.store.get(namespace, name)
}

// Groups returns the names of all groups in no particular order.
func (i *Informer[T]) Groups() []string { return i.store.groupNames() }

// Names returns the names of the objects of a group in no particular order.
func (i *Informer[T]) Names(group string) []types.NamespacedName { return i.store.names(group) }

// GroupOf returns the group of an object, or "" when it is not known.
func (i *Informer[T]) GroupOf(namespace, name string) string { return i.store.groupOf(namespace, name) }

// Len returns the number of objects.
func (i *Informer[T]) Len() int { return i.store.len() }

// Synced reports whether all objects have been read. It stays true while the
// cluster cannot be reached.
func (i *Informer[T]) Synced() bool { return i.store.isSynced() }

// Failed reports whether the last attempt to read from the cluster failed.
func (i *Informer[T]) Failed() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.failed
}

// Run reads from the cluster until ctx ends, and returns nil then. It reports
// failures and tries again after longer and longer pauses.
func (i *Informer[T]) Run(ctx context.Context) error {
	ctx = klog.NewContext(ctx, logr.Discard()) // failures go to Options.Failed
	pause := minPause
	for ctx.Err() == nil {
		start := time.Now()
		if err := i.listAndWatch(ctx); err != nil && ctx.Err() == nil {
			i.report(err)
		}
		if time.Since(start) > maxPause {
			pause = minPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause + rand.N(pause/2)): //nolint:gosec // jitter needs no secrecy
		}
		pause = min(2*pause, maxPause)
	}
	return nil
}

// listAndWatch reads all objects and then their changes until that fails. A panic
// is a failure as well: bad data from a cluster must not end the process.
func (i *Informer[T]) listAndWatch(ctx context.Context) error {
	return panics.ToError(func() error { return i.reflector.ListAndWatchWithContext(ctx) })
}

// report calls Options.Failed with the first failure after a success.
func (i *Informer[T]) report(err error) {
	i.mu.Lock()
	first := !i.failed
	i.failed = true
	i.mu.Unlock()
	if first && i.opts.Failed != nil {
		i.opts.Failed(err)
	}
}

// succeeded ends a series of failures.
func (i *Informer[T]) succeeded() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.failed = false
}

// errWatchFailed replaces errors after which the reflector pauses without
// observing its context.
var errWatchFailed = errors.New("the watch could not begin") //nolint:gochecknoglobals // never written
