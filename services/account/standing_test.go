package account

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// storedPeople has one account and one good API token, "t1".
type storedPeople struct {
	user models.User
	err  error
}

func (p storedPeople) ByID(context.Context, string) (models.User, error) { return p.user, p.err }

func (storedPeople) Unexpired(_ context.Context, ids []string, _ time.Time) (map[string]bool, error) {
	return map[string]bool{"t1": ids[0] == "t1"}, nil
}

func TestStanding(t *testing.T) {
	t.Parallel()
	broken := errors.New("no answer")
	for name, tc := range map[string]struct {
		people storedPeople
		token  string
		lost   bool
		err    error
	}{
		"an account":          {},
		"a disabled one":      {people: storedPeople{user: models.User{Disabled: true}}, lost: true},
		"a deleted one":       {people: storedPeople{err: &models.Error{Kind: models.NotFound}}, lost: true},
		"with a good token":   {token: "t1"},
		"with a revoked one":  {token: "t2", lost: true},
		"nobody can find out": {people: storedPeople{err: broken}, err: broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := NewStanding(tc.people, tc.people, time.Now).Require(t.Context(), "u", tc.token)
			require.Equal(t, tc.lost, models.LostAccess(err))
			if tc.err != nil {
				require.ErrorIs(t, err, tc.err)
			} else if !tc.lost {
				require.NoError(t, err)
			}
		})
	}
}
