package account

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/cluster"
	"github.com/kubeorch/core/services/workflow"
)

// office is what another server has to administer the accounts of a house.
func (h *house) office(sessions *Sessions) *AdminUsers {
	clusters, workflows, runs := repositories.NewClusters(h.db), repositories.NewWorkflows(h.db), repositories.NewRuns(h.db)
	shares := repositories.NewClusterShares(h.db)
	leaving := cluster.AccountRemoval{
		Access: cluster.NewAccess(cluster.AccessDeps{Clusters: clusters, Shares: shares}), Clusters: clusters, Shares: shares,
		Defaults: repositories.NewClusterDefaults(h.db),
	}
	drawn := workflow.AccountDeletion{Workflows: workflows, Versions: repositories.NewVersions(h.db), Runs: runs, Drifts: repositories.NewDrifts(h.db)}
	return NewAdminUsers(h.store, sessions, OwnedResources{
		Workflows: workflows, Clusters: clusters, Runs: runs,
		Transferable: Transferables{leaving, drawn},
		Personal:     Personal{leaving, DeleteFunc(sessions.EndAccount)},
	})
}

// staff opens a house with an administrator, who is the first, and a user.
func staff(t *testing.T) (h *house, office *AdminUsers, first, second models.Session) {
	t.Helper()
	h = openAccounts(t)
	return h, h.office(h.sessions), h.member(t, 0), h.member(t, 1)
}

func promote(t *testing.T, office *AdminUsers, id string) {
	t.Helper()
	u, err := office.SetRole(t.Context(), id, models.RoleInput{Role: models.RoleAdmin})
	require.NoError(t, err)
	require.Equal(t, models.RoleAdmin, u.Role)
}

func demote(ctx context.Context, office *AdminUsers, id string) error {
	_, err := office.SetRole(ctx, id, models.RoleInput{Role: models.RoleUser})
	return err
}

func TestTheTrailSaysHowAnAccountWasChanged(t *testing.T) {
	t.Parallel()
	h, office, first, second := staff(t)
	id, newOwner := second.User.ID, first.User.ID
	ctx, notes := models.WithAuditNotes(t.Context())
	_, err := office.SetRole(ctx, id, models.RoleInput{Role: models.RoleAdmin})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"user_id": id, "email": second.User.Email, "role": models.RoleAdmin}, notes.Details())

	ctx, notes = models.WithAuditNotes(t.Context())
	on := true
	_, err = h.settings.SetRegenerate(ctx, models.InvitePatch{RegenerateAfterSignup: &on})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"regenerate": "true"}, notes.Details())

	ctx, notes = models.WithAuditNotes(t.Context())
	_, err = office.Delete(ctx, id, models.UserDeletion{Owned: models.OwnedTransfer, TransferTo: newOwner})
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"user_id": id, "email": second.User.Email, "owned": models.OwnedTransfer, "transfer_to": newOwner,
	}, notes.Details())
}

func TestRoleChangesHoldAtOnce(t *testing.T) {
	t.Parallel()
	h, office, _, second := staff(t)
	require.Equal(t, models.RoleUser, h.whose(t, second).Role)
	promote(t, office, second.User.ID)
	require.Equal(t, models.RoleAdmin, h.whose(t, second).Role, "the session goes on")
	held, err := h.sessions.Guard(t.Context(), h.whose(t, second))
	require.NoError(t, err)
	require.NoError(t, demote(t.Context(), office, second.User.ID))
	h.requireOver(t, second)
	require.True(t, over(t, held))
	again := h.signIn(t, 1)
	require.Equal(t, models.RoleUser, h.whose(t, again).Role)
	require.NoError(t, demote(t.Context(), office, second.User.ID), "it is one already")
	h.whose(t, again)
	_, err = office.SetRole(t.Context(), second.User.ID, models.RoleInput{Role: "owner"})
	require.Equal(t, models.Invalid, models.KindOf(err))
	_, err = office.SetRole(t.Context(), models.NewID(), models.RoleInput{Role: models.RoleUser})
	require.Equal(t, models.NotFound, models.KindOf(err))
}

func TestDisabledAccounts(t *testing.T) {
	t.Parallel()
	h, office, _, second := staff(t)
	h.whose(t, second)
	u, err := office.Disable(t.Context(), second.User.ID)
	require.NoError(t, err)
	require.Equal(t, models.UserDisabled, u.Status)
	h.requireOver(t, second)

	_, err = h.enter(t.Context(), 1)
	require.Equal(t, models.Forbidden, models.KindOf(err))
	require.Contains(t, models.MessageOf(err), "disabled")
	_, wrong := h.auth.Login(t.Context(), models.Login{Email: second.User.Email, Password: models.NewSecret("wrong-1")})
	_, unknown := h.auth.Login(t.Context(), models.Login{Email: "nobody@example.org", Password: models.NewSecret("wrong-1")})
	require.Equal(t, models.Unauthenticated, models.KindOf(wrong), "only who knows the password learns it")
	require.Equal(t, models.MessageOf(unknown), models.MessageOf(wrong))

	u, err = office.Enable(t.Context(), second.User.ID)
	require.NoError(t, err)
	require.Equal(t, models.UserActive, u.Status)
	h.requireOver(t, second)
	h.whose(t, h.signIn(t, 1))
}

func TestLastAdministratorStays(t *testing.T) {
	t.Parallel()
	h, office, first, second := staff(t)
	_, disable := office.Disable(t.Context(), first.User.ID)
	_, remove := office.Delete(t.Context(), first.User.ID, models.UserDeletion{})
	for _, err := range []error{demote(t.Context(), office, first.User.ID), disable, remove} {
		require.Equal(t, models.Conflict, models.KindOf(err))
		require.Contains(t, models.MessageOf(err), "last active administrator")
	}
	h.whose(t, first)
	promote(t, office, second.User.ID)
	_, err := office.Disable(t.Context(), second.User.ID)
	require.NoError(t, err)
	require.Error(t, demote(t.Context(), office, first.User.ID), "a disabled one does not count")
	require.NoError(t, demote(t.Context(), office, second.User.ID))
}

// TestAdministratorsDemoteEachOther does so at the same moment, at two servers.
func TestAdministratorsDemoteEachOther(t *testing.T) {
	t.Parallel()
	h, here, first, second := staff(t)
	there := h.office(h.newSessions(nil))
	ids := []string{first.User.ID, second.User.ID}
	promote(t, here, second.User.ID)
	for range 20 {
		var (
			start, done sync.WaitGroup
			errs        [2]error
		)
		start.Add(1)
		for i, office := range []*AdminUsers{here, there} {
			done.Go(func() {
				start.Wait()
				errs[i] = demote(t.Context(), office, ids[i])
			})
		}
		start.Done()
		done.Wait()
		stay, leave, err := h.store.CountAdmins(t.Context())
		require.NoError(t, err)
		require.Equal(t, []int64{1, 0}, []int64{stay, leave}, "%v", errs)
		require.NotEqual(t, errs[0] == nil, errs[1] == nil, "%v", errs)
		for _, id := range ids {
			promote(t, here, id)
		}
	}
}

// A server that dies between marking and changing stops nobody for long, and
// when it was only slow its change fails.
func TestMarkOfADeadServer(t *testing.T) {
	t.Parallel()
	h, office, first, second := staff(t)
	promote(t, office, second.User.ID)
	marked, err := h.store.MarkStepDown(t.Context(), second.User.ID, "m1", time.Now())
	require.NoError(t, err)
	require.True(t, marked)
	err = demote(t.Context(), office, first.User.ID)
	require.Equal(t, models.Conflict, models.KindOf(err))
	require.ErrorIs(t, err, errConcurrentChange)
	office.now = func() time.Time { return models.Now().Add(markTTL + time.Second) }
	require.NoError(t, demote(t.Context(), office, first.User.ID))
	role := models.RoleUser
	_, err = h.store.StepDown(t.Context(), second.User.ID, "m1", models.AccountChange{Role: &role})
	require.Equal(t, models.Conflict, models.KindOf(err))
}

func TestUsersAreListed(t *testing.T) {
	t.Parallel()
	h, office, first, second := staff(t)
	for i := 2; i < 7; i++ {
		h.member(t, i)
	}
	_, err := office.Disable(t.Context(), second.User.ID)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		q     models.UserQuery
		total int64
		first string
		len   int
	}{
		"all":                 {models.UserQuery{}, 7, "user6@example.org", 5},
		"second page":         {models.UserQuery{Page: 2}, 7, "user1@example.org", 2},
		"beyond":              {models.UserQuery{Page: 3}, 7, "", 0},
		"part of the address": {models.UserQuery{Search: "SER3@ex"}, 1, "user3@example.org", 1},
		"part of the name":    {models.UserQuery{Search: "ser 4"}, 1, "user4@example.org", 1},
		"no pattern":          {models.UserQuery{Search: "user.@"}, 0, "", 0},
		"an operator":         {models.UserQuery{Search: `{"$gt":""}`}, 0, "", 0},
		"administrators":      {models.UserQuery{Role: models.RoleAdmin}, 1, first.User.Email, 1},
		"disabled":            {models.UserQuery{Status: models.UserDisabled}, 1, second.User.Email, 1},
		"active users":        {models.UserQuery{Status: models.UserActive, Role: models.RoleUser}, 5, "user6@example.org", 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.q.Limit, tc.q.Page = 5, max(1, tc.q.Page)
			page, err := office.List(t.Context(), tc.q)
			require.NoError(t, err)
			require.Equal(t, tc.total, page.Total)
			require.Len(t, page.Users, tc.len)
			if tc.len > 0 {
				require.Equal(t, tc.first, page.Users[0].Email)
			}
		})
	}
	for _, q := range []models.UserQuery{
		{Role: "x", Status: "y"}, {Search: "a\x00b"}, {Search: "\xf0\x9f"}, {Search: strings.Repeat("a", 101)},
	} {
		_, err = office.List(t.Context(), q)
		require.Equal(t, models.Invalid, models.KindOf(err), "%+v", q)
	}
}

// interrupted is a part of an estate that fails until it is told not to.
type interrupted struct {
	transferable
	fail bool
}

func (i *interrupted) Delete(ctx context.Context, userID string) error {
	if i.fail {
		return errors.New("the power went")
	}
	return i.transferable.Delete(ctx, userID)
}
