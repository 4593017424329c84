package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// What changes in a cluster while the server is down is in the answer to who reads
// the workflow later, also if nobody ever opens a page.
func TestStatusesWithoutAPage(t *testing.T) {
	t.Parallel()
	cluster, dir := shared.Cluster(t), dataDir(t)
	namespace := cluster.Namespace(t)
	server := startIn(t, dir)
	ann := server.ann()
	ann.addCluster(t, cluster)
	id := ann.draw(t, []object{
		node("web", "deployment", namespace, "web", "image", "nginx", "replicas", 2),
		node("conf", "configmap", namespace, "conf", "data", object{"a": "b"}),
	}, edges())
	ann.run(t, id, nil)
	ann.untilStored(t, id, map[string]string{"web": "healthy", "conf": "created"})
	server.kill(t)

	require.NoError(t, cluster.Client().CoreV1().ConfigMaps(namespace).Delete(t.Context(), "conf", metav1.DeleteOptions{}))
	scaleTo(t, cluster, namespace, "web", 3)
	ann = ann.on(startIn(t, dir))
	ann.untilStored(t, id, map[string]string{"web": "healthy", "conf": "error"})
	require.EqualValues(t, 3, ann.statuses(t, id)["web"]["readyReplicas"])
}

// untilStored waits until the nodes of a workflow have the given states in what is
// stored, reading it again and again as curl in a loop does.
func (p *person) untilStored(t *testing.T, id string, want map[string]string) {
	t.Helper()
	kubetest.Eventually(t, "the stored states", func(context.Context) error {
		stored := p.statuses(t, id)
		for id, state := range want {
			if stored[id]["state"] != state {
				return fmt.Errorf("%s is %v", id, stored[id])
			}
		}
		return nil
	})
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
