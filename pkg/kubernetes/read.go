package kubernetes

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// ReadRequest selects objects of one kind.
type ReadRequest struct {
	Kind      schema.GroupVersionKind
	Namespace string // empty: all namespaces, or a kind without
	Name      string // of the only object; empty: a list
	Labels    string // selectors of a list
	Fields    string
	Most      int64 // the longest list; 0: all
}

// Read returns the objects that r selects, and whether there are more than r.Most. An
// object that r names and does not exist is an error with the reason NotFound.
func (c *Connection) Read(ctx context.Context, r ReadRequest) (objects []unstructured.Unstructured, more bool, err error) {
	m, err := c.Mapping(ctx, r.Kind)
	if err != nil {
		return nil, false, err
	}
	client := c.dynamic.Resource(m.Resource).Namespace(r.Namespace)
	if r.Name != "" {
		one, err := client.Get(ctx, r.Name, metav1.GetOptions{})
		if err != nil {
			return nil, false, c.Err(err)
		}
		return []unstructured.Unstructured{*one}, false, nil
	}
	list, err := client.List(ctx, metav1.ListOptions{LabelSelector: r.Labels, FieldSelector: r.Fields, Limit: r.Most})
	if err != nil {
		return nil, false, c.Err(err)
	}
	return list.Items, list.GetContinue() != "", nil
}

// Has reports whether an object exists. It reads nothing but its metadata, so that no
// value of a Secret gets here.
func (c *Connection) Has(ctx context.Context, kind schema.GroupVersionKind, namespace, name string) (bool, error) {
	m, err := c.Mapping(ctx, kind)
	if err != nil {
		return false, err
	}
	_, err = c.metadata.Resource(m.Resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if ReasonOf(err) == NotFound {
		return false, nil
	}
	return err == nil, c.Err(err)
}

// Serves reports whether the cluster has an API group in some version, such as
// that of metrics, and whether what serves it is there.
func (c *Connection) Serves(ctx context.Context, gv schema.GroupVersion) (bool, error) {
	_, err := c.discovery.ServerResourcesForGroupVersionWithContext(ctx, gv.String())
	switch ReasonOf(err) {
	case "":
		return true, nil
	case NotFound, UnknownKind, Busy:
		return false, nil
	}
	return false, c.Err(err)
}
