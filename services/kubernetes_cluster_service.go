package services

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
	clusterTestTime = 10 * time.Second // as long as a form waits
	clusterStale    = 2 * time.Minute  // after which a status is old
	clusterFactsAge = 10 * time.Minute // after which metadata is read again
)

// clusterReader finds clusters.
type clusterReader interface {
	List(ctx context.Context, owner string) ([]models.Cluster, error)
	ByName(ctx context.Context, owner, name string) (models.Cluster, error)
	ByID(ctx context.Context, id string) (models.Cluster, error)
	Default(ctx context.Context, owner string) (models.Cluster, error)
}

// clusterWriter changes clusters.
type clusterWriter interface {
	Insert(ctx context.Context, c models.Cluster) (models.Cluster, error)
	Replace(ctx context.Context, c models.Cluster, at time.Time) (models.Cluster, error)
	Delete(ctx context.Context, owner, name string) (models.Cluster, error)
	SetDefault(ctx context.Context, owner, name string) error
	SetHealth(ctx context.Context, id string, h models.ClusterHealth) error
}

type clusterStore interface {
	clusterReader
	clusterWriter
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

// KubernetesClusterService registers clusters, checks them, and connects to
// them for everybody else. It is safe for concurrent use.
type KubernetesClusterService struct {
	store   clusterStore
	box     sealer
	connect connector
	log     *slog.Logger
	now     func() time.Time
}

// NewKubernetesClusterService returns a service over store. Credentials are
// sealed by box; connections come from connect.
func NewKubernetesClusterService(store clusterStore, box sealer, connect connector, log *slog.Logger) *KubernetesClusterService {
	return &KubernetesClusterService{store: store, box: box, connect: connect, log: log, now: time.Now}
}

// Add registers a cluster and tests it for up to 10 s. It is stored whether or
// not the test passes; its Status and LastError tell. Input that is wrong in
// form is Invalid and stores nothing; a name in use is a Conflict. The test
// goes on when the caller is gone, so that the status is never left open.
func (s *KubernetesClusterService) Add(ctx context.Context, owner string, in models.ClusterInput) (models.Cluster, error) {
	c, err := s.fresh(owner, in)
	if err != nil {
		return models.Cluster{}, err
	}
	if c, err = s.store.Insert(ctx, c); err != nil {
		return models.Cluster{}, err
	}
	return s.check(ctx, c, true)
}

func (s *KubernetesClusterService) fresh(owner string, in models.ClusterInput) (models.Cluster, error) {
	cred := in.Credentials
	now := s.now().UTC().Truncate(time.Millisecond) // as the database keeps it
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
	if err := p.Err("services.KubernetesClusterService.Add"); err != nil {
		return c, err
	}
	c.Server = server
	return s.seal(c, cred)
}

func (s *KubernetesClusterService) seal(c models.Cluster, cred models.ClusterCredentials) (models.Cluster, error) {
	plain, err := json.Marshal(cred)
	if err != nil {
		return c, err
	}
	c.Sealed, err = s.box.Seal(plain, models.SealedClusterCredentials.Place(c.ID))
	return c, err
}

// credentials opens what is stored for c. Its failure is about this record
// alone: Unavailable, with a text that says what to do.
func (s *KubernetesClusterService) credentials(c models.Cluster) (cred models.ClusterCredentials, err error) {
	plain, err := s.box.Open(c.Sealed, models.SealedClusterCredentials.Place(c.ID))
	if err == nil {
		err = json.Unmarshal(plain, &cred)
	}
	if err != nil {
		return cred, &models.Error{
			Op: "services.KubernetesClusterService.credentials", Kind: models.Unavailable,
			Msg: "the stored credentials of cluster " + c.Name + " cannot be decrypted; enter them again", Err: err,
		}
	}
	return cred, nil
}

// List returns the owner's clusters, newest first, and the default's id.
func (s *KubernetesClusterService) List(ctx context.Context, owner string) (models.ClusterList, error) {
	list, err := s.store.List(ctx, owner)
	out := models.ClusterList{Clusters: list}
	for _, c := range list {
		if c.Default {
			out.Default = c.ID
		}
	}
	return out, err
}

// Get returns one of the owner's clusters, or NotFound.
func (s *KubernetesClusterService) Get(ctx context.Context, owner, name string) (models.Cluster, error) {
	return s.store.ByName(ctx, owner, name)
}

// Default returns the owner's default cluster, or NotFound.
func (s *KubernetesClusterService) Default(ctx context.Context, owner string) (models.Cluster, error) {
	return s.store.Default(ctx, owner)
}

// SetDefault makes a cluster its owner's only default.
func (s *KubernetesClusterService) SetDefault(ctx context.Context, owner, name string) error {
	return s.store.SetDefault(ctx, owner, name)
}

// Delete forgets a cluster and ends its connection. Nothing in the cluster
// itself is touched.
func (s *KubernetesClusterService) Delete(ctx context.Context, owner, name string) error {
	c, err := s.store.Delete(ctx, owner, name)
	if err != nil {
		return err
	}
	s.connect.Forget(c.ID)
	return nil
}

// Status returns what the last check found; it does no check itself.
func (s *KubernetesClusterService) Status(ctx context.Context, owner, name string) (models.ClusterStatus, error) {
	c, err := s.store.ByName(ctx, owner, name)
	if err != nil {
		return models.ClusterStatus{}, err
	}
	st := models.ClusterStatus{Cluster: c.Name, Status: c.Status, IsStale: true, IsOnline: c.Status == models.ClusterConnected}
	if c.LastCheck != nil {
		st.LastCheck = *c.LastCheck
		st.IsStale = s.now().Sub(*c.LastCheck) > clusterStale
	}
	return st, nil
}

// Connection returns the shared connection to one of the owner's clusters. It
// does not reach for the cluster. Kinds: NotFound, or Unavailable when the
// stored credentials cannot be used, which the cluster's status then tells.
func (s *KubernetesClusterService) Connection(ctx context.Context, owner, name string) (*kubernetes.Connection, error) {
	c, err := s.store.ByName(ctx, owner, name)
	if err != nil {
		return nil, err
	}
	return s.connectionOrStatus(ctx, c)
}

// ConnectionByID is Connection for background work, whoever owns the cluster.
func (s *KubernetesClusterService) ConnectionByID(ctx context.Context, id string) (*kubernetes.Connection, error) {
	c, err := s.store.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.connectionOrStatus(ctx, c)
}

func (s *KubernetesClusterService) connectionOrStatus(ctx context.Context, c models.Cluster) (*kubernetes.Connection, error) {
	conn, err := s.connection(c)
	if err == nil || c.LastError == clusterMessage(err) {
		return conn, err
	}
	h := models.ClusterHealth{CredentialVersion: c.CredentialVersion, At: s.now().UTC()}
	h.Status, h.Error = healthOf(err)
	return nil, errors.Join(err, s.store.SetHealth(ctx, c.ID, h))
}

func (s *KubernetesClusterService) connection(c models.Cluster) (*kubernetes.Connection, error) {
	conn, err := s.connect.Get(c.ID, c.CredentialVersion, func() (kubernetes.Config, error) {
		cred, err := s.credentials(c)
		return configOf(c, cred), err
	})
	return conn, clusterError("services.KubernetesClusterService.connection", err)
}
