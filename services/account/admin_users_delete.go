package account

import (
	"context"
	"fmt"
	"strings"

	"github.com/kubeorch/core/models"
)

// Owned lists the workflows and clusters of an account. A deletion has to say
// what becomes of them.
func (s *AdminUsers) Owned(ctx context.Context, id string) (models.Owned, error) {
	if _, err := s.store.ByID(ctx, id); err != nil {
		return models.Owned{}, err
	}
	return s.listOwned(ctx, id)
}

func (s *AdminUsers) listOwned(ctx context.Context, id string) (o models.Owned, err error) {
	if o.Workflows, err = s.owned.Workflows.Owned(ctx, id, maxOwnedListed); err != nil {
		return o, err
	}
	o.Clusters, err = s.owned.Clusters.Owned(ctx, id, maxOwnedListed)
	return o, err
}

// Delete deletes an account and deletes or transfers what it owns, as d says. The
// message tells what was done. It is a Conflict for the last active administrator,
// while runs are in progress, when d leaves open what becomes of owned resources,
// and when the new owner has a cluster of the same name. An interrupted deletion
// leaves a disabled account and can be repeated. It changes no cluster.
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
	for _, part := range s.owned.Transferable {
		if d.Owned == models.OwnedTransfer {
			err = part.Transfer(ctx, id, d.TransferTo)
		} else {
			err = part.Delete(ctx, id)
		}
		if err != nil {
			return "", err
		}
	}
	for _, part := range s.owned.Personal {
		if err := part.Delete(ctx, id); err != nil {
			return "", err
		}
	}
	if err := s.store.Remove(ctx, id, s.now()); err != nil {
		return "", err
	}
	return deletionMessage(owned, d), nil
}

// checkDeletion returns why a deletion is refused, before anything is changed.
func (s *AdminUsers) checkDeletion(ctx context.Context, u models.User, d models.UserDeletion) (models.Owned, error) {
	const op = "account.AdminUsers.Delete"
	var p models.Problems
	switch d.Owned {
	case "", models.OwnedDelete, models.OwnedTransfer:
	default:
		p.Addf("owned", "must be %s or %s", models.OwnedDelete, models.OwnedTransfer)
	}
	if d.Owned == models.OwnedTransfer {
		if err := s.checkNewOwner(ctx, &p, u.ID, d.TransferTo); err != nil {
			return models.Owned{}, err
		}
	}
	if err := p.Err(op); err != nil {
		return models.Owned{}, err
	}
	owned, err := s.listOwned(ctx, u.ID)
	if err != nil {
		return owned, err
	}
	if d.Owned == "" && !owned.None() {
		msg := fmt.Sprintf("the account owns %s; add owned=delete, or owned=transfer&transferTo=<user id>", ownedText(owned))
		return owned, &models.Error{Op: op, Kind: models.Conflict, Msg: msg, Extra: owned}
	}
	if d.Owned == models.OwnedTransfer {
		if err := s.checkNames(ctx, u.ID, d.TransferTo); err != nil {
			return owned, err
		}
	}
	return owned, s.checkRuns(ctx, u.ID, "")
}

// checkNewOwner reports in p why resources cannot be transferred to the user to.
func (s *AdminUsers) checkNewOwner(ctx context.Context, p *models.Problems, from, to string) error {
	if to == "" || to == from {
		p.Addf("transferTo", "must be the id of another user")
		return nil
	}
	newOwner, err := s.store.ByID(ctx, to)
	switch {
	case err != nil && models.KindOf(err) == models.NotFound:
		p.Addf("transferTo", "must be the id of another user")
		return nil
	case err == nil && newOwner.Disabled:
		p.Addf("transferTo", "must not be disabled")
	}
	return err
}

// checkNames is a Conflict when both accounts have clusters of the same name.
func (s *AdminUsers) checkNames(ctx context.Context, from, to string) error {
	theirs, err := s.owned.Clusters.List(ctx, to)
	if err != nil {
		return err
	}
	taken := make(map[string]bool, len(theirs))
	for _, c := range theirs {
		taken[c.Name] = true
	}
	given, err := s.owned.Clusters.List(ctx, from)
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
	n, err := s.owned.Runs.CountRunning(ctx, id)
	if err == nil && n > 0 {
		msg := fmt.Sprintf("%d runs of the account's workflows are in progress; wait for their end or cancel them%s", n, more)
		err = conflict("account.AdminUsers.Delete", msg, nil)
	}
	return err
}

// beginDeletion disables the account, so that it gets nothing new, and then marks
// it as being deleted, which cannot be undone.
func (s *AdminUsers) beginDeletion(ctx context.Context, u models.User) error {
	on := true
	if _, err := s.change(ctx, u.ID, models.AccountChange{Disabled: &on, EndSessions: true, At: s.now()}); err != nil {
		return err
	}
	if err := s.checkRuns(ctx, u.ID, "; the account is disabled now, so repeat the deletion then"); err != nil {
		return err
	}
	// Disable it once more: somebody may have enabled it meanwhile.
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
