package kubernetes

import (
	"context"
	"encoding/json"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Amount is the use and capacity of a resource, in millicores or bytes.
type Amount struct{ Used, Capacity int64 }

// Measured are the health and the resources of a cluster. What the credentials
// may not read is zero.
type Measured struct {
	Health []Component // always the same four, in the same order

	CPU, Memory Amount
	// HasUsage is false when no metrics server tells what the nodes use; CPU
	// and Memory then have no used part.
	HasUsage bool
	// StorageCapacity is that of all persistent volumes. What is stored on them is
	// known to their nodes only.
	StorageCapacity int64

	Nodes int
	Pods  int // of all phases
}

// Measure reads the health and resources of the cluster with a handful of
// concurrent requests, whose responses do not grow with the number of pods.
// Parts that are forbidden or absent are left out; any other failure is returned.
func (c *Connection) Measure(ctx context.Context) (Measured, error) {
	var m Measured
	var leases, probes []Component
	all, ctx := errgroup.WithContext(ctx)
	for _, read := range []func() error{
		func() error { return c.measureNodes(ctx, &m) },
		func() error { return c.measureUsage(ctx, &m) },
		func() error { return c.measureStorage(ctx, &m) },
		func() (err error) { m.Pods, err = c.countPods(ctx); return err },
		func() (err error) { probes, err = c.probeComponents(ctx); return err },
		func() (err error) { leases, err = c.leaseComponents(ctx); return err },
	} {
		all.Go(func() error { return ignoreAbsent(read()) })
	}
	if err := all.Wait(); err != nil {
		return Measured{}, c.Err(err)
	}
	if !m.HasUsage {
		m.CPU.Used, m.Memory.Used = 0, 0
	}
	m.Health = []Component{probes[0], leases[0], leases[1], probes[1]}
	return m, nil
}

// ignoreAbsent returns nil for what is forbidden or absent, and err otherwise.
func ignoreAbsent(err error) error {
	switch ReasonOf(err) {
	case Forbidden, NotFound, UnknownKind:
		return nil
	}
	return err
}

func (c *Connection) measureNodes(ctx context.Context, m *Measured) error {
	return paged(func(o metav1.ListOptions) (string, error) {
		list, err := c.typed.CoreV1().Nodes().List(ctx, o)
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			capacity := list.Items[i].Status.Capacity
			m.Nodes++
			m.CPU.Capacity += capacity.Cpu().MilliValue()
			m.Memory.Capacity += capacity.Memory().Value()
		}
		return list.Continue, nil
	})
}

// nodeMetrics is the part of a NodeMetricsList that is read.
type nodeMetrics struct {
	Items []struct {
		Usage corev1.ResourceList `json:"usage"`
	} `json:"items"`
}

// measureUsage reads the usage of nodes from a metrics server. It ignores that
// there is none, or that it is broken.
func (c *Connection) measureUsage(ctx context.Context, m *Measured) error {
	data, err := c.typed.CoreV1().RESTClient().Get().AbsPath("/apis/metrics.k8s.io/v1beta1/nodes").
		SetHeader("Accept", "application/json").Do(ctx).Raw()
	if r := ReasonOf(err); r == Busy || r == Other {
		return nil
	}
	if err != nil {
		return err
	}
	var list nodeMetrics
	if err := json.Unmarshal(data, &list); err != nil {
		return nil //nolint:nilerr // a broken one counts as none
	}
	m.HasUsage = len(list.Items) > 0
	for _, n := range list.Items {
		m.CPU.Used += n.Usage.Cpu().MilliValue()
		m.Memory.Used += n.Usage.Memory().Value()
	}
	return nil
}

func (c *Connection) measureStorage(ctx context.Context, m *Measured) error {
	return paged(func(o metav1.ListOptions) (string, error) {
		list, err := c.typed.CoreV1().PersistentVolumes().List(ctx, o)
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			m.StorageCapacity += list.Items[i].Spec.Capacity.Storage().Value()
		}
		return list.Continue, nil
	})
}

// countPods lists one pod and reads how many more there are. If the cluster does
// not tell, it lists the metadata of all.
func (c *Connection) countPods(ctx context.Context) (n int, err error) {
	pods := c.metadata.Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"})
	first, err := pods.List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return 0, err
	}
	if n = len(first.Items); first.Continue == "" {
		return n, nil
	}
	if first.RemainingItemCount != nil {
		return n + int(*first.RemainingItemCount), nil
	}
	n = 0
	return n, paged(func(o metav1.ListOptions) (string, error) {
		list, err := pods.List(ctx, o)
		if err != nil {
			return "", err
		}
		n += len(list.Items)
		return list.Continue, nil
	})
}
