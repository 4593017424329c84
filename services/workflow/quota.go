package workflow

import (
	"context"
	"fmt"

	"github.com/kubeorch/core/models"
)

// usageStore tells how much accounts have stored.
type usageStore interface {
	Usage(ctx context.Context, owner string) (models.AccountUsage, error)
	AddHistoryBytes(ctx context.Context, workflowID string, n int64) error
}

// quota refuses what exceeds the limits of an account.
type quota struct {
	usage  usageStore
	limits models.AccountLimits
}

// checkBytes is InsufficientStorage when an account has used up its storage.
func (q quota) checkBytes(ctx context.Context, owner string) error {
	if q.limits.StoredBytes == 0 {
		return nil
	}
	u, err := q.usage.Usage(ctx, owner)
	if err == nil && u.StoredBytes >= q.limits.StoredBytes {
		err = &models.Error{
			Op: "workflow.quota", Kind: models.InsufficientStorage,
			Msg: fmt.Sprintf("the storage of this account is full: %d of %d MB; delete workflows or versions first",
				u.StoredBytes>>20, q.limits.StoredBytes>>20),
		}
	}
	return err
}

// checkWorkflows is a Conflict when an account has more than most workflows.
func (q quota) checkWorkflows(ctx context.Context, owner string, most int) error {
	if q.limits.Workflows == 0 {
		return nil
	}
	u, err := q.usage.Usage(ctx, owner)
	if err == nil && u.Workflows > int64(most) {
		err = &models.Error{
			Op: "workflow.quota", Kind: models.Conflict,
			Msg: fmt.Sprintf("an account can have %d workflows; delete one first", q.limits.Workflows),
		}
	}
	return err
}

// versionAdder stores and counts versions.
type versionAdder interface {
	Add(ctx context.Context, v models.Version) (models.Version, error)
	Count(ctx context.Context, workflowID string) (int64, error)
}

// History stores versions within the limits of their accounts. It is safe for
// concurrent use.
type History struct {
	store versionAdder
	quota quota
}

// NewHistory returns a history in store. The size of versions is counted in usage.
func NewHistory(store versionAdder, usage usageStore, limits models.AccountLimits) History {
	return History{store, quota{usage, limits}}
}

// Add stores a version, if check allows it.
func (h History) Add(ctx context.Context, v models.Version) (models.Version, error) {
	if err := h.check(ctx, v); err != nil {
		return v, err
	}
	v, err := h.store.Add(ctx, v)
	if err != nil {
		return v, err
	}
	return v, h.quota.usage.AddHistoryBytes(ctx, v.WorkflowID, v.Bytes)
}

// check is InsufficientStorage when the storage of the account is full, and a
// Conflict when the workflow has too many versions. Versions that runs take are
// not counted: Retention deletes them.
func (h History) check(ctx context.Context, v models.Version) error {
	if err := h.quota.checkBytes(ctx, v.CreatedBy); err != nil {
		return err
	}
	most := int64(h.quota.limits.Versions)
	if most == 0 || v.IsAutomatic {
		return nil
	}
	n, err := h.store.Count(ctx, v.WorkflowID)
	if err == nil && n >= most {
		err = &models.Error{
			Op: "workflow.History.Add", Kind: models.Conflict,
			Msg: fmt.Sprintf("a workflow can have %d versions; delete one first", most),
		}
	}
	return err
}
