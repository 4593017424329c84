package applier

import (
	"context"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// Replaced is the action of a Preview whose object would be deleted and created anew,
// because the API allows no change in place.
const Replaced Action = "replaced"

// Preview is what an apply would do to one object.
type Preview struct {
	Change

	// Live is the object as it is, and Would as it would be with what the API server
	// fills in; both are nil if that is not known: of objects that a survey knows to be
	// unchanged, and of those that fail. Live is also nil when there is no object.
	Live, Would *unstructured.Unstructured
	Warnings    []string // of the API server
}

// preview collects the answers to the requests of a dry run.
type preview struct {
	would    *unstructured.Unstructured
	replaced bool
	gaveUp   bool // fields are left to something else from now on

	mu       sync.Mutex
	warnings []string
}

func (p *preview) warn(text string) {
	const most = 20
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.warnings) < most && !slices.Contains(p.warnings, text) {
		p.warnings = append(p.warnings, text)
	}
}

// DryRun returns an applier like a whose calls change nothing.
func (a *Applier) DryRun() *Applier {
	dry := *a
	dry.opts.DryRun = true
	return &dry
}

// Preview calls done for each request with what Apply would do for it, one call at a
// time, and changes nothing. The API server judges the objects by dry runs; those
// whose namespace does not exist yet, or whose predecessor is being deleted, as far
// as that is possible. It keeps no object after its call of done.
func (a *Applier) Preview(ctx context.Context, reqs []Request, done func(int, Preview)) {
	dry := a.DryRun()
	lists := newPrefetch(reqs)
	refs := make([]Ref, len(reqs))
	for i, req := range reqs {
		refs[i] = RefOf(req.Object)
	}
	previews := make([]Preview, len(reqs))
	dry.forEach(ctx, refs, func(i int) Change {
		previews[i] = dry.previewOne(ctx, reqs[i], lists)
		return previews[i].Change
	}, func(i int, c Change) {
		p := previews[i]
		p.Change, previews[i] = c, Preview{}
		done(i, p)
	})
}

func (a *Applier) previewOne(ctx context.Context, req Request, lists prefetch) Preview {
	ctx, cancel := context.WithTimeout(ctx, a.opts.Timeout)
	defer cancel()
	t, err := a.target(ctx, req.Object)
	if err != nil {
		return Preview{Change: failed(RefOf(req.Object), err)}
	}
	t.preview, t.listed = &preview{}, lists[listKeyOf(RefOf(req.Object))]
	ctx = kubernetes.WithWarnings(ctx, t.preview.warn)
	return a.finishPreview(ctx, t, a.applyTarget(ctx, t, req), req.Initial)
}

// PreviewValues is Preview for ApplyValues. Live and Would hold values.
func (a *Applier) PreviewValues(ctx context.Context, req ValuesRequest) (Preview, ValuesState) {
	dry := a.DryRun()
	ctx, cancel := context.WithTimeout(ctx, a.opts.Timeout)
	defer cancel()
	t, err := dry.target(ctx, req.Object)
	if err != nil {
		return Preview{Change: failed(RefOf(req.Object), err)}, ValuesState{}
	}
	t.preview = &preview{}
	ctx = kubernetes.WithWarnings(ctx, t.preview.warn)
	c, state := dry.applyValuesTarget(ctx, t, req)
	if c.Action == Failed && tooEarly(c.Err) {
		data, _ := merge(req, nil)
		state = stateOf(req.Keys, data)
		state.Exists = true
	}
	p := dry.finishPreview(ctx, t, c, nil)
	if p.Action == Failed {
		p.Change = failed(t.ref, withoutValues(p.Err, req.Values))
	}
	return p, state
}

// finishPreview adds the object to the Change of a dry run.
func (a *Applier) finishPreview(ctx context.Context, t *target, c Change, initial []Initial) Preview {
	if c.Action == Failed && tooEarly(c.Err) {
		c = a.previewLater(ctx, t, c.Err, initial)
	}
	p := Preview{Change: c, Would: t.preview.would}
	switch {
	case c.Action == Failed:
		p.Would = nil
	case p.Would != nil && c.Action != Created:
		live, err := t.full.Get(ctx, t.ref.Name, metav1.GetOptions{})
		if err != nil {
			return Preview{Change: failed(t.ref, a.conn.Err(err))}
		}
		p.Live = live
		// The version of an object tells nothing here: a dry run does not raise it.
		p.Action, p.Message = Configured, c.Message
		switch {
		case t.preview.replaced:
			p.Action = Replaced
			withoutGenerated(p.Live, p.Would)
		case sameState(p.Live, p.Would) && !t.preview.gaveUp:
			p.Action = Unchanged
		}
	}
	p.Warnings = t.preview.warnings
	return p
}

// Read calls done for each ref with its object, or nil when that cannot be read, one
// call at a time.
func (a *Applier) Read(ctx context.Context, refs []Ref, done func(int, *unstructured.Unstructured)) {
	found := make([]*unstructured.Unstructured, len(refs))
	a.forEach(ctx, refs, func(i int) Change {
		t, err := a.locate(ctx, refs[i])
		if err == nil {
			found[i], err = t.full.Get(ctx, t.ref.Name, metav1.GetOptions{})
		}
		if err != nil {
			return failed(refs[i], a.conn.Err(err))
		}
		return Change{Ref: t.ref}
	}, func(i int, _ Change) {
		done(i, found[i])
		found[i] = nil
	})
}

// metadataOf returns the metadata of o.
func metadataOf(o *unstructured.Unstructured) (*metav1.PartialObjectMetadata, error) {
	m := &metav1.PartialObjectMetadata{}
	return m, runtime.DefaultUnstructuredConverter.FromUnstructured(map[string]any{
		"apiVersion": o.GetAPIVersion(), "kind": o.GetKind(), "metadata": o.Object["metadata"],
	}, m)
}

// sameState reports whether a and b have the same content and the same managers of
// each field.
func sameState(a, b *unstructured.Unstructured) bool {
	return equality.Semantic.DeepEqual(contentOf(a), contentOf(b)) &&
		slices.Equal(managersOf(a), managersOf(b))
}

func contentOf(o *unstructured.Unstructured) map[string]any {
	o = o.DeepCopy()
	unstructured.RemoveNestedField(o.Object, "status")
	for _, field := range []string{"managedFields", "resourceVersion", "generation"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	return o.Object
}

func managersOf(o *unstructured.Unstructured) (all []string) {
	for _, e := range o.GetManagedFields() {
		if e.Subresource == "" {
			all = append(all, strings.Join([]string{e.Manager, string(e.Operation), e.FieldsV1.String()}, "\n"))
		}
	}
	slices.Sort(all)
	return all
}
