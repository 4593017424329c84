// Package watch keeps compact extracts of a cluster's objects up to date.
//
// An Informer watches one kind in all namespaces. Of each object it keeps only
// what an extract function makes of it, so thousands of objects fit into a few
// megabytes; the object itself is garbage as soon as it was read.
package watch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

const (
	firstPause = time.Second // after a failure; doubled with each further one
	longPause  = 30 * time.Second
)

// Connection reaches a cluster.
type Connection interface {
	Dynamic() dynamic.Interface
	Metadata() metadata.Interface
}

// Query says what an Informer watches.
type Query struct {
	Resource schema.GroupVersionResource
	Selector string // of labels; empty selects everything
	Metadata bool   // read no more than the objects' metadata
}

// Options are what an Informer does with objects. The functions are called
// from the goroutine that reads from the cluster, so they must not block.
type Options[T any] struct {
	// Extract returns what to keep of an object, and the name of the group
	// that it belongs to. It gets *unstructured.Unstructured, or
	// *metav1.PartialObjectMetadata if only metadata is read, and must keep
	// nothing of it.
	Extract func(metav1.Object) (group string, value T)
	// Changed tells that an object of a group was added, changed or removed.
	Changed func(group string)
	// Synced tells that the objects are known completely, which happens
	// again after every interruption that needed a new list.
	Synced func()
	// Failed tells that the objects cannot be read, once until they can.
	// What is known stays.
	Failed func(error)
}

// Informer keeps extracts of all objects of one kind, unless there are more
// than 50,000: that is a failure. Its methods may be called from many
// goroutines.
type Informer[T any] struct {
	query Query
	opts  Options[T]
	store *store[T]
	from  *cache.Reflector
	pages bound // of the list that is read page by page

	mu     sync.Mutex
	failed bool
}

// New returns an informer that knows nothing until Run is called.
func New[T any](conn Connection, q Query, o Options[T]) *Informer[T] {
	i := &Informer[T]{query: q, opts: o, store: newStore(o)}
	i.from = cache.NewReflectorWithOptions(i.source(conn), nil, i.store, cache.ReflectorOptions{
		Name:            q.Resource.String(),
		TypeDescription: q.Resource.Resource,
		Backoff: &wait.Backoff{
			Duration: firstPause / 2, Cap: longPause / 3, Steps: 5, Factor: 2, Jitter: 0.5,
		},
	})
	return i
}

// Group returns the extracts of a group in no particular order.
func (i *Informer[T]) Group(name string) []T { return i.store.group(name) }

// Len returns how many objects are known.
func (i *Informer[T]) Len() int { return i.store.len() }

// Synced reports whether the objects have been known completely. It stays true
// while the cluster cannot be reached.
func (i *Informer[T]) Synced() bool { return i.store.isSynced() }

// Failed reports whether the last attempt to read from the cluster failed.
func (i *Informer[T]) Failed() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.failed
}

// Run reads from the cluster until ctx ends, and returns nil then. Failures
// are reported and tried again, with longer and longer pauses.
func (i *Informer[T]) Run(ctx context.Context) error {
	ctx = klog.NewContext(ctx, logr.Discard()) // Failed tells what matters
	pause := firstPause
	for ctx.Err() == nil {
		start := time.Now()
		if err := i.list(ctx); err != nil && ctx.Err() == nil {
			i.report(err)
		}
		if time.Since(start) > longPause {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause + rand.N(pause/2)): //nolint:gosec // spreads requests, guards nothing
		}
		pause = min(2*pause, longPause)
	}
	return nil
}

// list reads all objects and then their changes until that is not possible any
// more. Bad data from a cluster must not end the process.
func (i *Informer[T]) list(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("watch %s: panic: %v", i.query.Resource, p)
		}
	}()
	return i.from.ListAndWatchWithContext(ctx)
}

// report tells of the first failure after a success.
func (i *Informer[T]) report(err error) {
	i.mu.Lock()
	first := !i.failed
	i.failed = true
	i.mu.Unlock()
	if first && i.opts.Failed != nil {
		i.opts.Failed(err)
	}
}

func (i *Informer[T]) works() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.failed = false
}

// errHidden stands for an error that the reflector would wait for without
// looking at its context.
var errHidden = errors.New("the watch could not begin") //nolint:gochecknoglobals // never written
