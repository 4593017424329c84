package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// deployed is a workflow of a Deployment "web" and a ConfigMap "conf", which
// change in the cluster.
type deployed struct {
	id        string
	cluster   *kubetest.Cluster
	namespace string
	replicas  int32 // of web
}

// deploy draws and runs a workflow in the cluster that the person calls name.
func (p *person) deploy(t *testing.T, name string, c *kubetest.Cluster) *deployed {
	t.Helper()
	s := &deployed{id: p.createWorkflowIn(t, name), cluster: c, namespace: c.Namespace(t), replicas: 1}
	p.save(t, s.id, []object{
		node("web", "deployment", s.namespace, "web", "image", "nginx", "replicas", s.replicas),
		node("conf", "configmap", s.namespace, "conf", "data", object{"a": "b"}),
	}, edges())
	p.publish(t, s.id)
	p.run(t, s.id, nil)
	return s
}

// grow adds a replica behind the server's back, and waits until the cluster has it.
func (s *deployed) grow(t *testing.T) {
	t.Helper()
	s.replicas++
	scaleTo(t, s.cluster, s.namespace, "web", s.replicas)
}

// loseConf deletes the ConfigMap behind the server's back.
func (s *deployed) loseConf(t *testing.T) {
	t.Helper()
	require.NoError(t, s.cluster.Client().CoreV1().ConfigMaps(s.namespace).Delete(t.Context(), "conf", metav1.DeleteOptions{}))
}

// seenBy waits until all readers see the objects as it is in the cluster.
func (s *deployed) seenBy(t *testing.T, conf string, readers ...*stream) {
	t.Helper()
	for _, r := range readers {
		r.untilStates(t, map[string]string{"web": "healthy", "conf": conf})
		r.until(t, "the replicas in the stream", func() error {
			if fmt.Sprint(r.status["web"]["readyReplicas"]) != fmt.Sprint(s.replicas) {
				return fmt.Errorf("%v of %d are ready", r.status["web"]["readyReplicas"], s.replicas)
			}
			return nil
		})
	}
}

// ended reports whether the stream has ended.
func (s *stream) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// scaleTo changes the number of replicas of a Deployment, and waits until so many
// are ready.
func scaleTo(t *testing.T, c *kubetest.Cluster, namespace, name string, replicas int32) {
	t.Helper()
	deployments := c.Client().AppsV1().Deployments(namespace)
	kubetest.Eventually(t, "the replicas of "+name, func(ctx context.Context) error {
		d, err := deployments.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if *d.Spec.Replicas != replicas {
			d.Spec.Replicas = &replicas
			if d, err = deployments.Update(ctx, d, metav1.UpdateOptions{}); err != nil {
				return err
			}
		}
		if d.Status.ReadyReplicas != replicas {
			return fmt.Errorf("%d are ready", d.Status.ReadyReplicas)
		}
		return nil
	})
}
