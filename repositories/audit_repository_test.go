package repositories_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

// trail is an audit trail with one entry a minute since start.
func trail(t *testing.T, start time.Time) *repositories.Audit {
	t.Helper()
	store := repositories.NewAudit(dbtest.Open(t).Database())
	for i, e := range []models.AuditEntry{
		{Actor: "ann@example.org", Action: "auth.login", Outcome: models.AuditDenied, Address: "10.0.0.1"},
		{ActorID: "u1", Actor: "ann@example.org", Action: "auth.login", Outcome: models.AuditSuccess, Address: "10.0.0.1"},
		{ActorID: "u1", Actor: "ann@example.org", Action: "cluster.create", Outcome: models.AuditSuccess, Address: "10.0.0.1"},
		{ActorID: "u1", Actor: "ann@example.org", Action: "cluster.update", Outcome: models.AuditFailed, Target: map[string]string{"name": "dev"}},
		{ActorID: "u2", Actor: "bob@example.org", Action: "cluster.update", Outcome: models.AuditDenied, Target: map[string]string{"name": "dev"}},
		{ActorID: "u2", Actor: "bob@example.org", Action: "run.cancel", Outcome: models.AuditSuccess, Target: map[string]string{"id": "w1", "runId": "r1"}},
	} {
		e.ID, e.At = fmt.Sprint(i), start.Add(time.Duration(i)*time.Minute)
		require.NoError(t, store.Add(t.Context(), e))
	}
	return store
}

func TestAuditFilters(t *testing.T) {
	t.Parallel()
	start := now()
	store := trail(t, start)
	for name, tc := range map[string]struct {
		filter models.AuditFilter
		want   []string
	}{
		"everything":              {models.AuditFilter{}, []string{"5", "4", "3", "2", "1", "0"}},
		"an account":              {models.AuditFilter{ActorID: "u1"}, []string{"3", "2", "1"}},
		"an address, claimed too": {models.AuditFilter{Actor: "ann@example.org"}, []string{"3", "2", "1", "0"}},
		"an action":               {models.AuditFilter{Action: "cluster.update"}, []string{"4", "3"}},
		"an area":                 {models.AuditFilter{Area: "cluster"}, []string{"4", "3", "2"}},
		"an outcome":              {models.AuditFilter{Outcome: models.AuditDenied}, []string{"4", "0"}},
		"a target":                {models.AuditFilter{Target: "dev"}, []string{"4", "3"}},
		"one of two targets":      {models.AuditFilter{Target: "r1"}, []string{"5"}},
		"from where":              {models.AuditFilter{Address: "10.0.0.1"}, []string{"2", "1", "0"}},
		"a time":                  {models.AuditFilter{From: start.Add(time.Minute), To: start.Add(3 * time.Minute)}, []string{"2", "1"}},
		"all at once": {models.AuditFilter{
			ActorID: "u2", Area: "cluster", Outcome: models.AuditDenied, Target: "dev", From: start,
		}, []string{"4"}},
		"nothing": {models.AuditFilter{ActorID: "u3"}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.filter.Page, tc.filter.Limit = 1, 50
			page, err := store.List(t.Context(), tc.filter)
			require.NoError(t, err)
			require.Equal(t, tc.want, entryIDs(page.Entries))
			require.EqualValues(t, len(tc.want), page.Total)
		})
	}
}

func TestAuditPages(t *testing.T) {
	t.Parallel()
	store := repositories.NewAudit(dbtest.Open(t).Database())
	at := now()
	for i := range 7 { // of the same time, ordered by id
		require.NoError(t, store.Add(t.Context(), models.AuditEntry{ID: fmt.Sprint(i), At: at, Action: "a.b", Outcome: models.AuditSuccess}))
	}
	var all []string
	for page := 1; page <= 4; page++ {
		got, err := store.List(t.Context(), models.AuditFilter{Page: page, Limit: 3})
		require.NoError(t, err)
		require.NotNil(t, got.Entries)
		require.EqualValues(t, 7, got.Total)
		all = append(all, entryIDs(got.Entries)...)
	}
	require.Equal(t, []string{"6", "5", "4", "3", "2", "1", "0"}, all)
}

func TestAuditEntryIsReadAsItWasStored(t *testing.T) {
	t.Parallel()
	store := repositories.NewAudit(dbtest.Open(t).Database())
	e := models.AuditEntry{
		ID: "e1", At: now(), ActorID: "u1", Actor: "ann@example.org", SessionID: "s1", TokenID: "t1", Action: "cluster.create",
		Target: map[string]string{"name": "dev"}, Outcome: models.AuditFailed, Status: 409, Address: "::1", UserAgent: "curl",
		RequestID: "r1", Details: map[string]string{"cluster": "dev"},
	}
	require.NoError(t, store.Add(t.Context(), e))
	page, err := store.List(t.Context(), models.AuditFilter{Page: 1, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, []models.AuditEntry{e}, page.Entries)
}

func TestRepeatedEntriesAreCounted(t *testing.T) {
	t.Parallel()
	store := repositories.NewAudit(dbtest.Open(t).Database())
	first := now()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			e := models.AuditEntry{ID: "same", At: first.Add(time.Duration(i) * time.Second), Action: "workflow.save", Outcome: models.AuditSuccess}
			if err := store.Increment(t.Context(), e); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	page, err := store.List(t.Context(), models.AuditFilter{Page: 1, Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
	require.Equal(t, 8, page.Entries[0].Count)
	require.Equal(t, first.Add(7*time.Second), *page.Entries[0].LastAt)
}

// A shorter retention also applies to existing entries.
func TestAuditRetentionFollowsTheSetting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keep := func(d time.Duration) *database.DB {
		db, err := database.Open(t.Context(), database.Config{DataDir: dir, AuditRetention: d})
		require.NoError(t, err)
		require.NoError(t, db.EnsureIndexes(t.Context()))
		return db
	}
	expiry := func(db *database.DB) *int32 {
		specs, err := db.Database().Collection(database.Audit).Indexes().ListSpecifications(t.Context())
		require.NoError(t, err)
		for _, s := range specs {
			if s.Name == "at_1" {
				return s.ExpireAfterSeconds
			}
		}
		require.Fail(t, "there is no such index")
		return nil
	}
	for _, days := range []int32{90, 30, 365} {
		db := keep(time.Duration(days) * 24 * time.Hour)
		require.Equal(t, days*24*60*60, *expiry(db))
		require.NoError(t, db.Close(t.Context()))
	}
	db := keep(0)
	require.Nil(t, expiry(db))
	require.NoError(t, db.Close(t.Context()))
}

func entryIDs(entries []models.AuditEntry) []string {
	ids := []string{}
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	return ids
}

func BenchmarkAuditAdd(b *testing.B) {
	store := repositories.NewAudit(dbtest.Open(b).Database())
	for b.Loop() {
		e := models.AuditEntry{
			ID: models.NewID(), At: now(), ActorID: "u1", Actor: "ann@example.org", SessionID: models.NewID(), Action: "workflow.update",
			Target: map[string]string{"id": models.NewID()}, Outcome: models.AuditSuccess, Status: 200, Address: "10.0.0.1",
			UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", RequestID: models.NewID(),
		}
		if err := store.Add(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}
