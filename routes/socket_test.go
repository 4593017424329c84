package routes

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// TestWhereCredentialsCount sends each kind of credential in the header and in
// the query to each kind of row. Only WebSockets read the query, because
// browsers let scripts set no header there.
func TestWhereCredentialsCount(t *testing.T) {
	t.Parallel()
	ok := func(c *gin.Context) error {
		if _, known := models.IdentityFrom(c.Request.Context()); !known {
			return &models.Error{Op: "routes", Kind: models.NotFound, Msg: "no caller"}
		}
		c.Status(http.StatusNoContent)
		return nil
	}
	srv := serve(t, []Route{
		{Method: get, Path: "/plain", Access: SignedIn, Scope: models.ScopeRead, Handle: ok},
		{Method: get, Path: "/stream", Access: SignedIn, Scope: models.ScopeRead, Handle: ok, Stream: true},
		{Method: get, Path: "/socket", Access: SignedIn, Scope: models.ScopeDeploy, Handle: ok, Socket: true},
		{Method: get, Path: "/admins", Access: Admin, Scope: models.ScopeAdmin, Handle: ok, Socket: true},
		{Method: get, Path: "/renew", Access: Expired, Scope: models.ScopeSession, Handle: ok},
	})
	huge := strings.Repeat(".", 100_000)
	for name, tc := range map[string]struct {
		path, header string
		status       int
	}{
		"plain, header":             {"/plain", "Bearer u1", 204},
		"plain, token":              {"/plain?token=u1", "", 401},
		"plain, ticket":             {"/plain?ticket=ticket-u1", "", 401},
		"plain, expired":            {"/plain", "Bearer expired-u1", 401},
		"stream, token":             {"/stream?token=u1", "", 401},
		"stream, header":            {"/stream", "Bearer u1", 204},
		"socket, header":            {"/socket", "Bearer u1", 204},
		"socket, token":             {"/socket?token=u1", "", 204},
		"socket, ticket":            {"/socket?ticket=ticket-u1", "", 204},
		"socket, nothing":           {"/socket", "", 401},
		"socket, wrong token":       {"/socket?token=who", "", 401},
		"socket, wrong ticket":      {"/socket?ticket=who", "", 401},
		"socket, ticket first":      {"/socket?ticket=who&token=u1", "", 401},
		"socket, token as ticket":   {"/socket?ticket=expired-u1", "", 401},
		"socket, expired token":     {"/socket?token=expired-u1", "", 401},
		"socket, huge token":        {"/socket?token=" + huge, "", 401},
		"socket, huge ticket":       {"/socket?ticket=" + huge, "", 401},
		"plain, huge header":        {"/plain", "Bearer " + huge, 401},
		"admins' socket, as a user": {"/admins?token=u1", "", 403},
		"admins' socket":            {"/admins?" + url.Values{"token": {"a1"}}.Encode(), "", 204},
		"renew, expired":            {"/renew", "Bearer expired-u1", 204},
		"renew, good":               {"/renew", "Bearer u1", 204},
		"renew, nothing":            {"/renew", "", 401},
		"renew, in the query":       {"/renew?token=u1", "", 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := send(t, get, srv.URL+tc.path, nil, "Authorization", tc.header)
			require.Equal(t, tc.status, res.StatusCode)
		})
	}
}
