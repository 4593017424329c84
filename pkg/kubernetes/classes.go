package kubernetes

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Classes are the classes of a kind that a cluster offers. The zero value knows nothing.
type Classes struct {
	Known   bool // the credentials may list them, and Names is complete
	Names   map[string]bool
	Default bool // one of them stands for objects that name none
}

// StorageClasses returns the classes of claims. Where the credentials may not list
// them, it knows nothing, which is no error.
func (c *Connection) StorageClasses(ctx context.Context) (Classes, error) {
	return c.classes(ctx, schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"},
		"storageclass.kubernetes.io/is-default-class")
}

// IngressClasses is StorageClasses for Ingresses.
func (c *Connection) IngressClasses(ctx context.Context) (Classes, error) {
	return c.classes(ctx, schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingressclasses"},
		"ingressclass.kubernetes.io/is-default-class")
}

func (c *Connection) classes(ctx context.Context, resource schema.GroupVersionResource, isDefault string) (Classes, error) {
	const most = 500 // of a cluster with more, nothing is known
	list, err := c.metadata.Resource(resource).List(ctx, metav1.ListOptions{Limit: most})
	switch ReasonOf(err) {
	case "":
	case Forbidden, NotFound, UnknownKind:
		return Classes{}, nil
	default:
		return Classes{}, c.Err(err)
	}
	found := Classes{Known: list.Continue == "", Names: make(map[string]bool, len(list.Items))}
	for i := range list.Items {
		found.Names[list.Items[i].Name] = true
		found.Default = found.Default || list.Items[i].Annotations[isDefault] == "true"
	}
	return found, nil
}
