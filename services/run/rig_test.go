package run

import (
	"context"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/template"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/templates"
)

const (
	ann = "aaaaaaaaaaaaaaaaaaaaaaaa"
	bob = "bbbbbbbbbbbbbbbbbbbbbbbb"
)

// rig is a workflow executor over a real store and a cluster in memory.
type rig struct {
	t         testing.TB
	workflows *repositories.Workflows
	runs      *repositories.Runs
	versions  *repositories.Versions
	kinds     *kinds.Registry
	cluster   *memoryCluster
	exec      *Executor
	db        *mongo.Database
	access    func() (models.ClusterGrant, error) // nil for an owner's
	others    map[string]*memoryCluster           // what is in them
	elsewhere map[string]models.ClusterGrant      // clusters beside that one, by id
	servers   *servers
}

// servers are the processes of a test.
type servers struct {
	mu   sync.Mutex
	live map[string]bool
}

// process is one of them.
type process struct {
	*servers

	id string
}

func (p process) ID() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.live[p.id] {
		return ""
	}
	return p.id
}

func (p process) Valid(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return id == p.id && p.live[id]
}

func (p process) Sessions(context.Context) (map[string]bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.live), nil
}

// end ends the session of e's process, which does not know it yet.
func (s *servers) end(e *Executor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, e.deps.Server.(process).id)
}

func newRig(t testing.TB, options ...func(*Options)) *rig {
	t.Helper()
	return newRigOn(t, dbtest.Open(t).Database(), options...)
}

func newRigOn(t testing.TB, db *mongo.Database, options ...func(*Options)) *rig {
	t.Helper()
	engine, err := template.Load(templates.FS)
	require.NoError(t, err)
	registry, err := kinds.NewRegistry(kinds.Builtin(engine, []models.Plugin{{
		ID: "greeter", CRDGroup: "example.kubeorch.io", NodeTypes: []models.PluginNodeType{{
			Name: "greeting", Kind: "Greeting", Fields: []models.PluginField{{ID: "message", Type: models.FieldText}},
		}},
	}})...)
	require.NoError(t, err)
	r := &rig{
		t: t, db: db, workflows: repositories.NewWorkflows(db), runs: repositories.NewRuns(db),
		versions: repositories.NewVersions(db), kinds: registry, cluster: newMemoryCluster(),
		servers: &servers{live: map[string]bool{}},
	}
	r.exec = r.executor(r.runs, options...)
	return r
}

// executor returns one more process over the same store and cluster. It is
// stopped when the test ends.
func (r *rig) executor(runs store, options ...func(*Options)) *Executor {
	opts := DefaultOptions()
	opts.Grace = time.Millisecond
	for _, o := range options {
		o(&opts)
	}
	p := process{r.servers, models.NewID()}
	r.servers.mu.Lock()
	r.servers.live[p.id] = true
	r.servers.mu.Unlock()
	e := NewExecutor(Deps{
		Workflows: r.workflows, Runs: runs, Versions: r.versions, Kinds: r.kinds,
		Access: r, Events: noEvents{}, Watch: func(string) {}, Log: slog.New(slog.DiscardHandler), Server: p,
	}, opts)
	e.target = func(_ context.Context, g models.ClusterGrant, workflowID string) (clusterTarget, error) {
		if c := r.others[g.Cluster.ID]; c != nil {
			return c.of(workflowID), nil
		}
		return r.cluster.of(workflowID), nil
	}
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.t.Context()), 10*time.Second)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			r.t.Errorf("stop the executor: %v", err)
		}
	})
	return e
}

// RequireFor knows one cluster, Ann's.
func (r *rig) RequireFor(_ context.Context, w models.Workflow, _ models.ClusterAction) (models.ClusterGrant, error) {
	if g, ok := r.elsewhere[w.ClusterRef]; ok && w.OwnerID == ann {
		return g, nil
	}
	if w.OwnerID != ann || w.ClusterID != "dev" {
		return models.ClusterGrant{}, &models.Error{Kind: models.NotFound, Msg: "cluster not found"}
	}
	if r.access != nil {
		return r.access()
	}
	return models.ClusterGrant{
		Cluster: models.Cluster{ID: "c1", OwnerID: ann, Name: "dev"}, UserID: ann, Role: models.ClusterOwner,
	}, nil
}

// RequireByID knows the same cluster, and those in elsewhere.
func (r *rig) RequireByID(ctx context.Context, userID, id string, action models.ClusterAction) (models.ClusterGrant, error) {
	if g, ok := r.elsewhere[id]; ok {
		return g, nil
	}
	if id != "c1" {
		return models.ClusterGrant{}, noClusterHere()
	}
	return r.RequireFor(ctx, models.Workflow{OwnerID: userID, ClusterID: "dev"}, action)
}

// Require knows the clusters of RequireFor and RequireByID by name.
func (r *rig) Require(ctx context.Context, userID, name string, action models.ClusterAction) (models.ClusterGrant, error) {
	for _, g := range r.elsewhere {
		if g.Cluster.Name == name && userID == ann {
			return g, nil
		}
	}
	return r.RequireFor(ctx, models.Workflow{OwnerID: userID, ClusterID: name}, action)
}

// stored returns everything in the database, as it lies there.
func (r *rig) stored() string {
	r.t.Helper()
	var all strings.Builder
	names, err := r.db.ListCollectionNames(r.t.Context(), bson.D{})
	require.NoError(r.t, err)
	require.Contains(r.t, names, "runs")
	for _, name := range names {
		cursor, err := r.db.Collection(name).Find(r.t.Context(), bson.D{})
		require.NoError(r.t, err)
		for cursor.Next(r.t.Context()) {
			all.Write(cursor.Current)
		}
		require.NoError(r.t, cursor.Err())
	}
	return all.String()
}

type noEvents struct{}

func (noEvents) Publish(string, string, any) error { return nil }

// draw stores a published workflow of the drawing: "db:statefulset
// web:deployment db>web".
func (r *rig) draw(text string) models.Workflow {
	r.t.Helper()
	g := drawing(text)
	w := models.Workflow{
		ID: models.NewID(), OwnerID: ann, Name: "shop", ClusterID: "dev", Status: models.WorkflowPublished,
		Nodes: g.Nodes, Edges: g.Edges, Revision: 1, Seq: 1, CreatedAt: models.Now(), UpdatedAt: models.Now(),
	}
	require.NoError(r.t, r.workflows.Insert(r.t.Context(), w))
	return w
}

func (r *rig) save(id, text string) {
	r.t.Helper()
	g := drawing(text)
	_, err := r.workflows.Update(r.t.Context(), ann, id, models.WorkflowPatch{Nodes: &g.Nodes, Edges: &g.Edges}, models.Now())
	require.NoError(r.t, err)
}

// drawing reads words of the form id:type and id>id. A node may have another
// name than its id: id=name:type.
func drawing(text string) models.Graph {
	g := models.Graph{Nodes: []models.Node{}, Edges: []models.Edge{}}
	for _, word := range strings.Fields(text) {
		if from, to, ok := strings.Cut(word, ">"); ok {
			g.Edges = append(g.Edges, models.Edge{ID: word, Source: from, Target: to})
			continue
		}
		id, typ, _ := strings.Cut(word, ":")
		id, name, named := strings.Cut(id, "=")
		if !named {
			name = id
		}
		g.Nodes = append(g.Nodes, models.Node{ID: id, Type: typ, Data: nodeData(name, typ)})
	}
	return g
}

func nodeData(name, typ string) models.Data {
	d := models.Data{"name": name}
	switch typ {
	case kinds.TypeDeployment, kinds.TypeStatefulSet, kinds.TypeDaemonSet, kinds.TypeJob, kinds.TypeCronJob:
		d["image"], d["serviceName"], d["schedule"] = "nginx", name+"-headless", "0 * * * *"
		d["envKeys"] = []any{map[string]any{"id": "1", "name": "TOKEN"}}
	case kinds.TypeService:
		d["port"], d["targetApp"] = int64(80), "any"
	case kinds.TypeClaim:
		d["storage"], d["accessModes"] = "1Gi", []any{"ReadWriteOnce"}
	case kinds.TypeIngress:
		d["paths"] = []any{map[string]any{"id": "p1", "path": "/", "pathType": "Prefix", "serviceName": "svc", "servicePort": int64(80)}}
	case kinds.TypePlugin:
		d["templateId"], d["message"] = "greeting", "hello"
	case kinds.TypeHPA:
		d["maxReplicas"], d["targetCPUUtilization"], d["scaleTargetName"] = int64(3), int64(80), "web"
	case kinds.TypeSecret:
		d["keys"] = []any{map[string]any{"id": "1", "name": "password"}}
	}
	return d
}

func (r *rig) mustRun(id string, typed models.TriggerData) models.Run {
	r.t.Helper()
	run, err := r.exec.Run(r.t.Context(), ann, id, typed)
	require.NoError(r.t, err)
	return run
}

// eventually returns the run when it is not running any more.
func (r *rig) eventually(workflowID, runID string) models.Run {
	r.t.Helper()
	var run models.Run
	require.Eventually(r.t, func() bool {
		var err error
		run, err = r.runs.Get(r.t.Context(), workflowID, runID)
		return err == nil && run.Status != models.RunRunning
	}, 10*time.Second, 5*time.Millisecond)
	return run
}

func (r *rig) running(workflowID string) models.Run {
	r.t.Helper()
	var run models.Run
	require.Eventually(r.t, func() bool {
		var err error
		run, err = r.runs.Running(r.t.Context(), workflowID)
		return err == nil && run.Version > 0
	}, 10*time.Second, 5*time.Millisecond)
	return run
}

// noClusterHere is what a run hears when its cluster is not there.
func noClusterHere() error {
	return &models.Error{Op: "test", Kind: models.NotFound, Msg: "cluster not found"}
}
