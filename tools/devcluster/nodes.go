package main

import (
	"context"
	"fmt"
	"runtime"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

const nodeLabel = "devcluster.kubeorch.io/node"

// ensureNodes creates and deletes nodes until the cluster has n of them, whose
// kubelet is kwok at kubeletPort.
func ensureNodes(ctx context.Context, client kubernetes.Interface, n, kubeletPort int) error {
	nodes := client.CoreV1().Nodes()
	existing, err := nodes.List(ctx, metav1.ListOptions{LabelSelector: nodeLabel})
	if err != nil {
		return err
	}
	surplus := make(map[string]bool)
	for _, node := range existing.Items {
		surplus[node.Name] = true
	}
	for i := range n {
		name := fmt.Sprintf("node-%d", i+1)
		delete(surplus, name)
		_, err := nodes.Create(ctx, newNode(name), metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
		// kwok sets its port only on nodes that are not ready, and may have another
		// one after a restart.
		patch := fmt.Appendf(nil, `{"status":{"daemonEndpoints":{"kubeletEndpoint":{"Port":%d}}}}`, kubeletPort)
		if _, err := nodes.Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
			return err
		}
	}
	for name := range surplus {
		if err := nodes.Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// releaseNodes frees the nodes from a kwok that was killed: the next one would
// not touch them until its leases have run out.
func releaseNodes(ctx context.Context, client kubernetes.Interface) error {
	return client.CoordinationV1().Leases(corev1.NamespaceNodeLease).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
}

// newNode returns a node that is large enough for any test. Larger pods are
// unschedulable.
func newNode(name string) *corev1.Node {
	size := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("256"),
		corev1.ResourceMemory:           resource.MustParse("1Ti"),
		corev1.ResourceEphemeralStorage: resource.MustParse("10Ti"),
		corev1.ResourcePods:             resource.MustParse("10000"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name,
			Labels: map[string]string{
				nodeLabel:                        "true",
				corev1.LabelHostname:             name,
				corev1.LabelOSStable:             "linux",
				corev1.LabelArchStable:           runtime.GOARCH,
				"node-role.kubernetes.io/worker": "",
			},
			Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"},
		},
		Status: corev1.NodeStatus{
			Allocatable: size,
			Capacity:    size,
			NodeInfo:    corev1.NodeSystemInfo{KubeletVersion: "v1.37.2-kwok", OperatingSystem: "linux", Architecture: runtime.GOARCH},
		},
	}
}
