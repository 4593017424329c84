package services

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/pkg/kubernetes"
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
	exec      *WorkflowExecutor
	db        *mongo.Database
}

func newRig(t testing.TB, options ...func(*ExecutorOptions)) *rig {
	t.Helper()
	db := dbtest.Open(t).Database()
	engine, err := template.Load(templates.FS)
	require.NoError(t, err)
	registry, err := kinds.NewRegistry(kinds.Builtin(engine, nil)...)
	require.NoError(t, err)
	r := &rig{
		t: t, db: db, workflows: repositories.NewWorkflows(db), runs: repositories.NewRuns(db),
		versions: repositories.NewVersions(db), kinds: registry, cluster: newMemoryCluster(),
	}
	r.exec = r.executor(r.runs, options...)
	return r
}

// executor returns one more process over the same store and cluster. It is
// stopped when the test ends.
func (r *rig) executor(runs runStore, options ...func(*ExecutorOptions)) *WorkflowExecutor {
	opts := DefaultExecutorOptions()
	opts.Grace = time.Millisecond
	for _, o := range options {
		o(&opts)
	}
	e := NewWorkflowExecutor(ExecutorDeps{
		Workflows: r.workflows, Runs: runs, Versions: r.versions, Kinds: r.kinds,
		Events: noEvents{}, Watch: func(string) {}, Log: slog.New(slog.DiscardHandler),
	}, opts)
	e.target = func(_ context.Context, owner, cluster, workflowID string) (clusterTarget, error) {
		if owner != ann || cluster != "dev" {
			return nil, &models.Error{Kind: models.NotFound, Msg: "cluster not found"}
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
		Nodes: g.Nodes, Edges: g.Edges, Revision: 1, Seq: 1, CreatedAt: timestamp(), UpdatedAt: timestamp(),
	}
	require.NoError(r.t, r.workflows.Insert(r.t.Context(), w))
	return w
}

func (r *rig) save(id, text string) {
	r.t.Helper()
	g := drawing(text)
	_, err := r.workflows.Update(r.t.Context(), ann, id, models.WorkflowPatch{Nodes: &g.Nodes, Edges: &g.Edges}, timestamp())
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

// memoryCluster holds objects in memory. apply, unless nil, is asked before
// each object and may block or fail.
type memoryCluster struct {
	apply func(ctx context.Context, name string) error

	mu      sync.Mutex
	objects map[place]*memoryObject
	listErr error
}

type memoryObject struct {
	ref   applier.Ref
	owner string
	text  string
	keys  []string
}

func newMemoryCluster() *memoryCluster { return &memoryCluster{objects: map[place]*memoryObject{}} }

func (c *memoryCluster) of(workflowID string) *memoryTarget { return &memoryTarget{c, workflowID} }

// names returns "Kind name" of all objects, sorted.
func (c *memoryCluster) names() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for _, o := range c.objects {
		names = append(names, o.ref.Kind+" "+o.ref.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

type memoryTarget struct {
	*memoryCluster

	owner string
}

func (t *memoryTarget) EnsureNamespaces(context.Context, []string, map[string]string) []applier.Change {
	return nil
}

func (t *memoryTarget) Apply(ctx context.Context, reqs []applier.Request, _ func(int, applier.Change)) []applier.Change {
	changes := make([]applier.Change, len(reqs))
	for i, req := range reqs {
		ref := applier.RefOf(req.Object)
		err := ctx.Err()
		if err == nil && t.apply != nil {
			err = t.apply(ctx, ref.Name)
		}
		if err != nil {
			changes[i] = refused(ref, err)
			continue
		}
		changes[i] = t.put(ref, fmt.Sprint(req.Object.Object), nil)
	}
	return changes
}

func refused(ref applier.Ref, err error) applier.Change {
	return applier.Change{Ref: ref, Action: applier.Failed, Message: ref.String() + ": " + kubernetes.Translate(err).Message, Err: err}
}

func (t *memoryTarget) put(ref applier.Ref, text string, keys []string) applier.Change {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.objects[placeOf(ref)]
	c := applier.Change{Ref: ref, Action: applier.Created}
	if old != nil {
		c.Action = applier.Unchanged
		if old.text != text {
			c.Action = applier.Configured
		}
		keys = append(keys, old.keys...)
	}
	t.objects[placeOf(ref)] = &memoryObject{ref: ref, owner: t.owner, text: text, keys: keys}
	return c
}

func (t *memoryTarget) ApplyValues(ctx context.Context, req applier.ValuesRequest) (applier.Change, applier.ValuesState) {
	ref := applier.RefOf(req.Object)
	if t.apply != nil {
		if err := t.apply(ctx, "values of "+ref.Name); err != nil {
			return refused(ref, err), applier.ValuesState{}
		}
	}
	t.mu.Lock()
	old := t.objects[placeOf(ref)]
	t.mu.Unlock()
	var keys []string
	for k, v := range req.Values {
		if v != "" {
			keys = append(keys, k)
		}
	}
	state := applier.ValuesState{Exists: old != nil || len(keys) > 0, Revision: strings.Join(keys, "")}
	for _, k := range req.Keys {
		if slices.Contains(keys, k) || old != nil && slices.Contains(old.keys, k) {
			state.Present = append(state.Present, k)
		} else {
			state.Missing = append(state.Missing, k)
		}
	}
	if !state.Exists {
		return applier.Change{Ref: ref, Action: applier.Skipped}, state
	}
	return t.put(ref, "", keys), state
}

func (t *memoryTarget) Delete(_ context.Context, refs []applier.Ref, _ applier.DeleteOptions) []applier.Change {
	t.mu.Lock()
	defer t.mu.Unlock()
	changes := make([]applier.Change, len(refs))
	for i, ref := range refs {
		changes[i] = applier.Change{Ref: ref, Action: applier.Unchanged}
		if t.objects[placeOf(ref)] != nil {
			changes[i].Action = applier.Deleted
			delete(t.objects, placeOf(ref))
		}
	}
	return changes
}

func (t *memoryTarget) ListOwned(
	_ context.Context, _ []schema.GroupVersionKind, _ applier.ListOptions,
) ([]metav1.PartialObjectMetadata, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []metav1.PartialObjectMetadata
	for _, o := range t.objects {
		if o.owner == t.owner {
			m := metav1.PartialObjectMetadata{}
			m.SetGroupVersionKind(o.ref.GroupVersionKind)
			m.Namespace, m.Name = o.ref.Namespace, o.ref.Name
			list = append(list, m)
		}
	}
	return list, t.listErr
}
