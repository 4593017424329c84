package applier

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// Each calls visit with every whole object of the given kinds that ListOwned would
// find, one call at a time. visit may keep nothing of the object; so a large
// application is never in memory at once.
func (a *Applier) Each(
	ctx context.Context, gvks []schema.GroupVersionKind, o ListOptions, visit func(*unstructured.Unstructured),
) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, a.opts.Workers))
	for _, gvk := range gvks {
		group.Go(func() error {
			return a.recovered(func() error {
				return a.eachOf(ctx, gvk, o, func(page *unstructured.UnstructuredList) {
					mu.Lock()
					defer mu.Unlock()
					for i := range page.Items {
						visit(&page.Items[i])
					}
				})
			})
		})
	}
	return a.conn.Err(group.Wait())
}

func (a *Applier) eachOf(
	ctx context.Context, gvk schema.GroupVersionKind, o ListOptions, visit func(*unstructured.UnstructuredList),
) error {
	m, err := a.conn.Mapping(ctx, gvk)
	if kubernetes.ReasonOf(err) == kubernetes.UnknownKind {
		return nil
	}
	if err != nil {
		return err
	}
	selector := labels.Set(a.opts.Owner).AsSelector().String()
	if o.Selector != "" {
		selector += "," + o.Selector
	}
	client := a.conn.Dynamic().Resource(m.Resource)
	err = eachPage(ctx, client, selector, visit)
	if kubernetes.ReasonOf(err) != kubernetes.Forbidden || m.Scope.Name() != meta.RESTScopeNameNamespace || len(o.Namespaces) == 0 {
		return err
	}
	for _, ns := range o.Namespaces {
		if err := eachPage(ctx, client.Namespace(ns), selector, visit); err != nil {
			return err
		}
	}
	return nil
}

func eachPage(ctx context.Context, client dynamic.ResourceInterface, selector string, visit func(*unstructured.UnstructuredList)) error {
	o := metav1.ListOptions{LabelSelector: selector, Limit: pageSize}
	for {
		page, err := client.List(ctx, o)
		if err != nil {
			return err
		}
		visit(page)
		if o.Continue = page.GetContinue(); o.Continue == "" {
			return nil
		}
	}
}
