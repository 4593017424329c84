package lease

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

const c1 = "0123456789abcdef01234567"

type fakeRuns []models.Run

func (f fakeRuns) Leased(context.Context) ([]models.Run, error) { return f, nil }

func TestDirectoryTellsWhoHoldsWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		b, a := start(t, db, "b"), start(t, db, "a")
		for _, name := range []string{"cluster:" + c1, "cluster:none", "retention"} {
			_, err := a.Acquire(t.Context(), name)
			require.NoError(t, err)
		}
		d := Directory{Session: b.Session, Leases: leases{b.way}, Runs: fakeRuns{{ID: "r1", Lease: a.ID()}, {ID: "r2", Lease: "gone"}}}
		list, err := d.List(t.Context())
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.True(t, list[0].Current)
		require.Equal(t, "b", list[0].Name)
		require.Equal(t, models.ServerHolds{Clusters: []string{}, Runs: []string{}, Tasks: []string{}}, list[0].Holds)
		require.False(t, list[1].Current)
		slices.Sort(list[1].Holds.Tasks)
		require.Equal(t, models.ServerHolds{Clusters: []string{c1}, Runs: []string{"r1"}, Tasks: []string{"cluster:none", "retention"}}, list[1].Holds)
	})
}

func TestDirectoryOfTheOnlyServer(t *testing.T) {
	t.Parallel()
	s := NewSession(Deps{Name: "box", Version: "1"}, DefaultOptions())
	_, err := s.Acquire(t.Context(), "retention")
	require.NoError(t, err)
	d := Directory{
		Session: s, Runs: fakeRuns{{ID: "r1", Lease: s.ID()}},
		Clusters: func(context.Context) ([]string, error) { return []string{c1}, nil },
	}
	list, err := d.List(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "box", list[0].Name)
	require.Equal(t, models.ServerHolds{Clusters: []string{c1}, Runs: []string{"r1"}, Tasks: []string{"retention"}}, list[0].Holds)
}
