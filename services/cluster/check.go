package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

// Test asks a cluster whether it answers and accepts the credentials, for up
// to 10 s, and stores the outcome. A failed test is no error.
func (s *Service) Test(ctx context.Context, owner, name string) (models.ClusterTest, error) {
	g, err := s.deps.Access.Require(ctx, owner, name, models.ClusterProbe)
	if err != nil {
		return models.ClusterTest{}, err
	}
	c, err := s.CheckSingleCluster(ctx, g.Cluster, false)
	if err != nil {
		return models.ClusterTest{}, err
	}
	t := models.ClusterTest{Cluster: c.Name, Status: c.Status, Message: c.LastError}
	e := models.ClusterLogEntry{
		ClusterID: c.ID, Action: models.ClusterLogTested, Success: t.OK(), Error: t.Message,
		Message: "the cluster was tested and answers", Details: map[string]string{"status": t.Status},
	}
	if !t.OK() {
		e.Message = "the cluster was tested and the test failed"
	}
	s.deps.Entries.Add(ctx, e)
	return t, nil
}

// Refresh reads a cluster's metadata again and stores it. A cluster that does
// not answer is Unavailable.
func (s *Service) Refresh(ctx context.Context, owner, name string) (models.ClusterMetadata, error) {
	g, err := s.deps.Access.Require(ctx, owner, name, models.ClusterProbe)
	if err != nil {
		return models.ClusterMetadata{}, err
	}
	c, err := s.CheckSingleCluster(ctx, g.Cluster, true)
	if err != nil {
		return models.ClusterMetadata{}, err
	}
	if c.Status != models.ClusterConnected {
		return models.ClusterMetadata{}, &models.Error{
			Op: "cluster.Service.Refresh", Kind: models.Unavailable, Msg: c.LastError,
		}
	}
	return viewOf(models.ClusterGrant{
		Cluster: c, Role: g.Role, Namespaces: g.Namespaces,
	}, models.Person{}).Metadata, nil
}

// CheckSingleCluster tests c for a person, reads its metadata if describe is
// set, stores the outcome and returns c with it. A failed test is no error;
// Status and LastError tell. Simultaneous checks of a cluster share one,
// including those in the background. The check goes on when ctx ends, for up to
// 10 s, so that the status is settled. It also resets the pauses between the
// background checks of a dead cluster.
func (s *Service) CheckSingleCluster(ctx context.Context, c models.Cluster, describe bool) (models.Cluster, error) {
	ctx = context.WithoutCancel(ctx)
	f := s.checks.do(ctx, c, describe, func() checkResult { return s.check(ctx, c, checkOptions{describe: describe}) })
	return f.cluster, f.err
}

// CheckHealth tests a cluster in the background. The outcome is stored if it
// differs from what is stored already; otherwise the caller stores the time of
// the check. A failed test is no error. When ctx ends first, nothing is stored.
func (s *Service) CheckHealth(ctx context.Context, id string, p models.ProbeOptions) (models.ClusterCheck, error) {
	c, err := s.deps.Store.ByID(ctx, id)
	if models.KindOf(err) == models.NotFound {
		return models.ClusterCheck{Skipped: true}, nil
	}
	if err != nil {
		return models.ClusterCheck{}, err
	}
	old := s.now().Sub(c.Metadata.LastUpdated) > metadataAge
	describing := old && p.QuickTimeout == 0 && c.Status == models.ClusterConnected
	if c.LastCheck != nil && !describing {
		// The clock of the server that checked it may be ahead.
		if age := s.now().Sub(*c.LastCheck); age >= 0 && age < p.SkipWithin {
			return models.ClusterCheck{Cluster: c, Skipped: true}, nil
		}
	}
	o := checkOptions{background: true, quick: p.QuickTimeout, describe: old && p.QuickTimeout == 0, wanted: p.Wanted}
	f := s.checks.do(ctx, c, o.describe, func() checkResult { return s.check(ctx, c, o) })
	if errors.Is(f.err, errSlowCluster) {
		return models.ClusterCheck{Cluster: c, More: true, Stored: true}, nil
	}
	if errors.Is(f.err, errUnwanted) {
		return models.ClusterCheck{Cluster: c, Skipped: true}, nil
	}
	more := old && !f.described && f.cluster.Status == models.ClusterConnected
	return models.ClusterCheck{Cluster: f.cluster, More: more, Stored: f.stored || f.err != nil}, f.err
}

// checkOptions says how a cluster is checked.
type checkOptions struct {
	describe   bool          // read its metadata
	background bool          // count failures
	quick      time.Duration // wait this long only, and take silence for no outcome
	wanted     func() bool   // asked before the outcome is used; nil: it always is
}

// errSlowCluster ends a quick check without an outcome.
var errSlowCluster = errors.New("the cluster did not answer at once")

// errUnwanted ends a check whose outcome another server is to find.
var errUnwanted = errors.New("another server checks the cluster by now")

// check tests c, stores the outcome and returns c with it.
func (s *Service) check(ctx context.Context, c models.Cluster, o checkOptions) checkResult {
	wait := s.testTime
	if o.quick > 0 {
		wait = o.quick
	}
	at := s.checkTime(c)
	probing, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	metadata, err := s.probe(probing, c, o.describe)
	switch {
	case ctx.Err() != nil:
		return checkResult{cluster: c, err: ctx.Err()}
	case err != nil && o.quick > 0 && probing.Err() != nil:
		return checkResult{cluster: c, err: errSlowCluster}
	case o.wanted != nil && !o.wanted():
		return checkResult{cluster: c, err: errUnwanted}
	}
	h := models.ClusterHealth{CredentialVersion: c.CredentialVersion, At: at, Metadata: metadata}
	if h.Status, h.Error = healthOf(err); err != nil && o.background {
		h.Failures = c.Failures + 1
	}
	asStored := o.background && err == nil && metadata == nil && c.Status == h.Status && c.LastError == "" && c.LastCheck != nil
	c.Status, c.LastError, c.LastCheck, c.Failures = h.Status, h.Error, &h.At, h.Failures
	if metadata != nil {
		c.Metadata = *metadata
	}
	out := checkResult{cluster: c, described: o.describe, stored: !asStored}
	if !asStored {
		out.err = s.record(ctx, c, h)
	}
	return out
}

// checkTime returns the time of a check of c that begins now. It is not the end: of
// two servers that check at the same time, the one that began later knows better.
// Nor is it before the last check, since the clocks of servers differ.
func (s *Service) checkTime(c models.Cluster) time.Time {
	now := s.now().UTC()
	if c.LastCheck != nil && c.LastCheck.After(now) {
		return *c.LastCheck
	}
	return now
}

// record stores an outcome, also while the server stops, and tells the listeners
// when the state is another one.
func (s *Service) record(ctx context.Context, c models.Cluster, h models.ClusterHealth) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), testTime)
	defer done()
	was, changed, err := s.deps.Store.SetHealth(ctx, c.ID, h)
	if changed {
		s.deps.Log.InfoContext(ctx, "cluster changed its state", "cluster", c.ID, "status", h.Status, "reason", h.Error)
		for _, l := range s.deps.Listeners {
			l.Changed(ctx, c, was)
		}
	}
	return err
}

// probe tests c and reads its metadata if describe is set. Metadata that cannot
// be read completely is nil, and no failure of the cluster.
func (s *Service) probe(ctx context.Context, c models.Cluster, describe bool) (*models.ClusterMetadata, error) {
	conn, err := s.connection(c)
	if err != nil {
		return nil, err
	}
	if err := conn.Test(ctx); err != nil || !describe {
		return nil, err
	}
	facts, err := conn.Describe(ctx)
	if err != nil {
		s.deps.Log.WarnContext(ctx, "cluster metadata could not be read", "cluster", c.ID, "reason", kubernetes.Translate(err).Message)
		return nil, nil
	}
	return metadata(facts, s.now().UTC()), nil
}

// healthOf words an outcome: disconnected when the cluster is out of reach,
// error when it answers but something is wrong.
func healthOf(err error) (status, message string) {
	if err == nil {
		return models.ClusterConnected, ""
	}
	switch kubernetes.ReasonOf(err) {
	case kubernetes.Unreachable, kubernetes.Timeout, kubernetes.Busy:
		return models.ClusterDisconnected, models.MessageOf(err)
	default:
		return models.ClusterError, models.MessageOf(err)
	}
}

func metadata(f kubernetes.Facts, at time.Time) *models.ClusterMetadata {
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

// withLists makes absent lists empty: pages call their methods.
func withLists(m *models.ClusterMetadata) {
	for _, list := range []*[]string{&m.StorageClasses, &m.Namespaces, &m.Capabilities} {
		if *list == nil {
			*list = []string{}
		}
	}
}
