package applier

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"

	"github.com/kubeorch/core/pkg/kubernetes"
)

const pageSize = 500

// ListOptions tune ListOwned.
type ListOptions struct {
	Selector   string   // of labels, in addition to those of the owner
	Namespaces []string // to list one by one when the cluster forbids listing all
}

// ListOwned returns the metadata of all objects of the given kinds that carry
// the owner's labels, in the order of gvks, with their kind filled in. Kinds
// that the cluster does not know are left out. Any other failure fails the
// call, so that a list is always complete.
func (a *Applier) ListOwned(ctx context.Context, gvks []schema.GroupVersionKind, o ListOptions) ([]metav1.PartialObjectMetadata, error) {
	var mu sync.Mutex
	found := make(map[schema.GroupVersionKind][]metav1.PartialObjectMetadata, len(gvks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, a.opts.Workers))
	for _, gvk := range gvks {
		group.Go(func() error {
			var list []metav1.PartialObjectMetadata
			err := a.recovered(func() (err error) { list, err = a.listKind(ctx, gvk, o); return err })
			mu.Lock()
			defer mu.Unlock()
			found[gvk] = list
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, a.conn.Err(err)
	}
	var all []metav1.PartialObjectMetadata
	for _, gvk := range gvks {
		all = append(all, found[gvk]...)
		delete(found, gvk) // a kind named twice is listed once
	}
	return all, nil
}

func (a *Applier) listKind(ctx context.Context, gvk schema.GroupVersionKind, o ListOptions) ([]metav1.PartialObjectMetadata, error) {
	m, err := a.conn.Mapping(ctx, gvk)
	if kubernetes.ReasonOf(err) == kubernetes.UnknownKind {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	selector := labels.Set(a.opts.Owner).AsSelector().String()
	if o.Selector != "" {
		selector += "," + o.Selector
	}
	client := a.conn.Metadata().Resource(m.Resource)
	list, err := listPages(ctx, client, selector)
	if kubernetes.ReasonOf(err) == kubernetes.Forbidden && m.Scope.Name() == meta.RESTScopeNameNamespace && len(o.Namespaces) > 0 {
		list, err = nil, nil
		for _, ns := range o.Namespaces {
			part, perr := listPages(ctx, client.Namespace(ns), selector)
			if perr != nil {
				return nil, perr
			}
			list = append(list, part...)
		}
	}
	for i := range list {
		list[i].SetGroupVersionKind(m.GroupVersionKind)
	}
	return list, err
}

func listPages(ctx context.Context, client metadata.ResourceInterface, selector string) ([]metav1.PartialObjectMetadata, error) {
	var all []metav1.PartialObjectMetadata
	o := metav1.ListOptions{LabelSelector: selector, Limit: pageSize}
	for {
		page, err := client.List(ctx, o)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Continue == "" {
			return all, nil
		}
		o.Continue = page.Continue
	}
}
