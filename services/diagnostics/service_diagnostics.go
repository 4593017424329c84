package diagnostics

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/limit"
	"github.com/kubeorch/core/pkg/panics"
	"github.com/kubeorch/core/services/findings"
	"github.com/kubeorch/core/services/kinds"
)

const (
	// diagnosisTime bounds a diagnosis.
	diagnosisTime = 10 * time.Second
	// perAccount is how many diagnoses and fixes an account has going on at once.
	perAccount = 4
)

// cluster is a connection to a cluster.
type cluster interface {
	Read(ctx context.Context, r kubernetes.ReadRequest) (objects []unstructured.Unstructured, more bool, err error)
	Has(ctx context.Context, kind schema.GroupVersionKind, namespace, name string) (bool, error)
	Serves(ctx context.Context, gv schema.GroupVersion) (bool, error)
	Logs(ctx context.Context, r kubernetes.LogRequest) (io.ReadCloser, error)
}

// Connect returns the connection to the cluster that a grant is for.
type Connect func(ctx context.Context, g models.ClusterGrant) (cluster, error)

// ConnectThrough adapts a function that returns a concrete connection.
func ConnectThrough[C cluster](f func(ctx context.Context, g models.ClusterGrant) (C, error)) Connect {
	return func(ctx context.Context, g models.ClusterGrant) (cluster, error) { return f(ctx, g) }
}

// access answers what the owner of a workflow may do in its cluster.
type access interface {
	RequireFor(ctx context.Context, w models.Workflow, action models.ClusterAction) (models.ClusterGrant, error)
}

// workflows are the documents. Somebody else's workflow is NotFound.
type workflows interface {
	Get(ctx context.Context, owner, id string) (models.Workflow, error)
}

// Deps is what a Service works with.
type Deps struct {
	Workflows workflows
	Access    access
	Connect   Connect

	Kinds    *kinds.Registry
	Drawings drawings
	Deploy   deployer
	Writer   Writer
	Records  records

	Log *slog.Logger
	Now func() time.Time
}

// Service diagnoses nodes and fixes them. It is safe for concurrent use.
type Service struct {
	deps  Deps
	slots *limit.Slots // by account
	reads singleflight.Group
}

// NewService returns a service.
func NewService(d Deps) *Service {
	return &Service{deps: d, slots: limit.NewSlots(perAccount)}
}

// Diagnose looks for what is wrong with a node of one of owner's workflows.
// Simultaneous callers share the answer. A node type without a diagnosis is Invalid, and
// a cluster that cannot be reached is Failed.
func (s *Service) Diagnose(ctx context.Context, owner, id, nodeID string) (models.Diagnosis, error) {
	const op = "diagnostics.Service.Diagnose"
	w, node, err := s.node(ctx, owner, id, nodeID)
	if err != nil {
		return models.Diagnosis{}, err
	}
	if !findings.Diagnosable(node.Type) {
		msg := fmt.Sprintf("a node of type %q has no diagnostics", node.Type)
		return models.Diagnosis{}, &models.Error{Op: op, Kind: models.Invalid, Msg: msg}
	}
	key := fmt.Sprintf("%s/%d/%s", id, w.Revision, nodeID)
	read := s.reads.DoChan(key, func() (any, error) {
		// The others wait for it when the first caller leaves.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), diagnosisTime)
		defer cancel()
		var d models.Diagnosis
		err := panics.ToError(func() (err error) { d, err = s.diagnose(ctx, w, node); return err })
		return d, err
	})
	select {
	case res := <-read:
		d, _ := res.Val.(models.Diagnosis)
		return d, res.Err
	case <-ctx.Done():
		return models.Diagnosis{}, &models.Error{Op: op, Kind: models.Unavailable, Msg: "the diagnosis did not end in time", Err: ctx.Err()}
	}
}

func (s *Service) diagnose(ctx context.Context, w models.Workflow, node models.Node) (models.Diagnosis, error) {
	release, err := s.slot(w.OwnerID)
	if err != nil {
		return models.Diagnosis{}, err
	}
	defer release()
	f, err := s.facts(ctx, w, node)
	if err != nil {
		return models.Diagnosis{}, err
	}
	return findings.Diagnose(f, s.deps.Now().UTC()), nil
}

// facts reads what is to be known of a node, within what its owner may see.
func (s *Service) facts(ctx context.Context, w models.Workflow, node models.Node) (findings.Facts, error) {
	g, err := s.deps.Access.RequireFor(ctx, w, models.ClusterRead)
	if err != nil {
		return findings.Facts{}, err
	}
	if err := requireNamespace(g, kinds.NamespaceOf(node.Data)); err != nil {
		return findings.Facts{}, err
	}
	c, err := s.deps.Connect(ctx, g)
	if err != nil {
		return findings.Facts{}, clusterFailure("diagnostics.Service.facts", err)
	}
	r := &reader{cluster: c, workflowID: w.ID, node: node, wide: !g.Restricted()}
	f, err := r.read(kubernetes.ProbeEarly(ctx))
	return f, clusterFailure("diagnostics.Service.facts", err)
}

func requireNamespace(g models.ClusterGrant, namespace string) error {
	if g.Covers(namespace) {
		return nil
	}
	msg := "cluster " + g.Cluster.Name + " is not shared with you in namespace " + namespace
	return &models.Error{Op: "diagnostics.requireNamespace", Kind: models.Forbidden, Msg: msg}
}

// node returns a workflow of owner and one of its nodes.
func (s *Service) node(ctx context.Context, owner, id, nodeID string) (models.Workflow, models.Node, error) {
	w, err := s.deps.Workflows.Get(ctx, owner, id)
	if err != nil {
		return w, models.Node{}, err
	}
	i := slices.IndexFunc(w.Nodes, func(n models.Node) bool { return n.ID == nodeID })
	if i < 0 {
		return w, models.Node{}, &models.Error{Op: "diagnostics.Service.node", Kind: models.NotFound, Msg: "the workflow has no such node"}
	}
	return w, w.Nodes[i], nil
}

// slot takes one of the account's slots.
func (s *Service) slot(owner string) (release func(), err error) {
	release, ok := s.slots.Take(owner)
	if !ok {
		return nil, models.TooSoon("diagnostics.Service.slot", "too many diagnoses of this account are going on", 0)
	}
	return release, nil
}
