package kubernetes

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Facts describe a cluster. What the credentials may not read is empty, and no
// list has more than 5,000 names.
type Facts struct {
	Version        string
	Platform       string // of the API server: "linux/amd64"
	Provider       string // guessed from the nodes, or ""
	Region         string
	NodeCount      int
	CPUCapacity    string
	MemoryCapacity string
	StorageClasses []string // the default first
	Namespaces     []string
	Capabilities   []string
}

const (
	pageSize = 500
	maxNames = 5000 // of one list; further ones are left out
	maxName  = 253  // bytes of each text
)

// noMore is returned to paged in place of a continuation.
const noMore = ""

// clipped cuts s to the longest name that Kubernetes allows.
func clipped(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxName)], "") }

// Describe reads facts about the cluster. Parts that are forbidden or absent are
// left empty; any other failure is returned.
func (c *Connection) Describe(ctx context.Context) (Facts, error) {
	var f Facts
	for _, read := range []func(context.Context, *Facts) error{
		c.readVersion, c.readNodes, c.readStorage, c.readNamespaces, c.readCapabilities,
	} {
		err := read(ctx, &f)
		if r := ReasonOf(err); err != nil && r != Forbidden && r != NotFound && r != UnknownKind {
			return Facts{}, c.Err(err)
		}
	}
	return f, nil
}

func (c *Connection) readVersion(ctx context.Context, f *Facts) error {
	v, err := c.discovery.ServerVersionWithContext(ctx)
	if err != nil {
		return err
	}
	f.Version, f.Platform = clipped(v.GitVersion), clipped(v.Platform)
	return nil
}

func (c *Connection) readNodes(ctx context.Context, f *Facts) error {
	var cpu, memory resource.Quantity
	err := paged(func(o metav1.ListOptions) (string, error) {
		list, err := c.typed.CoreV1().Nodes().List(ctx, o)
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			n := &list.Items[i]
			f.NodeCount++
			cpu.Add(*n.Status.Capacity.Cpu())
			memory.Add(*n.Status.Capacity.Memory())
			if f.Provider == "" {
				f.Provider = clipped(provider(n))
			}
			if f.Region == "" {
				f.Region = clipped(n.Labels[corev1.LabelTopologyRegion])
			}
		}
		return list.Continue, nil
	})
	if f.NodeCount > 0 {
		f.CPUCapacity, f.MemoryCapacity = cpu.String(), memory.String()
	}
	return err
}

func (c *Connection) readStorage(ctx context.Context, f *Facts) error {
	const isDefault = "storageclass.kubernetes.io/is-default-class"
	return paged(func(o metav1.ListOptions) (string, error) {
		list, err := c.metadata.Resource(storageClasses()).List(ctx, o)
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			at := len(f.StorageClasses)
			if at == maxNames {
				return noMore, nil
			}
			if list.Items[i].Annotations[isDefault] == "true" {
				at = 0
			}
			f.StorageClasses = slices.Insert(f.StorageClasses, at, clipped(list.Items[i].Name))
		}
		return list.Continue, nil
	})
}

func (c *Connection) readNamespaces(ctx context.Context, f *Facts) error {
	return paged(func(o metav1.ListOptions) (string, error) {
		list, err := c.metadata.Resource(namespaces()).List(ctx, o)
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			if len(f.Namespaces) == maxNames {
				return noMore, nil
			}
			f.Namespaces = append(f.Namespaces, clipped(list.Items[i].Name))
		}
		return list.Continue, nil
	})
}

// readCapabilities names the optional parts that the cluster has, which it knows
// by their API groups.
func (c *Connection) readCapabilities(ctx context.Context, f *Facts) error {
	groups, err := c.discovery.ServerGroupsWithContext(ctx)
	if err != nil {
		return err
	}
	for i := range groups.Groups {
		if name := capability(groups.Groups[i].Name); name != "" {
			f.Capabilities = append(f.Capabilities, name)
		}
	}
	slices.Sort(f.Capabilities)
	f.Capabilities = slices.Compact(f.Capabilities)
	return nil
}

func capability(group string) string {
	switch group {
	case "metrics.k8s.io":
		return "metrics"
	case "networking.k8s.io":
		return "ingress"
	case "autoscaling":
		return "autoscaling"
	case "gateway.networking.k8s.io":
		return "gateway-api"
	case "snapshot.storage.k8s.io":
		return "volume-snapshots"
	case "cert-manager.io":
		return "cert-manager"
	case "monitoring.coreos.com":
		return "prometheus-operator"
	case "apiextensions.k8s.io":
		return "custom-resources"
	}
	return ""
}

// provider guesses who runs a node from its provider id, or from labels.
func provider(n *corev1.Node) string {
	scheme, _, _ := strings.Cut(n.Spec.ProviderID, "://")
	switch scheme {
	case "aws", "gce", "azure", "digitalocean", "kind", "k3s", "openstack", "vsphere", "hcloud", "linode", "kwok":
		return scheme
	}
	for prefix, name := range map[string]string{
		"eks.amazonaws.com/": "aws", "cloud.google.com/": "gce", "kubernetes.azure.com/": "azure",
		"minikube.k8s.io/": "minikube", "microk8s.io/": "microk8s", "node.openshift.io/": "openshift",
	} {
		for label := range n.Labels {
			if strings.HasPrefix(label, prefix) {
				return name
			}
		}
	}
	return scheme
}

// paged calls list until it returns no continuation.
func paged(list func(metav1.ListOptions) (string, error)) error {
	o := metav1.ListOptions{Limit: pageSize}
	for {
		next, err := list(o)
		if err != nil || next == "" {
			return err
		}
		o.Continue = next
	}
}

func namespaces() schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
}

func storageClasses() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"}
}
