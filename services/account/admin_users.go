package account

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kubeorch/core/models"
)

const (
	maxUserSearch = 100 // characters
	// maxOwnedListed bounds the names in the answer of Owned, for each kind.
	maxOwnedListed = 100
)

type managedReader interface {
	ByID(ctx context.Context, id string) (models.User, error)
	Page(ctx context.Context, q models.UserQuery) (list []models.User, total int64, err error)
}

type managedWriter interface {
	Change(ctx context.Context, id string, c models.AccountChange) (models.User, error)
	Remove(ctx context.Context, id string, at time.Time) error
}

// adminDemotions demotes administrators, never the last one.
type adminDemotions interface {
	MarkStepDown(ctx context.Context, id, mark string, at time.Time) (bool, error)
	CountAdmins(ctx context.Context) (stay, leave int64, err error)
	StepDown(ctx context.Context, id, mark string, c models.AccountChange) (models.User, error)
	ClearStepDown(ctx context.Context, mark string, before time.Time) error
}

// managedStore keeps the accounts.
type managedStore interface {
	managedReader
	managedWriter
	adminDemotions
}

// accountSessions ends sessions and cached identities of accounts.
type accountSessions interface {
	EndAccount(ctx context.Context, userID string) error
	Forget(userID string)
}

// AdminUsers lists, changes, disables and deletes accounts. The loss of rights
// takes effect at once, see Sessions. One active administrator remains, whatever
// several of them do at the same moment. It is safe for concurrent use, also by
// several servers on one database.
type AdminUsers struct {
	store    managedStore
	sessions accountSessions
	owned    OwnedResources
	now      func() time.Time
}

// NewAdminUsers returns the service over store. owned is deleted or transferred
// with an account.
func NewAdminUsers(store managedStore, sessions accountSessions, owned OwnedResources) *AdminUsers {
	return &AdminUsers{store, sessions, owned, models.Now}
}

// List returns a page of the accounts, the newest first.
func (s *AdminUsers) List(ctx context.Context, q models.UserQuery) (models.UserPage, error) {
	q.Search = strings.TrimSpace(q.Search)
	var p models.Problems
	switch {
	case len([]rune(q.Search)) > maxUserSearch:
		p.Addf("search", "must have at most %d characters", maxUserSearch)
	case !utf8.ValidString(q.Search) || strings.ContainsFunc(q.Search, unicode.IsControl):
		p.Addf("search", "must be text without control characters")
	}
	if q.Role != "" {
		checkRole(&p, q.Role)
	}
	if q.Status != "" && q.Status != models.UserActive && q.Status != models.UserDisabled {
		p.Addf("status", "must be %s or %s", models.UserActive, models.UserDisabled)
	}
	if err := p.Err("account.AdminUsers.List"); err != nil {
		return models.UserPage{}, err
	}
	list, total, err := s.store.Page(ctx, q)
	if err != nil {
		return models.UserPage{}, err
	}
	page := models.UserPage{Users: make([]models.ManagedUser, len(list)), Total: total, Page: q.Page, Limit: q.Limit}
	for i, u := range list {
		page.Users[i] = managedUser(u)
	}
	return page, nil
}

// Get returns an account, or NotFound.
func (s *AdminUsers) Get(ctx context.Context, id string) (models.ManagedUser, error) {
	u, err := s.store.ByID(ctx, id)
	if err != nil {
		return models.ManagedUser{}, err
	}
	return managedUser(u), nil
}

// SetRole changes the role of an account. The last active administrator keeps
// it: that is a Conflict.
func (s *AdminUsers) SetRole(ctx context.Context, id string, in models.RoleInput) (models.ManagedUser, error) {
	var p models.Problems
	checkRole(&p, in.Role)
	if err := p.Err("account.AdminUsers.SetRole"); err != nil {
		return models.ManagedUser{}, err
	}
	models.NoteForAudit(ctx, "role", in.Role)
	u, err := s.change(ctx, id, models.AccountChange{Role: &in.Role, EndSessions: in.Role != models.RoleAdmin, At: s.now()})
	return managedUser(u), err
}

// Disable keeps an account from signing in and ends its sessions. Disabling the
// last active administrator is a Conflict.
func (s *AdminUsers) Disable(ctx context.Context, id string) (models.ManagedUser, error) {
	on := true
	u, err := s.change(ctx, id, models.AccountChange{Disabled: &on, EndSessions: true, At: s.now()})
	return managedUser(u), err
}

// Enable lets an account sign in again. An account whose deletion has begun is
// a Conflict.
func (s *AdminUsers) Enable(ctx context.Context, id string) (models.ManagedUser, error) {
	off := false
	u, err := s.change(ctx, id, models.AccountChange{Disabled: &off, At: s.now()})
	return managedUser(u), err
}

func checkRole(p *models.Problems, role string) {
	if role != models.RoleAdmin && role != models.RoleUser {
		p.Addf("role", "must be %s or %s", models.RoleAdmin, models.RoleUser)
	}
}

func managedUser(u models.User) models.ManagedUser {
	m := models.ManagedUser{UserView: userView(u), Status: models.UserActive, Deleting: u.Deleting, UpdatedAt: u.UpdatedAt}
	if u.Disabled {
		m.Status = models.UserDisabled
	}
	return m
}
