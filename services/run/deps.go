package run

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/pkg/kubernetes"
)

// executedWorkflows are the documents that runs read and count in.
type executedWorkflows interface {
	Get(ctx context.Context, owner, id string) (models.Workflow, error)
	Head(ctx context.Context, owner, id string) (models.WorkflowHead, error)
	StartRun(ctx context.Context, id string, start models.RunStart) error
	CountResult(ctx context.Context, id, runID string, succeeded bool) error
	SetNodeStatus(ctx context.Context, workflowID, nodeID string, status map[string]any, secretCreated *bool) error
}

// drawings are read for corrections, and changed by runs that bring a version back.
type drawings interface {
	ByID(ctx context.Context, id string) (models.Workflow, error)
	Update(ctx context.Context, owner, id string, p models.WorkflowPatch, at time.Time) (models.Workflow, error)
}

// inventories know which objects workflows have in clusters.
type inventories interface {
	Inventory(ctx context.Context, workflowID string) ([]models.OwnedObject, error)
	Belongings(ctx context.Context, owner, workflowID string) (models.Belongings, error)
	SetInventory(ctx context.Context, workflowID string, objects []models.OwnedObject) error
	SetApplied(ctx context.Context, workflowID string, o models.OwnedObject) error
	ClearStatuses(ctx context.Context, workflowID string, exceptTypes ...string) error
}

// reader finds runs.
type reader interface {
	Get(ctx context.Context, workflowID, id string) (models.Run, error)
	List(ctx context.Context, workflowID string, limit int) ([]models.Run, error)
	Running(ctx context.Context, workflowID string) (models.Run, error)
	RequestCancel(ctx context.Context, workflowID, id string) error
	Deployed(ctx context.Context, workflowID, clusterRef string) ([]models.Run, error)
}

// accounted finds and changes runs whatever server has them.
type accounted interface {
	Settle(ctx context.Context, id string) error
	WithKey(ctx context.Context, workflowID, key string) (models.Run, error)
	ForgetKey(ctx context.Context, id string) error
}

// holder changes a run as long as a session of this server has it.
type holder interface {
	Begin(ctx context.Context, run models.Run) error
	Cancelled(ctx context.Context, id, lease string) (bool, error)
	Release(ctx context.Context, id, lease string) error
	Record(ctx context.Context, id, lease string, p models.RunProgress) error
	Finish(ctx context.Context, id, lease string, res models.RunResult) error
}

// versions keep what each run applies.
type versions interface {
	Add(ctx context.Context, v models.Version) (models.Version, error)
	Get(ctx context.Context, workflowID string, number int) (models.Version, error)
	SetRunStatus(ctx context.Context, workflowID string, number int, status string) error
}

// clusterLog keeps what people do with each cluster.
type clusterLog interface {
	Add(ctx context.Context, e models.ClusterLogEntry)
}

// events publishes to the readers of a stream.
type events interface {
	Publish(key, event string, data any) error
}

// clusterConnections connects to clusters.
type clusterConnections interface {
	ConnectionTo(ctx context.Context, g models.ClusterGrant) (*kubernetes.Connection, error)
}

// placeChecker tells which objects a cluster would refuse, and changes nothing.
type placeChecker interface {
	Refusals(ctx context.Context, objects []*unstructured.Unstructured) []error
	Try(ctx context.Context, reqs []applier.Request) []applier.Change
	Survey(ctx context.Context, refs []applier.Ref, owned []metav1.PartialObjectMetadata) (*applier.Survey, error)
	CheckOwners(ctx context.Context, reqs []applier.Request) []error
}

// clusterTarget reads and writes the objects of one workflow in a cluster; see
// applier.Applier.
type clusterTarget interface {
	placeChecker
	claimReader
	targetWriter
	ListOwned(
		ctx context.Context, gvks []schema.GroupVersionKind, o applier.ListOptions,
	) ([]metav1.PartialObjectMetadata, error)
	Each(
		ctx context.Context, gvks []schema.GroupVersionKind, o applier.ListOptions, visit func(*unstructured.Unstructured),
	) error
}

// claimReader tells what claims hold.
type claimReader interface {
	ClaimUses(ctx context.Context, namespaces []string) (map[string]applier.ClaimUse, error)
}

// targetWriter changes objects in a cluster.
type targetWriter interface {
	EnsureNamespaces(ctx context.Context, names []string, labels map[string]string) []applier.Change
	Apply(ctx context.Context, reqs []applier.Request, done func(int, applier.Change)) []applier.Change
	ApplyValues(ctx context.Context, req applier.ValuesRequest) (applier.Change, applier.ValuesState)
	Delete(ctx context.Context, refs []applier.Ref, o applier.DeleteOptions) []applier.Change
	Release(ctx context.Context, refs []applier.Ref) []applier.Change
	FreeStatefulSets(ctx context.Context, refs []applier.Ref) []applier.Change
}

// workflows is what runs need of workflow documents.
type workflows interface {
	executedWorkflows
	drawings
	inventories
}

// store keeps runs.
type store interface {
	reader
	holder
	accounted
}

// server is this one among the servers of the database; see lease.Session.
type server interface {
	ID() string
	Valid(id string) bool
	Sessions(ctx context.Context) (map[string]bool, error)
}
