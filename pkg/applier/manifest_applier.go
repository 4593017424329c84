// Package applier writes objects to a cluster by server-side apply, and lists
// and deletes them. It takes objects and options and returns a set of changes;
// it knows nothing of what the objects are for.
package applier

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// Options tune an Applier.
type Options struct {
	// Manager begins the names of the field managers, of which each owner has its
	// own: "kubeorch-1f0c6a".
	Manager string
	Owner   map[string]string // labels of every applied object; an existing object with all of them is ours
	Workers int               // objects worked on at once
	Timeout time.Duration     // for one object, including the wait for an earlier one to be deleted
	DryRun  bool              // validate on the API server, change nothing
	// Namespaces, unless empty, restricts the applier to the objects in these
	// namespaces. Cluster-scoped objects are then refused, Namespaces included.
	Namespaces []string
	// MayAdopt permits requests to adopt objects of other owners.
	MayAdopt bool
	// KeepOwners refuses to adopt an object whose owner OwnerName names.
	KeepOwners bool
	// OwnerName names the owner of an object with these labels, or returns ""
	// when the labels do not tell. nil consults the labels of common tools only.
	OwnerName func(labels map[string]string) string
	// OnPanic receives each panic, as a *panics.Error. The object that was
	// worked on fails with a neutral text. It may be called from several
	// goroutines; nil leaves the panic to the error of the Change.
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
	Adopt  bool                       // take the object over from another owner, if Options.MayAdopt
	Rerun  bool                       // for Jobs: replace a finished Job even if nothing changed
	// Replace permits to delete the object and make it anew where a change is refused
	// because a field cannot be changed. The content of a claim is lost with it.
	Replace bool
	// Initial are the fields, left out of Object, that something else decides
	// once the object exists.
	Initial []Initial
	// Survey, unless nil, saves requests: what it holds is not read again, and an
	// object that is still as Remembered tells is not asked about.
	Survey     *Survey
	Remembered Remembered
}

// Apply applies objects that do not depend on each other, several at once, and
// returns one Change for each, in the order of reqs. done, unless nil, is
// called with the index and Change of each object as soon as it is done, one
// call at a time.
//
// Failures are Changes too. When the cluster cannot be reached or refuses the
// credentials, the remaining objects fail at once with the same reason; so they
// do when ctx ends.
func (a *Applier) Apply(ctx context.Context, reqs []Request, done func(int, Change)) []Change {
	lists := newPrefetch(reqs)
	refs := make([]Ref, len(reqs))
	for i, req := range reqs {
		refs[i] = RefOf(req.Object)
	}
	return a.forEach(ctx, refs, func(i int) Change { return a.applyOne(ctx, reqs[i], lists) }, done)
}

func (a *Applier) applyOne(ctx context.Context, req Request, lists prefetch) Change {
	ctx, cancel := context.WithTimeout(ctx, a.opts.Timeout)
	defer cancel()
	t, err := a.target(ctx, req.Object)
	if err != nil {
		return failed(RefOf(req.Object), err)
	}
	t.listed = lists[listKeyOf(RefOf(req.Object))]
	return a.applyTarget(ctx, t, req)
}

func (a *Applier) applyTarget(ctx context.Context, t *target, req Request) Change {
	if old, same := a.unchanged(t, req); same {
		return a.changeFrom(t.ref, old, old)
	}
	t.survey = req.Survey
	var c Change
	err := retry(ctx, func() (err error) {
		c, err = a.applyOnce(ctx, t, req)
		t.survey, t.listed = nil, nil // further attempts read the object itself
		return a.conn.Err(err)
	})
	if err != nil {
		return failed(t.ref, err)
	}
	return c
}

// applyOnce makes one attempt: it reads the object, decides, and writes it.
func (a *Applier) applyOnce(ctx context.Context, t *target, req Request) (Change, error) {
	old, err := a.live(ctx, t)
	if err != nil {
		return Change{}, err
	}
	if old == nil {
		return a.createWithInitial(ctx, t, req.Initial)
	}
	if err := a.checkOwner(t.ref, old, req.Adopt); err != nil {
		return Change{}, err
	}
	if !a.owns(old.Labels) || isAdopted(old) {
		req.Rerun = false // an adopted Job is not deleted to run again
	}
	r := ruleFor(t.ref)
	replace, err := r.before(ctx, t, req)
	if err != nil && !(req.Replace && kubernetes.ReasonOf(err) == kubernetes.Invalid) {
		return Change{}, err
	}
	replace = replace || err != nil
	if replace {
		return a.replace(ctx, t, old, req.Initial)
	}
	if err := a.giveUpOwned(ctx, t, old, req.Initial, req.Adopt); err != nil {
		return Change{}, err
	}
	now, err := a.change(ctx, t, old, req.Adopt)
	if err == nil {
		return a.changeFrom(t.ref, old, now), nil
	}
	if !immutable(err) {
		return Change{}, err
	}
	if r.replaceable || req.Replace {
		return a.replace(ctx, t, old, req.Initial)
	}
	return Change{}, r.explain(t.ref, err)
}

// live returns the metadata of the object in the cluster, or nil when there is
// none. It waits for an object that is being deleted: what is applied to that
// would be lost with it.
func (a *Applier) live(ctx context.Context, t *target) (*metav1.PartialObjectMetadata, error) {
	old, known := t.survey.fresh(t.ref)
	if !known {
		old, known = t.listed.get(ctx, t)
	}
	var err error
	if !known {
		old, err = t.get(ctx)
	}
	if err != nil || old == nil || old.DeletionTimestamp == nil {
		return old, err
	}
	if a.opts.DryRun {
		return nil, conflictf(t.ref, beingDeleted)
	}
	return nil, t.waitDeleted(ctx, old)
}

// beingDeleted is what a dry run, which does not wait, says of such an object.
const beingDeleted = "is being deleted"

func (a *Applier) replace(ctx context.Context, t *target, old *metav1.PartialObjectMetadata, fields []Initial) (Change, error) {
	if a.opts.DryRun {
		return a.tryReplace(ctx, t, old, fields)
	}
	how, err := ruleFor(t.ref).propagation(ctx, t)
	if err != nil {
		return Change{}, err
	}
	if err := a.delete(ctx, t, old, how, false); err != nil {
		return Change{}, err
	}
	if err := t.waitDeleted(ctx, old); err != nil {
		return Change{}, err
	}
	c, err := a.createWithInitial(ctx, t, fields)
	if err == nil {
		c.Action, c.Message = Configured, "replaced"
	}
	return c, err
}
