package run

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/services/plan"
)

// drawBare stores a published workflow of Deployments that have nothing but an
// image.
func (r *rig) drawBare(namespace string, count int) models.Workflow {
	r.t.Helper()
	w := r.draw("")
	nodes := make([]models.Node, count)
	for i := range nodes {
		name := fmt.Sprintf("web-%d", i)
		nodes[i] = models.Node{ID: name, Type: kinds.TypeDeployment, Data: models.Data{"name": name, "namespace": namespace, "image": "nginx", "replicas": 0}}
	}
	_, err := r.workflows.Update(r.t.Context(), ann, w.ID, models.WorkflowPatch{Nodes: &nodes}, models.Now())
	require.NoError(r.t, err)
	return w
}

// BenchmarkRun measures a first run of 50 Deployments, the same run again, and
// plain server-side apply of the same objects by 8 workers.
func BenchmarkRun(b *testing.B) {
	const nodes = 50
	cluster := shared.Cluster(b)
	r := newRig(b)
	r.on(configFor(cluster), time.Minute)
	for b.Loop() {
		namespace := cluster.Namespace(b)
		w := r.drawBare(namespace, nodes)
		begun := time.Now()
		require.Equal(b, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
		first := time.Since(begun)
		begun = time.Now()
		require.Equal(b, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
		again := time.Since(begun)
		floor := r.plainApply(b, cluster, w)
		b.ReportMetric(first.Seconds()*1000, "first-ms")
		b.ReportMetric(again.Seconds()*1000, "again-ms")
		b.ReportMetric(floor.Seconds()*1000, "floor-ms")
		b.ReportMetric(first.Seconds()/floor.Seconds(), "first/floor")
	}
}

// BenchmarkRunOverhead measures all of a run of 50 nodes but the cluster.
func BenchmarkRunOverhead(b *testing.B) {
	r := newRig(b)
	w := r.drawBare("default", 50)
	for b.Loop() {
		require.Equal(b, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
	}
}

// BenchmarkRerun measures a run of 1,000 unchanged nodes, and the lists of their
// metadata that it needs.
func BenchmarkRerun(b *testing.B) {
	cluster := shared.Cluster(b)
	r := newRig(b, func(o *Options) { o.AnswerAfter = time.Minute })
	r.on(configFor(cluster), time.Minute)
	w := r.drawBare(cluster.Namespace(b), 1000)
	require.Equal(b, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
	for b.Loop() {
		require.Equal(b, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
	}
}

// plainApply applies the objects of w under a namespace of their own.
func (r *rig) plainApply(b *testing.B, cluster *kubetest.Cluster, w models.Workflow) time.Duration {
	b.Helper()
	stored, err := r.workflows.Get(b.Context(), ann, w.ID)
	require.NoError(b, err)
	p, problems := plan.Build(stored.Graph(), r.kinds, plan.Options{WorkflowID: w.ID})
	require.Empty(b, problems)
	namespace := cluster.Namespace(b)
	client := cluster.Dynamic().Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace(namespace)
	begun := time.Now()
	group, ctx := errgroup.WithContext(context.WithoutCancel(b.Context()))
	group.SetLimit(8)
	for _, step := range p.Steps {
		group.Go(func() error {
			o := step.Objects[0]
			o.SetNamespace(namespace)
			body, err := json.Marshal(o)
			if err != nil {
				return err
			}
			_, err = client.Patch(ctx, o.GetName(), types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: "floor"})
			return err
		})
	}
	require.NoError(b, group.Wait())
	require.Equal(b, kinds.TypeDeployment, p.Steps[0].Type)
	return time.Since(begun)
}
