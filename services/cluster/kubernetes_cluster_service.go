package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/limit"
)

const (
	testTime    = 10 * time.Second // as long as a form waits
	metadataAge = 10 * time.Minute // after which metadata is read again
)

// reader finds clusters for background work.
type reader interface {
	ByID(ctx context.Context, id string) (models.Cluster, error)
}

// writer changes clusters.
type writer interface {
	Insert(ctx context.Context, c models.Cluster) (models.Cluster, error)
	Replace(ctx context.Context, old, c models.Cluster, at time.Time) (models.Cluster, error)
	SwapCredentials(ctx context.Context, id string, old, fresh []byte) (bool, error)
	Delete(ctx context.Context, id string) error
	SetHealth(ctx context.Context, id string, h models.ClusterHealth) (was string, changed bool, err error)
}

// counter counts the clusters of a user.
type counter interface {
	Owned(ctx context.Context, owner string, limit int) (models.OwnedItems, error)
}

type store interface {
	reader
	writer
	counter
}

// sealer encrypts what is stored; aad names the record and field.
type sealer interface {
	Seal(plaintext []byte, aad string) ([]byte, error)
	Open(sealed []byte, aad string) ([]byte, error)
	Current(sealed []byte) bool // under the key that Seal uses
}

// connector keeps one connection for each cluster.
type connector interface {
	Get(id string, version int64, load func() (kubernetes.Config, error)) (*kubernetes.Connection, error)
	Endpoint(cfg kubernetes.Config) (string, error)
	Retire(id string, version int64)
	Forget(id string)
	Reach() map[string]kubernetes.Reach
}

// listener learns what happens to clusters. Its methods must not block for long.
type listener interface {
	// Changed is called after a check found a cluster in another state than
	// before, by one of the servers that share a database. Its status was was.
	Changed(ctx context.Context, c models.Cluster, was string)
	// Removed is called after a cluster was removed.
	Removed(ctx context.Context, c models.Cluster)
}

// Listeners are called in their order.
type Listeners []listener

// entryLog stores entries of the logs of clusters.
type entryLog interface {
	Add(ctx context.Context, e models.ClusterLogEntry)
}

// workflowCounter counts the workflows of a cluster.
type workflowCounter interface {
	// CountByCluster returns how many workflows of its owner name a cluster, and
	// how many of others have run in it.
	CountByCluster(ctx context.Context, c models.Cluster) (owners, others int64, err error)
}

// Deps is what a Service works with.
type Deps struct {
	Store     store
	Access    *Access
	Shares    clusterData
	Defaults  defaults
	Workflows workflowCounter
	People    people
	Box       sealer // for credentials
	Connect   connector
	Listeners Listeners
	Entries   entryLog
	Log       *slog.Logger
	// Claim takes a name until release is called. It returns nil while somebody has
	// it, here or on another server. Nil: names need not be taken.
	Claim func(ctx context.Context, name string) (release func(), err error)
	// Added is called when a cluster was registered, so that a server soon checks
	// and watches it. It must not block, and may be nil.
	Added func()
	// MaxClusters is how many clusters a user may register; 0: any number.
	MaxClusters int
}

// Service registers clusters, checks them, and connects to them for the other
// services. What people change is written into the log of the cluster. It is
// safe for concurrent use.
type Service struct {
	deps   Deps
	now    func() time.Time
	checks sharedChecks
	lists  *limit.Cache[listed] // by user
	reads  sharedReads          // of lists, by user

	testTime time.Duration // testTime
}

// NewService returns a service that works with deps.
func NewService(deps Deps) *Service {
	s := &Service{deps: deps, now: time.Now, lists: limit.NewCache[listed](listCacheSize), testTime: testTime}
	deps.Access.OnChange(s.checkConnections)
	return s
}

// Add registers a cluster and tests it for up to 10 s. It is stored whether or
// not the test passes; its Status and LastError tell. Input that is wrong in
// form is Invalid and stores nothing; a name in use and one cluster too many are a
// Conflict. The test
// goes on when ctx ends, so that the status is settled. The cluster becomes the
// owner's default if they have none. With SingleNode, the taints of the control
// plane are removed, and Notice says what came of it.
func (s *Service) Add(ctx context.Context, owner string, in models.ClusterInput) (models.Cluster, error) {
	c, err := s.newCluster(owner, in)
	if err != nil {
		return models.Cluster{}, err
	}
	models.NoteForAudit(ctx, "cluster", c.Name)
	if c, err = s.insert(ctx, c); err != nil {
		return models.Cluster{}, err
	}
	if _, err := s.deps.Defaults.SetIfNone(ctx, owner, c.ID); err != nil {
		return models.Cluster{}, err
	}
	if c, err = s.CheckSingleCluster(ctx, c, true); err != nil {
		return models.Cluster{}, err
	}
	s.deps.Entries.Add(ctx, models.ClusterLogEntry{
		ClusterID: c.ID, Action: models.ClusterLogAdded, Success: true, Message: "the cluster was added",
		Details: map[string]string{"status": c.Status}, Timestamp: c.CreatedAt, // the check came later
	})
	view, err := s.ownView(ctx, c)
	switch {
	case err != nil || !in.SingleNode:
	case c.Status == models.ClusterConnected:
		view.Notice = s.singleNode(ctx, c, true)
	default:
		view.Notice = "the control plane is left as it is, since the cluster is not connected; save again once it is"
	}
	return view, err
}

// insert stores c unless its owner has as many clusters as they may. It counts
// once more afterwards, so that simultaneous calls do not pass the limit together.
func (s *Service) insert(ctx context.Context, c models.Cluster) (models.Cluster, error) {
	if err := s.checkLimit(ctx, c.OwnerID, s.deps.MaxClusters-1); err != nil {
		return c, err
	}
	c, err := s.deps.Store.Insert(ctx, c)
	if err != nil {
		return c, err
	}
	if err := s.checkLimit(ctx, c.OwnerID, s.deps.MaxClusters); err != nil {
		return c, errors.Join(err, s.deps.Store.Delete(context.WithoutCancel(ctx), c.ID))
	}
	if s.deps.Added != nil {
		s.deps.Added()
	}
	return c, nil
}

func (s *Service) checkLimit(ctx context.Context, owner string, most int) error {
	if s.deps.MaxClusters == 0 {
		return nil
	}
	own, err := s.deps.Store.Owned(ctx, owner, 1)
	if err != nil || own.Count <= int64(most) {
		return err
	}
	msg := fmt.Sprintf("you have %d clusters already, which is the limit; delete one first", s.deps.MaxClusters)
	return &models.Error{Op: "cluster.Service.Add", Kind: models.Conflict, Msg: msg}
}

// newCluster returns a cluster with sealed credentials, or what is wrong with in.
func (s *Service) newCluster(owner string, in models.ClusterInput) (models.Cluster, error) {
	cred := in.Credentials
	now := models.StoredTime(s.now())
	c := models.Cluster{
		ID: models.NewID(), OwnerID: owner, Name: strings.TrimSpace(in.Name),
		DisplayName: in.DisplayName, Description: in.Description, Server: strings.TrimSpace(in.Server),
		AuthType: authType(in.AuthType), Status: models.ClusterUnknown, SingleNode: in.SingleNode, Labels: in.Labels,
		Namespace: namespaceOr(cred.Namespace, "default"), Insecure: cred.Insecure,
		Metadata:  emptyMetadata(),
		CreatedAt: now, UpdatedAt: now, CredentialVersion: 1,
	}
	p := checkCluster(c)
	if c.Server == "" {
		p.Addf("server", "is required")
	}
	server, err := s.deps.Connect.Endpoint(configOf(c, cred))
	p = append(p, configProblems(err, c.Server != "")...)
	if err := p.Err("cluster.Service.Add"); err != nil {
		return c, err
	}
	c.Server = server
	return s.seal(c, cred)
}

func (s *Service) seal(c models.Cluster, cred models.ClusterCredentials) (models.Cluster, error) {
	plain, err := json.Marshal(cred)
	if err != nil {
		return c, err
	}
	c.Sealed, err = s.deps.Box.Seal(plain, models.SealedClusterCredentials.Place(c.ID))
	return c, err
}

// credentials opens what is stored for c. Its failure is about this record
// alone: Unavailable, with a text that says what to do.
func (s *Service) credentials(c models.Cluster) (cred models.ClusterCredentials, err error) {
	plain, err := s.deps.Box.Open(c.Sealed, models.SealedClusterCredentials.Place(c.ID))
	if err == nil {
		err = json.Unmarshal(plain, &cred)
	}
	if err != nil {
		return cred, &models.Error{
			Op: "cluster.Service.credentials", Kind: models.Unavailable,
			Msg: "the stored credentials of cluster " + c.Name + " cannot be decrypted; enter them again", Err: err,
		}
	}
	return cred, nil
}

// Delete removes a cluster for everybody who has access to it, and closes its
// connection. Nothing in the cluster itself is touched. Users whose default it was
// get another one: their oldest own cluster, or else a shared one.
func (s *Service) Delete(ctx context.Context, userID, name string) (models.ClusterDeletion, error) {
	g, err := s.deps.Access.Require(ctx, userID, name, models.ClusterDelete)
	if err != nil {
		return models.ClusterDeletion{}, err
	}
	c := g.Cluster
	owners, others, err := s.deps.Workflows.CountByCluster(ctx, c)
	if err != nil {
		return models.ClusterDeletion{}, err
	}
	if err := s.deps.Store.Delete(ctx, c.ID); err != nil {
		return models.ClusterDeletion{}, err
	}
	for _, l := range s.deps.Listeners {
		l.Removed(ctx, c)
	}
	s.deps.Access.Changed(ctx, c.ID)
	// A share or default that a failure leaves behind leads to no cluster, and
	// readers pass it over.
	err = errors.Join(s.deps.Shares.DeleteByCluster(ctx, c.ID), replaceDefaults(ctx, s.deps.Access, s.deps.Defaults, c.ID))
	if err != nil {
		return models.ClusterDeletion{}, err
	}
	out := models.ClusterDeletion{Cluster: name, Workflows: owners + others}
	out.Message = out.Text()
	out.Default, err = s.deps.Defaults.ByUser(ctx, userID)
	return out, err
}

// Status returns what the last check found. It checks nothing itself.
func (s *Service) Status(ctx context.Context, userID, name string) (models.ClusterStatus, error) {
	g, err := s.deps.Access.Require(ctx, userID, name, models.ClusterRead)
	if err != nil {
		return models.ClusterStatus{}, err
	}
	st := g.Cluster.State(s.now())
	return models.ClusterStatus{
		Cluster: st.Cluster, Status: st.Status, LastCheck: st.LastCheck, IsStale: st.IsStale, IsOnline: st.IsOnline,
	}, nil
}
