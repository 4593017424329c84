package resource

import (
	"context"
	"sync"

	"github.com/kubeorch/core/models"
)

// maxChecks is how many changed clusters wait for Run. Beyond that all holds are
// checked.
const maxChecks = 64

// hold is somebody's use of a resource over some time.
type hold struct {
	userID, id string
	action     models.ClusterAction
	clusterID  string
	end        context.CancelCauseFunc
}

// holds are the uses that are going on.
type holds struct {
	mu     sync.Mutex
	open   map[*hold]struct{}
	checks chan string // ids of clusters to which access has changed
	all    bool        // checks was full
}

// Hold is Object for work that goes on for some time: the context that it returns ends
// with an error as its cause as soon as the access does. release must be called.
func (s *Service) Hold(
	ctx context.Context, userID, id string, action models.ClusterAction,
) (r models.Resource, held context.Context, release context.CancelFunc, err error) {
	h := &hold{userID: userID, id: id, action: action}
	held, h.end = context.WithCancelCause(ctx)
	// It is entered before the access is read, so that no change falls in between.
	s.holds.mu.Lock()
	s.holds.open[h] = struct{}{}
	s.holds.mu.Unlock()
	release = func() {
		s.holds.mu.Lock()
		delete(s.holds.open, h)
		s.holds.mu.Unlock()
		h.end(nil)
	}
	if r, err = s.Object(ctx, userID, id, action); err != nil {
		release()
		return models.Resource{}, nil, nil, err
	}
	s.holds.mu.Lock()
	h.clusterID = r.ClusterID
	s.holds.mu.Unlock()
	return r, held, release, nil
}

// AccessChanged has the holds on a cluster checked by Run; an empty id stands for each
// cluster. It does not block.
func (s *Service) AccessChanged(_ context.Context, clusterID string) {
	select {
	case s.holds.checks <- clusterID:
	default:
		s.holds.mu.Lock()
		s.holds.all = true
		s.holds.mu.Unlock()
	}
}

// Run ends holds whose users have lost their access, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case id := <-s.holds.checks:
			s.checkHolds(ctx, id)
		}
	}
}

func (s *Service) checkHolds(ctx context.Context, clusterID string) {
	s.holds.mu.Lock()
	all := s.holds.all || clusterID == ""
	s.holds.all = false
	var there []*hold
	for h := range s.holds.open {
		// One that is being opened may have read the access before it changed.
		if all || h.clusterID == clusterID || h.clusterID == "" {
			there = append(there, h)
		}
	}
	s.holds.mu.Unlock()
	for _, h := range there {
		// An error of the database ends nothing: it says nothing about the access.
		if _, err := s.Object(ctx, h.userID, h.id, h.action); err != nil && models.LostAccess(err) {
			h.end(err)
		}
	}
}
