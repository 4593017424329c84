package account

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
	"github.com/kubeorch/core/utils"
)

const (
	inviteHours    = 7 * 24
	maxInviteHours = 365 * 24
	maxInviteNote  = 500 // characters
	maxInviteCode  = 64  // bytes; ours have 26
)

// personalInvites stores invites for one person each.
type personalInvites interface {
	usableInvites
	Insert(ctx context.Context, i models.Invite) error
	List(ctx context.Context, page, limit int) ([]models.Invite, int64, error)
	Revoke(ctx context.Context, id string, now time.Time) (models.Invite, error)
}

// usableInvites finds invites by the hash of their code, and uses them.
type usableInvites interface {
	ByCode(ctx context.Context, hash string) (models.Invite, error)
	Use(ctx context.Context, id, userID string, now time.Time) error
	GiveBack(ctx context.Context, id, userID string) error
}

// inviters reads accounts.
type inviters interface {
	ByID(ctx context.Context, id string) (models.User, error)
	ByEmail(ctx context.Context, email string) (models.User, error)
}

// InviteDeps is what Invites works with.
type InviteDeps struct {
	Store       personalInvites
	People      inviters
	Codes       *Settings // the shared code
	Rules       AuthRules
	Failures    Failures
	FrontendURL string
	Now         func() time.Time
}

// Invites decides who may sign up: people with the shared code or with a personal
// invite. It is safe for concurrent use.
type Invites struct {
	deps     InviteDeps
	failed   delays        // by network
	checking chan struct{} // holds one place: one check of the shared code at a time
}

// NewInvites returns a service over what is stored.
func NewInvites(d InviteDeps) *Invites {
	backoff := limit.Backoff{Free: 5, Initial: time.Second, Max: 15 * time.Minute, ResetAfter: time.Hour}
	return &Invites{d, d.Failures("invite", backoff), make(chan struct{}, 1)}
}

// Create makes an invite in the name of by. Only this answer holds the code.
func (s *Invites) Create(ctx context.Context, by models.Identity, in models.InviteInput) (models.CreatedInvite, error) {
	const op = "account.Invites.Create"
	in.Email, in.Note = utils.NormalEmail(in.Email), strings.TrimSpace(in.Note)
	if err := s.problems(in).Err(op); err != nil {
		return models.CreatedInvite{}, err
	}
	if err := s.checkUsable(ctx, in.Email); err != nil {
		return models.CreatedInvite{}, err
	}
	hours := inviteHours
	if in.ExpiresInHours != nil {
		hours = *in.ExpiresInHours
	}
	if in.Role == "" {
		in.Role = models.RoleUser
	}
	now := models.StoredTime(s.deps.Now())
	code := rand.Text() // 130 bits
	i := models.Invite{
		ID: models.NewID(), CodeHash: hashSecret(code), Email: in.Email, Role: in.Role, Note: in.Note,
		CreatedAt: now, CreatedBy: by.UserID, ExpiresAt: now.Add(time.Duration(hours) * time.Hour),
	}
	if err := s.deps.Store.Insert(ctx, i); err != nil {
		return models.CreatedInvite{}, err
	}
	models.NoteForAudit(ctx, "invite_id", i.ID)
	models.NoteForAudit(ctx, "role", i.Role)
	if i.Email != "" {
		models.NoteForAudit(ctx, "email", i.Email)
	}
	i.State = i.StateAt(now)
	return models.CreatedInvite{Invite: i, Code: code, Link: s.deps.FrontendURL + "/signup?invite=" + url.QueryEscape(code)}, nil
}

// List returns one page of the invites, the newest first.
func (s *Invites) List(ctx context.Context, page, limit int) (models.Invites, error) {
	list, total, err := s.deps.Store.List(ctx, page, limit)
	if err != nil {
		return models.Invites{}, err
	}
	for i := range list {
		list[i].State = list[i].StateAt(s.deps.Now())
	}
	return models.Invites{Invites: list, Total: total, Page: page, Limit: limit}, nil
}

// Revoke ends an invite and returns it. A used one is a Conflict: the account
// exists.
func (s *Invites) Revoke(ctx context.Context, id string) (models.Invite, error) {
	i, err := s.deps.Store.Revoke(ctx, id, models.StoredTime(s.deps.Now()))
	i.State = i.StateAt(s.deps.Now())
	return i, err
}

func (s *Invites) problems(in models.InviteInput) models.Problems {
	var p models.Problems
	switch {
	case in.Email == "":
	case !utils.ValidEmail(in.Email):
		p.Addf("email", "must be an e-mail address")
	case !s.deps.Rules.allows(in.Email):
		p.Addf("email", "has a domain that signing up is not open to")
	}
	if in.Role != "" && in.Role != models.RoleUser && in.Role != models.RoleAdmin {
		p.Addf("role", "must be %s or %s", models.RoleUser, models.RoleAdmin)
	}
	if h := in.ExpiresInHours; h != nil && (*h < 1 || *h > maxInviteHours) {
		p.Addf("expiresInHours", "must be between 1 and %d", maxInviteHours)
	}
	if utf8.RuneCountInString(in.Note) > maxInviteNote {
		p.Addf("note", "must have at most %d characters", maxInviteNote)
	}
	if strings.ContainsFunc(in.Note, unicode.IsControl) {
		p.Addf("note", "must not contain control characters")
	}
	return p
}

// checkUsable is a Conflict when nobody could use the invite.
func (s *Invites) checkUsable(ctx context.Context, email string) error {
	const op = "account.Invites.Create"
	if !s.deps.Rules.Enabled || !s.deps.Rules.SignupEnabled {
		return &models.Error{Op: op, Kind: models.Conflict, Msg: "signing up is disabled, so nobody could use an invite"}
	}
	if email == "" {
		return nil
	}
	_, err := s.deps.People.ByEmail(ctx, email)
	switch {
	case err == nil:
		return &models.Error{Op: op, Kind: models.Conflict, Msg: emailTaken}
	case models.KindOf(err) == models.NotFound:
		return nil
	}
	return err
}
