package kubernetes

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Pod reads a pod.
func (c *Connection) Pod(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	pod, err := c.typed.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, c.Err(err)
	}
	return pod, nil
}

// AddEphemeralContainer adds a container to a pod, which keeps it until the pod is
// deleted. It does not wait for the container to run.
func (c *Connection) AddEphemeralContainer(ctx context.Context, namespace, pod string, container corev1.EphemeralContainer) error {
	body, err := json.Marshal(map[string]any{"spec": map[string]any{"ephemeralContainers": []any{container}}})
	if err != nil {
		return c.Err(err)
	}
	_, err = c.typed.CoreV1().Pods(namespace).Patch(ctx, pod, types.StrategicMergePatchType, body, metav1.PatchOptions{}, "ephemeralcontainers")
	return c.Err(err)
}
