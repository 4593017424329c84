package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

const (
	testTime = 10 * time.Second // as long as a form waits
	factsAge = 10 * time.Minute // after which metadata is read again
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
	SetHealth(ctx context.Context, id string, h models.ClusterHealth) (changed bool, err error)
}

type store interface {
	reader
	writer
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
	Forget(id string)
}

// Service registers clusters, checks them, and connects to
// them for everybody else. It is safe for concurrent use.
type Service struct {
	store   store
	users   Users
	box     sealer
	connect connector
	log     *slog.Logger
	now     func() time.Time
	news    news
	flights flights

	testTime time.Duration // testTime
}

// NewService returns a service over store, for the users that
// have access. Credentials are sealed by box; connections come from connect.
func NewService(
	store store, users Users, box sealer, connect connector, log *slog.Logger,
) *Service {
	return &Service{
		store: store, users: users, box: box, connect: connect, log: log, now: time.Now, news: nobody{},
		testTime: testTime,
	}
}

// Add registers a cluster and tests it for up to 10 s. It is stored whether or
// not the test passes; its Status and LastError tell. Input that is wrong in
// form is Invalid and stores nothing; a name in use is a Conflict. The test
// goes on when the caller is gone, so that the status is never left open. It
// becomes the owner's default if they have none.
func (s *Service) Add(ctx context.Context, owner string, in models.ClusterInput) (models.Cluster, error) {
	c, err := s.fresh(owner, in)
	if err != nil {
		return models.Cluster{}, err
	}
	models.NoteForAudit(ctx, "cluster", c.Name)
	if c, err = s.store.Insert(ctx, c); err != nil {
		return models.Cluster{}, err
	}
	if _, err := s.users.Defaults.SetIfNone(ctx, owner, c.ID); err != nil {
		return models.Cluster{}, err
	}
	if c, err = s.CheckSingleCluster(ctx, c, true); err != nil {
		return models.Cluster{}, err
	}
	return s.ownView(ctx, c)
}

func (s *Service) fresh(owner string, in models.ClusterInput) (models.Cluster, error) {
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
	server, err := s.connect.Endpoint(configOf(c, cred))
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
	c.Sealed, err = s.box.Seal(plain, models.SealedClusterCredentials.Place(c.ID))
	return c, err
}

// credentials opens what is stored for c. Its failure is about this record
// alone: Unavailable, with a text that says what to do.
func (s *Service) credentials(c models.Cluster) (cred models.ClusterCredentials, err error) {
	plain, err := s.box.Open(c.Sealed, models.SealedClusterCredentials.Place(c.ID))
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

// Delete forgets a cluster for all who have access, and ends its connection.
// Nothing in the cluster itself is touched.
func (s *Service) Delete(ctx context.Context, userID, name string) error {
	g, err := s.users.Access.Require(ctx, userID, name, models.ClusterDelete)
	if err != nil {
		return err
	}
	c := g.Cluster
	if err := s.store.Delete(ctx, c.ID); err != nil {
		return err
	}
	s.connect.Forget(c.ID)
	s.news.Removed(ctx, c)
	s.users.Access.Changed(ctx, c.ID)
	// What is left over by a failure leads to a cluster that is gone, which is
	// the same as leading nowhere.
	return errors.Join(s.users.Shares.DeleteByCluster(ctx, c.ID), s.users.Defaults.DeleteByCluster(ctx, c.ID))
}

// Status returns what the last check found; it does no check itself.
func (s *Service) Status(ctx context.Context, userID, name string) (models.ClusterStatus, error) {
	g, err := s.users.Access.Require(ctx, userID, name, models.ClusterRead)
	if err != nil {
		return models.ClusterStatus{}, err
	}
	st := g.Cluster.State(s.now())
	return models.ClusterStatus{
		Cluster: st.Cluster, Status: st.Status, LastCheck: st.LastCheck, IsStale: st.IsStale, IsOnline: st.IsOnline,
	}, nil
}

// Connection returns the shared connection to a cluster that the user has
// access to, of whatever role. It does not reach for the cluster. Kinds:
// NotFound, or Unavailable when the stored credentials cannot be used, which
// the cluster's status then tells.
func (s *Service) Connection(ctx context.Context, userID, name string) (*kubernetes.Connection, error) {
	g, err := s.users.Access.Require(ctx, userID, name, models.ClusterRead)
	if err != nil {
		return nil, err
	}
	return s.ConnectionTo(ctx, g)
}

// ConnectionFor is Connection for whoever looks at what w has in its cluster.
// It also fails when the owner of w has lost the access.
func (s *Service) ConnectionFor(ctx context.Context, w models.Workflow) (*kubernetes.Connection, error) {
	g, err := s.users.Access.RequireFor(ctx, w, models.ClusterRead)
	if err != nil {
		return nil, err
	}
	return s.ConnectionTo(ctx, g)
}

// ConnectionTo is Connection for whoever has asked for the access already.
func (s *Service) ConnectionTo(ctx context.Context, g models.ClusterGrant) (*kubernetes.Connection, error) {
	return s.connectionOrStatus(ctx, g.Cluster)
}

// ConnectionByID is Connection for background work, whoever owns the cluster.
func (s *Service) ConnectionByID(ctx context.Context, id string) (*kubernetes.Connection, error) {
	c, err := s.store.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.connectionOrStatus(ctx, c)
}

func (s *Service) connectionOrStatus(ctx context.Context, c models.Cluster) (*kubernetes.Connection, error) {
	conn, err := s.connection(c)
	if err == nil || c.LastError == models.MessageOf(err) {
		return conn, err
	}
	h := models.ClusterHealth{CredentialVersion: c.CredentialVersion, At: s.now().UTC(), Failures: c.Failures}
	h.Status, h.Error = healthOf(err)
	c.Status, c.LastError, c.LastCheck = h.Status, h.Error, &h.At
	return nil, errors.Join(err, s.record(ctx, c, h))
}

func (s *Service) connection(c models.Cluster) (*kubernetes.Connection, error) {
	conn, err := s.connect.Get(c.ID, c.CredentialVersion, func() (kubernetes.Config, error) {
		cred, err := s.credentials(c)
		cfg := configOf(c, cred)
		cfg.RefreshTokens = refreshedTokens{s, c.ID, cred}
		return cfg, err
	})
	return conn, failure("cluster.Service.connection", err)
}
