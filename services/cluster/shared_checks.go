package cluster

import (
	"context"

	"golang.org/x/sync/singleflight"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/panics"
)

// sharedChecks lets simultaneous checks of one cluster share one. The zero value
// is ready for use.
type sharedChecks struct{ group singleflight.Group }

// checkResult is the outcome of a check.
type checkResult struct {
	cluster   models.Cluster
	described bool // the metadata was read as well
	stored    bool
	err       error
}

// do runs check, or waits for a running check of the same cluster and takes its
// result if that covers the request. When ctx ends first, do returns its error.
// A panic in check becomes an error.
func (s *sharedChecks) do(ctx context.Context, c models.Cluster, describe bool, check func() checkResult) checkResult {
	for {
		own := false
		done := s.group.DoChan(c.ID, func() (any, error) {
			own = true
			res := checkResult{cluster: c}
			if err := panics.ToError(func() error { res = check(); return nil }); err != nil {
				res.err = err
			}
			return res, nil
		})
		select {
		case out := <-done:
			if res, _ := out.Val.(checkResult); own || res.covers(c, describe) {
				return res
			}
		case <-ctx.Done():
			return checkResult{cluster: c, err: ctx.Err()}
		}
	}
}

// covers reports whether r answers a request to check c that is made now. A
// check that was broken off answers nobody else.
func (r checkResult) covers(c models.Cluster, describe bool) bool {
	return r.err == nil && r.cluster.CredentialVersion >= c.CredentialVersion && (r.described || !describe)
}
