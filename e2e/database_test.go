package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// Servers on one database are one system: whoever has an account has it on each.
func TestServersShareTheirDatabase(t *testing.T) {
	t.Parallel()
	s := startServers(t, 2)
	ann := s.all[0].ann()
	ann.newUser(t, "eve@example.org")
	eve := s.all[1].signIn(t, "eve@example.org", "secret1", "elsewhere")
	id := eve.createWorkflow(t)
	require.Equal(t, id, eve.on(s.all[0]).ask(t, http.StatusOK, "GET", "/workflows/"+id, nil)["id"])
	require.NotZero(t, s.db.counts(t, 1)["insert"])
}
