package diagnostics

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/panics"
	"github.com/kubeorch/core/services/findings"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/services/plan"
	"github.com/kubeorch/core/services/status"
)

// Bounds of what one diagnosis reads.
const (
	maxPods     = 200 // of a node
	maxEvents   = 20  // of one object
	maxAsked    = 5   // objects beside the main one whose events are read
	maxLogs     = 3   // logs of containers that failed
	maxLogLines = 20
	maxLogBytes = 1 << 20 // of one log
	maxLogLine  = 2 << 10
	maxNodes    = 100
	maxList     = 100 // of classes, quotas, slices and Jobs
	maxBackends = 10  // of an Ingress

	atOnce = 4 // requests of one diagnosis
)

// reader collects the facts about one node. Whatever is read beside the main object
// may fail: it is noted and left out, unless the cluster is away.
type reader struct {
	cluster    cluster
	workflowID string
	node       models.Node
	wide       bool // objects of the whole cluster may be looked at

	mu    sync.Mutex
	facts findings.Facts
}

// read returns the facts. Its error means that nothing can be said of the node.
func (r *reader) read(ctx context.Context) (findings.Facts, error) {
	source, _ := status.SourceOf(r.node.Type)
	r.facts = findings.Facts{
		NodeID: r.node.ID, Type: r.node.Type, Unread: map[findings.Part]string{},
		Object: models.ObjectName{Kind: source.Kind, Namespace: kinds.NamespaceOf(r.node.Data), Name: r.node.Data.String("name")},
	}
	if r.facts.Object.Name == "" {
		return r.facts, nil // an unfinished drawing, of which nothing is in the cluster
	}
	gvk := source.Resource.GroupVersion().WithKind(source.Kind)
	if source.Metadata {
		var err error
		r.facts.Exists, err = r.cluster.Has(ctx, gvk, r.facts.Object.Namespace, r.facts.Object.Name)
		return r.facts, err
	}
	list, _, err := r.cluster.Read(ctx, kubernetes.ReadRequest{Kind: gvk, Namespace: r.facts.Object.Namespace, Name: r.facts.Object.Name})
	if kubernetes.ReasonOf(err) == kubernetes.NotFound {
		return r.facts, nil
	}
	if err != nil {
		return r.facts, err
	}
	r.facts.Exists, r.facts.UID = true, list[0].GetUID()
	if err := r.keep(&list[0]); err != nil {
		return r.facts, err
	}
	return r.facts, r.readAround(ctx)
}

// readAround reads what belongs to the main object: first what others depend on, then
// the rest at once.
func (r *reader) readAround(ctx context.Context) error {
	if err := r.take(ctx, r.first()); err != nil {
		return err
	}
	return r.take(ctx, r.second())
}

// take takes steps, some at once.
func (r *reader) take(ctx context.Context, steps []step) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, s := range steps {
		group.Go(func() error {
			return r.note(ctx, s.part, panics.ToError(func() error { return s.read(ctx) }))
		})
	}
	return group.Wait()
}

// step reads one part of the facts.
type step struct {
	part findings.Part
	read func(ctx context.Context) error
}

// note keeps why a part could not be read. A cluster that is away ends the reading.
func (r *reader) note(ctx context.Context, part findings.Part, err error) error {
	if err == nil {
		return nil
	}
	switch kubernetes.ReasonOf(err) {
	case kubernetes.Forbidden, kubernetes.NotFound, kubernetes.UnknownKind, kubernetes.TooLarge, kubernetes.Invalid, kubernetes.Other:
		r.set(func(f *findings.Facts) { f.Unread[part] = models.MessageOf(kubernetes.Translate(err)) })
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (r *reader) set(change func(f *findings.Facts)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.facts)
}

// podSelector selects the pods that the node's own objects make.
func (r *reader) podSelector() string {
	return fmt.Sprintf("%s=%s,%s=%s", plan.WorkflowLabel, plan.NodeLabel(r.workflowID), kinds.NodeIDLabel, plan.NodeLabel(r.node.ID))
}

// list reads objects of a kind in the node's namespace into typed ones.
func list[T any](ctx context.Context, r *reader, req kubernetes.ReadRequest) ([]T, bool, error) {
	objects, more, err := r.cluster.Read(ctx, req)
	if err != nil {
		return nil, false, err
	}
	out := make([]T, len(objects))
	for i := range objects {
		if err := typed(&objects[i], &out[i]); err != nil {
			return nil, false, err
		}
	}
	return out, more, nil
}

// typed converts an object.
func typed[T any](u *unstructured.Unstructured, into *T) error {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, into); err != nil {
		return &kubernetes.Error{Reason: kubernetes.Other, Message: u.GetKind() + " " + u.GetName() + " has a form that cannot be read", Err: err}
	}
	return nil
}

func core(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Version: "v1", Kind: kind}
}
