// Package applier brings objects into a cluster by server-side apply and tells
// what that changed. It takes objects and options and returns a change set; it
// knows nothing of what the objects are for.
package applier

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// Options tune an Applier.
type Options struct {
	Manager string            // field manager
	Owner   map[string]string // labels that every applied object gets, and that mark an existing one as ours
	Workers int               // objects in flight
	Timeout time.Duration     // for one object, with waiting for an old one to go
	DryRun  bool              // ask the API server, change nothing
	// Namespaces, unless empty, are the only ones whose objects may be touched.
	// Objects of no namespace may not be then, nor namespaces themselves.
	Namespaces []string
	// KeepOwners refuses to adopt what OwnerName knows the owner of.
	KeepOwners bool
	// OwnerName says to whom an object with these labels belongs, or "" when
	// they do not tell. nil asks the labels of common tools only.
	OwnerName func(labels map[string]string) string
	// OnPanic is told of a panic while one object was worked on, which then
	// fails with a neutral text. It may be called from several goroutines; nil
	// keeps the cause to the Change's error.
	OnPanic func(cause error)
}

// DefaultOptions returns the options for objects that carry the labels owner.
func DefaultOptions(owner map[string]string) Options {
	return Options{Manager: "kubeorch", Owner: owner, Workers: 8, Timeout: time.Minute}
}

// Applier applies, lists and deletes objects of one owner in one cluster. It
// is safe for concurrent use and holds no goroutines between calls.
type Applier struct {
	conn *kubernetes.Connection
	opts Options
}

// New returns an applier that works through conn.
func New(conn *kubernetes.Connection, opts Options) *Applier {
	return &Applier{conn: conn, opts: opts}
}

// Request asks for one object.
type Request struct {
	Object *unstructured.Unstructured // not modified; version "*" means the one the cluster prefers
	Adopt  bool                       // take the object over when it belongs to somebody else
	Rerun  bool                       // for Jobs: replace a finished one although nothing changed
}

// Apply brings the objects of one wave into the cluster, several at once, and
// returns one Change for each, in the order of reqs. done, unless nil, is
// called with each index and Change as it is known, one call at a time.
//
// Failures are Changes too. When the cluster cannot be reached or refuses the
// credentials, objects that have not begun fail at once with the same reason;
// the same holds when ctx ends.
func (a *Applier) Apply(ctx context.Context, reqs []Request, done func(int, Change)) []Change {
	var w wave
	seen := newSurvey(reqs)
	changes := make([]Change, len(reqs))
	report := oneByOne(done)
	var group errgroup.Group
	group.SetLimit(max(1, a.opts.Workers))
	for i, req := range reqs {
		group.Go(func() error {
			changes[i] = w.guard(ctx, RefOf(req.Object), a.guarded(RefOf(req.Object), func() Change { return a.applyOne(ctx, req, seen) }))
			if err := a.protect(func() error { return report(i, changes[i]) }); err != nil {
				changes[i] = failed(RefOf(req.Object), err)
			}
			return nil
		})
	}
	_ = group.Wait() // failures are in the changes
	return changes
}

// oneByOne lets one call at a time through to done, which may be nil.
func oneByOne(done func(int, Change)) func(int, Change) error {
	var mu sync.Mutex
	return func(i int, c Change) error {
		if done != nil {
			mu.Lock()
			defer mu.Unlock()
			done(i, c)
		}
		return nil
	}
}

func (a *Applier) applyOne(ctx context.Context, req Request, seen survey) Change {
	ctx, cancel := context.WithTimeout(ctx, a.opts.Timeout)
	defer cancel()
	t, err := a.target(ctx, req.Object)
	if err != nil {
		return failed(RefOf(req.Object), err)
	}
	t.seen = seen[placeOf(RefOf(req.Object))]
	var c Change
	err = retry(ctx, func() (err error) {
		c, err = a.bring(ctx, t, req)
		t.seen = nil // another attempt looks for itself
		return a.conn.Err(err)
	})
	if err != nil {
		return failed(t.ref, err)
	}
	return c
}

// bring does one attempt: look, decide, write.
func (a *Applier) bring(ctx context.Context, t *target, req Request) (Change, error) {
	old, err := a.vacate(ctx, t)
	if err != nil {
		return Change{}, err
	}
	if old == nil {
		return a.create(ctx, t)
	}
	if err := a.mine(t.ref, old, req.Adopt); err != nil {
		return Change{}, err
	}
	r := ruleFor(t.ref)
	replace, err := r.before(ctx, t, req)
	if err != nil {
		return Change{}, err
	}
	if replace {
		return a.replace(ctx, t, old)
	}
	now, err := a.change(ctx, t)
	if err == nil {
		return changeFrom(t.ref, old, now), nil
	}
	if !immutable(err) {
		return Change{}, err
	}
	if r.replaceable {
		return a.replace(ctx, t, old)
	}
	return Change{}, r.explain(t.ref, err)
}

// vacate returns the object as it is now, or nil when there is none. One that
// is being deleted is waited for: applying to it would be lost with it.
func (a *Applier) vacate(ctx context.Context, t *target) (*metav1.PartialObjectMetadata, error) {
	old, known := t.seen.of(ctx, t)
	var err error
	if !known {
		old, err = t.get(ctx)
	}
	if err != nil || old == nil || old.DeletionTimestamp == nil {
		return old, err
	}
	if a.opts.DryRun {
		return nil, conflictf(t.ref, "is being deleted")
	}
	return nil, t.gone(ctx, old.UID)
}

func (a *Applier) create(ctx context.Context, t *target) (Change, error) {
	// Server-side apply cannot be told to create only. Without force, an
	// object that somebody made in the meantime is a conflict, and the next
	// attempt asks whose it is. One that differs in nothing shows by its
	// manager.
	now, err := a.write(ctx, t, false)
	if err != nil {
		return Change{}, err
	}
	if other := otherManager(now, a.opts.Manager); other != "" {
		return Change{}, conflictf(t.ref, "was created by %s at the same moment; the next run will say whose it is", other)
	}
	return changeFrom(t.ref, nil, now), nil
}

func (a *Applier) replace(ctx context.Context, t *target, old *metav1.PartialObjectMetadata) (Change, error) {
	if a.opts.DryRun {
		return Change{Ref: t.ref, Action: Configured, Message: "would be replaced"}, nil
	}
	if err := t.remove(ctx, old, metav1.DeletePropagationForeground); err != nil {
		return Change{}, err
	}
	if err := t.gone(ctx, old.UID); err != nil {
		return Change{}, err
	}
	c, err := a.create(ctx, t)
	if err == nil {
		c.Action, c.Message = Configured, "replaced"
	}
	return c, err
}

// write applies the object. With force it takes fields over from other
// managers, which is for objects known to be ours or adopted.
func (a *Applier) write(ctx context.Context, t *target, force bool) (*metav1.PartialObjectMetadata, error) {
	body, err := Body(t.object)
	if err != nil {
		return nil, err
	}
	opts := metav1.PatchOptions{FieldManager: a.opts.Manager, Force: &force, FieldValidation: metav1.FieldValidationStrict}
	if a.opts.DryRun {
		opts.DryRun = []string{metav1.DryRunAll}
	}
	return t.client.Patch(ctx, t.ref.Name, types.ApplyPatchType, body, opts)
}
