package cluster

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

// Connection returns the shared connection to a cluster that the user has
// access to, in any role. It sends nothing to the cluster. Kinds:
// NotFound, or Unavailable when the stored credentials cannot be used, which
// the cluster's status then tells.
func (s *Service) Connection(ctx context.Context, userID, name string) (*kubernetes.Connection, error) {
	g, err := s.deps.Access.Require(ctx, userID, name, models.ClusterRead)
	if err != nil {
		return nil, err
	}
	return s.ConnectionTo(ctx, g)
}

// ConnectionFor is Connection to the cluster of w, for readers of what w has
// there. It fails when the owner of w has lost the access, and is Unavailable when
// that cluster is another one than clusterID; "" stands for any.
func (s *Service) ConnectionFor(ctx context.Context, w models.Workflow, clusterID string) (*kubernetes.Connection, error) {
	g, err := s.deps.Access.RequireFor(ctx, w, models.ClusterRead)
	if err != nil {
		return nil, err
	}
	if clusterID != "" && g.Cluster.ID != clusterID {
		msg := "the workflow has just been given another cluster"
		return nil, &models.Error{Op: "cluster.Service.ConnectionFor", Kind: models.Unavailable, Msg: msg}
	}
	return s.ConnectionTo(ctx, g)
}

// ConnectionTo is Connection for callers that hold a grant already.
func (s *Service) ConnectionTo(ctx context.Context, g models.ClusterGrant) (*kubernetes.Connection, error) {
	return s.connectionOrStatus(ctx, g.Cluster)
}

// ConnectionByID is Connection for background work, whoever owns the cluster.
func (s *Service) ConnectionByID(ctx context.Context, id string) (*kubernetes.Connection, error) {
	c, err := s.deps.Store.ByID(ctx, id)
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
	conn, err := s.deps.Connect.Get(c.ID, c.CredentialVersion, func() (kubernetes.Config, error) {
		cred, err := s.credentials(c)
		cfg := configOf(c, cred)
		cfg.RefreshTokens = refreshedTokens{s, c.ID, cred}
		return cfg, err
	})
	return conn, failure("cluster.Service.connection", err)
}

// checkConnections closes the connection of a cluster that was removed, and
// retires one with other credentials than those that are stored, so that whoever
// uses it over some time asks for another. It goes on when ctx ends.
func (s *Service) checkConnections(ctx context.Context, clusterID string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), testTime)
	defer cancel()
	ids := []string{clusterID}
	if clusterID == AnyCluster {
		ids = slices.Collect(maps.Keys(s.deps.Connect.Reach()))
	}
	for _, id := range ids {
		c, err := s.deps.Store.ByID(ctx, id)
		switch {
		case err == nil:
			s.deps.Connect.Retire(id, c.CredentialVersion)
		case models.KindOf(err) == models.NotFound:
			s.deps.Connect.Forget(id)
		default:
			s.deps.Log.WarnContext(ctx, "a connection could not be checked", "cluster", id, "err", err)
		}
	}
}
