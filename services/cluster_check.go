package services

import (
	"context"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

// Test asks a cluster whether it answers and accepts the credentials, for up
// to 10 s, and stores the outcome. A failed test is no error.
func (s *KubernetesClusterService) Test(ctx context.Context, owner, name string) (models.ClusterTest, error) {
	c, err := s.store.ByName(ctx, owner, name)
	if err != nil {
		return models.ClusterTest{}, err
	}
	if c, err = s.check(ctx, c, false); err != nil {
		return models.ClusterTest{}, err
	}
	return models.ClusterTest{Cluster: c.Name, Status: c.Status, Message: c.LastError}, nil
}

// Refresh reads a cluster's metadata again and stores it. A cluster that does
// not answer is Unavailable.
func (s *KubernetesClusterService) Refresh(ctx context.Context, owner, name string) (models.ClusterMetadata, error) {
	c, err := s.store.ByName(ctx, owner, name)
	if err != nil {
		return models.ClusterMetadata{}, err
	}
	if c, err = s.check(ctx, c, true); err != nil {
		return models.ClusterMetadata{}, err
	}
	if c.Status != models.ClusterConnected {
		return models.ClusterMetadata{}, &models.Error{
			Op: "services.KubernetesClusterService.Refresh", Kind: models.Unavailable, Msg: c.LastError,
		}
	}
	return c.Metadata, nil
}

// CheckHealth tests c for background work and stores the outcome, reading its
// metadata again when that is old. A failed test is no error. When ctx ends
// first, nothing has been found out and nothing is stored.
func (s *KubernetesClusterService) CheckHealth(ctx context.Context, c models.Cluster) error {
	_, err := s.examine(ctx, c, s.now().Sub(c.Metadata.LastUpdated) > clusterFactsAge)
	return err
}

// check is examine for a person, who may go away without ending it.
func (s *KubernetesClusterService) check(ctx context.Context, c models.Cluster, describe bool) (models.Cluster, error) {
	return s.examine(context.WithoutCancel(ctx), c, describe)
}

// examine tests c, reads its metadata when asked to, stores the outcome and
// returns c with it.
func (s *KubernetesClusterService) examine(ctx context.Context, c models.Cluster, describe bool) (models.Cluster, error) {
	h := models.ClusterHealth{CredentialVersion: c.CredentialVersion}
	probing, cancel := context.WithTimeout(ctx, clusterTestTime)
	defer cancel()
	var err error
	h.Metadata, err = s.probe(probing, c, describe)
	if ctx.Err() != nil {
		return c, ctx.Err()
	}
	h.At = s.now().UTC()
	h.Status, h.Error = healthOf(err)
	if h.Error != c.LastError {
		s.log.InfoContext(ctx, "cluster changed its state", "cluster", c.ID, "status", h.Status, "reason", h.Error)
	}
	c.Status, c.LastError, c.LastCheck = h.Status, h.Error, &h.At
	if h.Metadata != nil {
		c.Metadata = *h.Metadata
	}
	// What was found is stored, also when the server begins to stop.
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), clusterTestTime)
	defer done()
	return c, s.store.SetHealth(ctx, c.ID, h)
}

// probe returns metadata only when it could be read completely; that it could
// not is no failure of the cluster.
func (s *KubernetesClusterService) probe(ctx context.Context, c models.Cluster, describe bool) (*models.ClusterMetadata, error) {
	conn, err := s.connection(c)
	if err != nil {
		return nil, err
	}
	if err := conn.Test(ctx); err != nil || !describe {
		return nil, err
	}
	facts, err := conn.Describe(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "cluster metadata could not be read", "cluster", c.ID, "reason", kubernetes.Translate(err).Message)
		return nil, nil
	}
	return clusterMetadata(facts, s.now().UTC()), nil
}

// healthOf words an outcome: disconnected when the cluster is out of reach,
// error when it answers but something is wrong.
func healthOf(err error) (status, message string) {
	if err == nil {
		return models.ClusterConnected, ""
	}
	switch kubernetes.ReasonOf(err) {
	case kubernetes.Unreachable, kubernetes.Timeout, kubernetes.Busy:
		return models.ClusterDisconnected, clusterMessage(err)
	default:
		return models.ClusterError, clusterMessage(err)
	}
}

func clusterMetadata(f kubernetes.Facts, at time.Time) *models.ClusterMetadata {
	m := models.ClusterMetadata{
		Version: f.Version, Platform: f.Platform, Provider: f.Provider, Region: f.Region,
		NodeCount: f.NodeCount, CPUCapacity: f.CPUCapacity, MemoryCapacity: f.MemoryCapacity,
		StorageClasses: f.StorageClasses, Namespaces: f.Namespaces, Capabilities: f.Capabilities,
		LastUpdated: at,
	}
	withLists(&m)
	return &m
}

func emptyMetadata() (m models.ClusterMetadata) {
	withLists(&m)
	return m
}

// withLists makes absent lists empty: a browser calls their methods.
func withLists(m *models.ClusterMetadata) {
	for _, list := range []*[]string{&m.StorageClasses, &m.Namespaces, &m.Capabilities} {
		if *list == nil {
			*list = []string{}
		}
	}
}
