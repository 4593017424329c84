package diagnostics

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
	"github.com/kubeorch/core/pkg/template"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/services/run"
	"github.com/kubeorch/core/services/workflow"
	"github.com/kubeorch/core/templates"
)

const ann = "aaaaaaaaaaaaaaaaaaaaaaaa"

// rig is the service over a real store, a real executor of runs and a real cluster.
type rig struct {
	*Service

	t         *testing.T
	cluster   *kubetest.Cluster
	namespace string
	documents *repositories.Workflows
	exec      *run.Executor
	conn      *kubernetes.Connection

	mu    sync.Mutex
	grant models.ClusterGrant
}

// process is the only server.
type process struct{ id string }

func (p process) ID() string           { return p.id }
func (p process) Valid(id string) bool { return id == p.id }
func (p process) Sessions(context.Context) (map[string]bool, error) {
	return map[string]bool{p.id: true}, nil
}

type noEvents struct{}

func (noEvents) Publish(string, string, any) error { return nil }

func newRig(t *testing.T, cluster *kubetest.Cluster) *rig {
	t.Helper()
	engine, err := template.Load(templates.FS)
	require.NoError(t, err)
	registry, err := kinds.NewRegistry(kinds.Builtin(engine, nil)...)
	require.NoError(t, err)
	db := dbtest.Open(t).Database()
	r := &rig{t: t, cluster: cluster, namespace: cluster.Namespace(t), documents: repositories.NewWorkflows(db), grant: models.ClusterGrant{
		Cluster: models.Cluster{ID: "c1", OwnerID: ann, Name: "dev"}, UserID: ann, Role: models.ClusterOwner,
	}}
	r.connect(kubernetes.Config{AuthType: kubernetes.AuthKubeconfig, Kubeconfig: string(cluster.Kubeconfig())})
	var (
		log      = slog.New(slog.DiscardHandler)
		runs     = repositories.NewRuns(db)
		versions = repositories.NewVersions(db)
	)
	r.exec = run.NewExecutor(run.Deps{
		Workflows: r.documents, Runs: runs, Versions: versions, Kinds: registry, Access: r, Clusters: r, Events: noEvents{},
		Watch: func(string) {}, Log: log, Server: process{models.NewID()},
	}, run.DefaultOptions())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := r.exec.Stop(ctx); err != nil {
			t.Errorf("stop the executor: %v", err)
		}
	})
	drawings := workflow.NewService(r.documents, r.exec, nil, workflow.Eraser{Workflows: r.documents, Versions: versions, Runs: runs}, models.AccountLimits{})
	r.Service = NewService(Deps{
		Workflows: drawings, Drawings: drawings, Access: r, Connect: ConnectThrough(r.ConnectionTo), Writer: WriteThrough(r.ConnectionTo),
		Kinds: registry, Deploy: r.exec, Records: repositories.NewCodes(db), Log: log, Now: time.Now,
	})
	return r
}

func (r *rig) connect(cfg kubernetes.Config) {
	r.t.Helper()
	connector := kubernetes.NewConnector(kubernetes.Options{RequestTimeout: time.Minute})
	r.t.Cleanup(connector.Close)
	conn, err := connector.Open(cfg)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { connector.Discard(conn) })
	r.conn = conn
}

// ConnectionTo returns the connection to the only cluster.
func (r *rig) ConnectionTo(context.Context, models.ClusterGrant) (*kubernetes.Connection, error) {
	return r.conn, nil
}

// RequireFor knows one cluster, on which the owner of each workflow has the same grant.
func (r *rig) RequireFor(_ context.Context, _ models.Workflow, action models.ClusterAction) (models.ClusterGrant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.grant.May(action) {
		return r.grant, &models.Error{Op: "test", Kind: models.Forbidden, Msg: "you may not " + action.String()}
	}
	return r.grant, nil
}

// RequireByID is RequireFor.
func (r *rig) RequireByID(ctx context.Context, _, _ string, action models.ClusterAction) (models.ClusterGrant, error) {
	return r.RequireFor(ctx, models.Workflow{}, action)
}

// share makes the cluster somebody else's.
func (r *rig) share(role string, namespaces ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.grant = models.ClusterGrant{Cluster: models.Cluster{ID: "c1", OwnerID: "bob", Name: "dev"}, UserID: ann, Role: role, Namespaces: namespaces}
}

// node returns a node in the namespace of the test.
func (r *rig) node(id, typ string, pairs ...any) models.Node {
	data := models.Data{"name": id, "namespace": r.namespace}
	switch typ {
	case kinds.TypeDeployment, kinds.TypeStatefulSet, kinds.TypeDaemonSet, kinds.TypeJob, kinds.TypeCronJob:
		data["image"] = "nginx:1"
	case kinds.TypeService:
		data["port"], data["targetApp"] = 80, "web"
	}
	for i := 0; i < len(pairs); i += 2 {
		data[pairs[i].(string)] = pairs[i+1]
	}
	return models.Node{ID: id, Type: typ, Data: data}
}

// draw stores a published workflow.
func (r *rig) draw(nodes []models.Node, edges ...string) models.Workflow {
	r.t.Helper()
	w := models.Workflow{
		ID: models.NewID(), OwnerID: ann, Name: "shop", ClusterID: "dev", Status: models.WorkflowPublished,
		Nodes: nodes, Revision: 1, Seq: 1, CreatedAt: models.Now(), UpdatedAt: models.Now(),
	}
	for _, e := range edges {
		from, to, _ := strings.Cut(e, ">")
		w.Edges = append(w.Edges, models.Edge{ID: e, Source: from, Target: to})
	}
	require.NoError(r.t, r.documents.Insert(r.t.Context(), w))
	return w
}

// run draws nodes and has them made.
func (r *rig) run(nodes []models.Node, edges ...string) models.Workflow {
	r.t.Helper()
	w := r.draw(nodes, edges...)
	r.again(w)
	return w
}

func (r *rig) again(w models.Workflow) models.Run {
	r.t.Helper()
	done, err := r.exec.Run(r.t.Context(), ann, w.ID, models.TriggerData{})
	require.NoError(r.t, err)
	require.Equal(r.t, models.RunCompleted, done.Status, done.Error)
	return done
}

func (r *rig) stored(w models.Workflow, id string) models.Data {
	r.t.Helper()
	now, err := r.documents.Get(r.t.Context(), ann, w.ID)
	require.NoError(r.t, err)
	for _, n := range now.Nodes {
		if n.ID == id {
			return n.Data
		}
	}
	return nil
}

// check returns a check of a node's diagnosis.
func (r *rig) check(w models.Workflow, node, name string) models.DiagnosticCheck {
	r.t.Helper()
	d, err := r.Diagnose(r.t.Context(), ann, w.ID, node)
	require.NoError(r.t, err)
	return checkOf(d, name)
}

func checkOf(d models.Diagnosis, name string) models.DiagnosticCheck {
	for _, c := range d.Checks {
		if c.Name == name {
			return c
		}
	}
	return models.DiagnosticCheck{}
}

// until waits for a check of a node with a status and a text, and returns the diagnosis.
func (r *rig) until(w models.Workflow, node, name, status, message string) (d models.Diagnosis) {
	r.t.Helper()
	kubetest.Eventually(r.t, node+": "+name+" "+status, func(ctx context.Context) (err error) {
		d, err = r.Diagnose(ctx, ann, w.ID, node)
		if err != nil {
			return err
		}
		if c := checkOf(d, name); c.Status != status || !strings.Contains(c.Message, message) {
			return fmt.Errorf("checks are %+v", d.Checks)
		}
		return nil
	})
	return d
}

// untilHealthy waits until nothing is wrong with a node. Pods and endpoints are read one
// after the other, so that one may be ready before the other.
func (r *rig) untilHealthy(w models.Workflow, node string) {
	r.t.Helper()
	kubetest.Eventually(r.t, node+" to be healthy", func(ctx context.Context) error {
		d, err := r.Diagnose(ctx, ann, w.ID, node)
		if err == nil && d.OverallStatus != models.DiagnosisHealthy {
			err = fmt.Errorf("checks are %+v", d.Checks)
		}
		return err
	})
}

// patchService changes a Service as somebody else.
func (r *rig) patchService(name, patch string) {
	r.t.Helper()
	_, err := r.cluster.Client().CoreV1().Services(r.namespace).Patch(r.t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	require.NoError(r.t, err)
}

func (r *rig) service(name string) *corev1.Service {
	r.t.Helper()
	s, err := r.cluster.Client().CoreV1().Services(r.namespace).Get(r.t.Context(), name, metav1.GetOptions{})
	require.NoError(r.t, err)
	return s
}
