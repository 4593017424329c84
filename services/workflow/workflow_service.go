package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
	"github.com/kubeorch/core/pkg/panics"
)

type reader interface {
	Get(ctx context.Context, owner, id string) (models.Workflow, error)
	Head(ctx context.Context, owner, id string) (models.WorkflowHead, error)
	List(ctx context.Context, owner string) ([]models.WorkflowSummary, error)
	Belongings(ctx context.Context, owner, id string) (models.Belongings, error)
}

type writer interface {
	Insert(ctx context.Context, w models.Workflow) error
	Update(ctx context.Context, owner, id string, p models.WorkflowPatch, at time.Time) (models.Workflow, error)
	ClearStatuses(ctx context.Context, id string, exceptTypes ...string) error
	remover
}

type remover interface {
	Delete(ctx context.Context, owner, id string, at time.Time) error
	Restore(ctx context.Context, owner, id string, at time.Time) error
	BeginEraseOf(ctx context.Context, owner, id string) error
	Erase(ctx context.Context, id string) error
}

// store keeps workflow documents.
type store interface {
	reader
	writer
	usageStore
}

// runs runs workflows in clusters.
type runs interface {
	// Running reports whether a run of the workflow is in progress.
	Running(ctx context.Context, workflowID string) (bool, error)
	// TearDown removes what w has in its cluster; adopted objects are released
	// unless deleteAdopted is true. The warning says what a person should know
	// of it, and is empty when all went well.
	TearDown(ctx context.Context, w models.Workflow, deleteAdopted bool) (warning string)
}

// clusters answers what users may do on clusters.
type clusters interface {
	Require(ctx context.Context, userID, address string, action models.ClusterAction) (models.ClusterGrant, error)
}

// readTimeout bounds the reading of a graph for several callers.
const readTimeout = 30 * time.Second

// documentCacheSize is in bytes: enough for some 500 large drawings.
const documentCacheSize = 16 << 20

// cachedDocument is a workflow as it was at seq.
type cachedDocument struct {
	seq int64
	models.WorkflowDocument
}

// Service creates, reads and changes workflow documents. Every method is limited
// to the given owner; another owner's workflow is NotFound.
type Service struct {
	store    store
	runs     runs
	clusters clusters
	eraser   Eraser
	quota    quota
	cache    *limit.Cache[cachedDocument]
	now      func() time.Time
	reads    singleflight.Group // of graphs, by what is read, id and seq
}

// NewService returns the service over store. Archiving and deleting consult runs,
// moving and cloning to another cluster consult clusters; eraser removes workflows at
// once.
func NewService(store store, runs runs, clusters clusters, eraser Eraser, limits models.AccountLimits) *Service {
	return &Service{
		store: store, runs: runs, clusters: clusters, eraser: eraser, quota: quota{store, limits},
		cache: limit.NewCache[cachedDocument](documentCacheSize), now: models.Now,
	}
}

// Create stores an empty draft.
func (s *Service) Create(ctx context.Context, owner string, in models.WorkflowInput) (models.Workflow, error) {
	const op = "workflow.Service.Create"
	w := s.draft(owner, in.Name)
	w.Description, w.ClusterID = in.Description, strings.TrimSpace(in.ClusterID)
	var p models.Problems
	checkTexts(&p, &w.Name, &w.Description)
	if w.ClusterID == "" {
		p.Addf("cluster_id", "is required")
	}
	if err := p.Err(op); err != nil {
		return models.Workflow{}, err
	}
	models.NoteForAudit(ctx, "workflow", w.ID)
	return w, s.insert(ctx, w)
}

// insert stores w within the limits of its owner.
func (s *Service) insert(ctx context.Context, w models.Workflow) error {
	if err := s.quota.checkBytes(ctx, w.OwnerID); err != nil {
		return err
	}
	if err := s.quota.checkWorkflows(ctx, w.OwnerID, s.quota.limits.Workflows-1); err != nil {
		return err
	}
	if err := s.store.Insert(ctx, w); err != nil {
		return err
	}
	// Counted once more behind the insert, so that calls at once see each other's.
	err := s.quota.checkWorkflows(ctx, w.OwnerID, s.quota.limits.Workflows)
	if err != nil {
		err = errors.Join(err, s.store.Erase(ctx, w.ID))
	}
	return err
}

func (s *Service) draft(owner, name string) models.Workflow {
	now := s.now()
	return models.Workflow{
		ID: models.NewID(), OwnerID: owner, Name: strings.TrimSpace(name), Status: models.WorkflowDraft,
		Tags: []string{}, Nodes: []models.Node{}, Edges: []models.Edge{},
		CurrentVersion: 1, Revision: 1, Seq: 1, CreatedAt: now, UpdatedAt: now,
	}
}

// List returns all of owner's workflows, the last edited first.
func (s *Service) List(ctx context.Context, owner string) ([]models.WorkflowSummary, error) {
	return s.store.List(ctx, owner)
}

// Get returns a workflow with its graph.
func (s *Service) Get(ctx context.Context, owner, id string) (models.Workflow, error) {
	return s.store.Get(ctx, owner, id)
}

// Document returns a workflow as JSON. It is cached: as long as nothing changes, a
// call costs one small read. Simultaneous callers share one Body.
func (s *Service) Document(ctx context.Context, owner, id string) (models.WorkflowDocument, error) {
	head, err := s.store.Head(ctx, owner, id)
	if err != nil {
		return models.WorkflowDocument{}, err
	}
	if doc, ok := s.cache.Get(id); ok && doc.seq == head.Seq {
		return doc.WorkflowDocument, nil
	}
	return shared(ctx, s, "document", owner, id, head.Seq, func(w models.Workflow) (models.WorkflowDocument, error) {
		body, err := json.Marshal(w)
		if err != nil {
			return models.WorkflowDocument{}, &models.Error{Op: "workflow.Service.Document", Err: err}
		}
		doc := models.WorkflowDocument{Body: body, Revision: w.Revision}
		s.cache.Put(id, cachedDocument{w.Seq, doc}, len(body))
		return doc, nil
	})
}

// Statuses returns the statuses of the nodes of a workflow. Simultaneous callers
// share them.
func (s *Service) Statuses(ctx context.Context, owner, id string) (models.StatusSync, error) {
	head, err := s.store.Head(ctx, owner, id)
	if err != nil {
		return models.StatusSync{}, err
	}
	return shared(ctx, s, "statuses", owner, id, head.Seq, func(w models.Workflow) (models.StatusSync, error) {
		return models.StatusesOf(w.Nodes), nil
	})
}

// shared reads a workflow once for all callers that found it at seq, and returns
// what of makes of it. Graphs are large in memory: many readers at once would need
// many times that.
func shared[T any](
	ctx context.Context, s *Service, what, owner, id string, seq int64, of func(models.Workflow) (T, error),
) (T, error) {
	read := s.reads.DoChan(fmt.Sprintf("%s/%s/%s/%d", what, owner, id, seq), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		var out T
		err := panics.ToError(func() error {
			w, err := s.store.Get(ctx, owner, id)
			if err == nil {
				out, err = of(w)
			}
			return err
		})
		return out, err
	})
	select {
	case res := <-read:
		out, _ := res.Val.(T)
		return out, res.Err
	case <-ctx.Done():
		var none T
		return none, &models.Error{
			Op: "workflow.Service.shared", Kind: models.Unavailable, Msg: "the workflow was not read in time", Err: ctx.Err(),
		}
	}
}
