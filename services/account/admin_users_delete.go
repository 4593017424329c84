package account

import (
	"context"
	"fmt"
	"strings"

	"github.com/kubeorch/core/models"
)

// Owned returns what an account owns and somebody has to decide about before
// it can be deleted.
func (s *AdminUsers) Owned(ctx context.Context, id string) (models.Owned, error) {
	if _, err := s.store.ByID(ctx, id); err != nil {
		return models.Owned{}, err
	}
	return s.owned(ctx, id)
}

func (s *AdminUsers) owned(ctx context.Context, id string) (o models.Owned, err error) {
	if o.Workflows, err = s.estate.Workflows.Owned(ctx, id, ownedListed); err != nil {
		return o, err
	}
	o.Clusters, err = s.estate.Clusters.Owned(ctx, id, ownedListed)
	return o, err
}

// Delete deletes an account and does with what it owns as d says; the answer
// tells in words. What stands in the way is a Conflict: the last active
// administrator, runs that go on, things that nobody decided about, a cluster
// whose name the new owner uses. A deletion that was interrupted leaves a
// disabled account, of which it can be repeated. No cluster is touched.
func (s *AdminUsers) Delete(ctx context.Context, id string, d models.UserDeletion) (message string, err error) {
	u, err := s.store.ByID(ctx, id)
	if err != nil {
		return "", err
	}
	models.NoteForAudit(ctx, "user_id", u.ID)
	models.NoteForAudit(ctx, "email", u.Email)
	owned, err := s.checkDeletion(ctx, u, d)
	if err != nil {
		return "", err
	}
	if d.Owned != "" {
		models.NoteForAudit(ctx, "owned", d.Owned)
	}
	if d.Owned == models.OwnedTransfer {
		models.NoteForAudit(ctx, "transfer_to", d.TransferTo)
	}
	if !u.Deleting {
		if err := s.beginDeletion(ctx, u); err != nil {
			return "", err
		}
	}
	for _, part := range s.estate.Owned {
		if d.Owned == models.OwnedTransfer {
			err = part.Transfer(ctx, id, d.TransferTo)
		} else {
			err = part.Delete(ctx, id)
		}
		if err != nil {
			return "", err
		}
	}
	for _, part := range s.estate.Personal {
		if err := part.Delete(ctx, id); err != nil {
			return "", err
		}
	}
	if err := s.store.Remove(ctx, id, s.now()); err != nil {
		return "", err
	}
	return deletionMessage(owned, d), nil
}

// checkDeletion finds what stands in the way before anything is changed.
func (s *AdminUsers) checkDeletion(ctx context.Context, u models.User, d models.UserDeletion) (models.Owned, error) {
	const op = "account.AdminUsers.Delete"
	var p models.Problems
	switch d.Owned {
	case "", models.OwnedDelete, models.OwnedTransfer:
	default:
		p.Addf("owned", "must be %s or %s", models.OwnedDelete, models.OwnedTransfer)
	}
	if d.Owned == models.OwnedTransfer {
		if err := s.checkHeir(ctx, &p, u.ID, d.TransferTo); err != nil {
			return models.Owned{}, err
		}
	}
	if err := p.Err(op); err != nil {
		return models.Owned{}, err
	}
	owned, err := s.owned(ctx, u.ID)
	if err != nil {
		return owned, err
	}
	if d.Owned == "" && !owned.None() {
		msg := fmt.Sprintf("the account owns %s; say with owned=delete or owned=transfer&transferTo=<user id> what is to become of them", ownedText(owned))
		return owned, &models.Error{Op: op, Kind: models.Conflict, Msg: msg, Extra: owned}
	}
	if d.Owned == models.OwnedTransfer {
		if err := s.checkNames(ctx, u.ID, d.TransferTo); err != nil {
			return owned, err
		}
	}
	return owned, s.checkRuns(ctx, u.ID, "")
}

// checkHeir finds out whether what the account has may go to the user to.
func (s *AdminUsers) checkHeir(ctx context.Context, p *models.Problems, from, to string) error {
	if to == "" || to == from {
		p.Addf("transferTo", "must be the id of another user")
		return nil
	}
	heir, err := s.store.ByID(ctx, to)
	switch {
	case err != nil && models.KindOf(err) == models.NotFound:
		p.Addf("transferTo", "must be the id of another user")
		return nil
	case err == nil && heir.Disabled:
		p.Addf("transferTo", "must not be disabled")
	}
	return err
}

// checkNames finds clusters that the new owner could not tell apart.
func (s *AdminUsers) checkNames(ctx context.Context, from, to string) error {
	theirs, err := s.estate.Clusters.List(ctx, to)
	if err != nil {
		return err
	}
	taken := make(map[string]bool, len(theirs))
	for _, c := range theirs {
		taken[c.Name] = true
	}
	given, err := s.estate.Clusters.List(ctx, from)
	if err != nil {
		return err
	}
	var clashes []string
	for _, c := range given {
		if taken[c.Name] {
			clashes = append(clashes, c.Name)
		}
	}
	if len(clashes) == 0 {
		return nil
	}
	return conflict("account.AdminUsers.Delete", "the new owner has clusters of the same name already: "+strings.Join(clashes, ", "), nil)
}

func (s *AdminUsers) checkRuns(ctx context.Context, id, more string) error {
	n, err := s.estate.Runs.CountRunning(ctx, id)
	if err == nil && n > 0 {
		msg := fmt.Sprintf("%d runs of the account's workflows go on; wait for their end or cancel them%s", n, more)
		err = conflict("account.AdminUsers.Delete", msg, nil)
	}
	return err
}

// beginDeletion shuts the account, so that it gets nothing new, and then marks
// that there is no way back.
func (s *AdminUsers) beginDeletion(ctx context.Context, u models.User) error {
	on := true
	if _, err := s.change(ctx, u.ID, models.AccountChange{Disabled: &on, EndSessions: true, At: s.now()}); err != nil {
		return err
	}
	if err := s.checkRuns(ctx, u.ID, "; the account is disabled now, so repeat the deletion then"); err != nil {
		return err
	}
	// Shut once more: somebody may have enabled it meanwhile.
	_, err := s.change(ctx, u.ID, models.AccountChange{Disabled: &on, Deleting: &on, EndSessions: true, At: s.now()})
	return err
}

func ownedText(o models.Owned) string {
	return fmt.Sprintf("%d workflows and %d clusters", o.Workflows.Count, o.Clusters.Count)
}

func deletionMessage(o models.Owned, d models.UserDeletion) string {
	switch {
	case o.None():
		return "the account was deleted"
	case d.Owned == models.OwnedTransfer:
		return fmt.Sprintf("the account was deleted; its %s belong to their new owner", ownedText(o))
	}
	return fmt.Sprintf("the account was deleted with its %s; what the workflows made in clusters stays there", ownedText(o))
}
