package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/database/dbtest"
)

// A server with other secrets than the database's does not start, and neither does
// one that finds no database. None tells a secret.
func TestServersThatDoNotFit(t *testing.T) {
	t.Parallel()
	s := newServers(t, 1)
	s.start(t, 0)
	const other = "another-encryption-key-than-theirs"
	for name, tc := range map[string]struct {
		env []string
		err string
	}{
		"another encryption key": {[]string{"ENCRYPTION_KEY", other}, "ENCRYPTION_KEY is not the key of this database"},
		"another session secret": {[]string{"JWT_SECRET", other}, "uses this database with another JWT_SECRET"},
		"nobody there":           {[]string{"MONGO_URI", "mongodb://ann:" + other + "@127.0.0.1:1/"}, "database: the database does not answer"},
		"a wrong password":       {[]string{"MONGO_URI", "mongodb://ann:" + other + "@" + s.db.address + "/?directConnection=true"}, "AuthenticationFailed"},
		"a broken URI":           {[]string{"MONGO_URI", "mongodb://ann:" + other + "/@127.0.0.1:1/"}, "error parsing uri"},
	} {
		begin := time.Now()
		_, err := commandIn(t, s.environment(t, 0, tc.env...))
		require.ErrorContains(t, err, tc.err, name)
		require.NotContains(t, err.Error(), other)
		for _, secret := range s.secrets {
			if len(secret) > 20 {
				require.NotContains(t, err.Error(), secret)
			}
		}
		require.Less(t, time.Since(begin), patience)
	}
	require.Equal(t, http.StatusOK, s.all[0].readiness(t))
	require.Len(t, s.all[0].ann().serverIDs(t), 1, "none of them left a trace")
}

// A database of a version that is too new is refused, and stays as it is.
func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	s := newServers(t, 1)
	s.start(t, 0).stop(t)
	contents := func() (list []string) {
		s.db.with(t, func(db *database.DB) { list = dbtest.Documents(t, db) })
		return list
	}
	s.db.with(t, func(db *database.DB) { dbtest.SetSchema(t, db, 1000) })
	before := contents()
	_, err := commandIn(t, s.environment(t, 0))
	require.ErrorContains(t, err, "changed by a newer version of the server")
	require.Equal(t, before, contents())
}
