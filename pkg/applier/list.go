package applier

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"

	"github.com/kubeorch/core/pkg/kubernetes"
)

const pageSize = 500

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
