package routes

import (
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
)

// Every row that streams counts the streams of an account, also those that go on
// after their request, and of a client.
func TestStreamsOfAnAccountAreLimited(t *testing.T) {
	t.Parallel()
	streams := 0
	for _, r := range Table(Handlers{}) {
		if r.Access == Public || !r.Stream && !r.Socket {
			continue
		}
		streams++
		t.Run(r.Method+" "+r.Path, func(t *testing.T) {
			t.Parallel()
			guards := make(chan *models.SessionGuard, 10)
			r.Handle = func(c *gin.Context) error {
				g := models.SessionGuardFrom(c.Request.Context())
				g.Retain() // the stream goes on
				guards <- g
				return nil
			}
			r.Limit = ""
			d := deps()
			d.Limits.Streams, d.Limits.ClientStreams = limit.NewSlots(2), limit.NewSlots(3)
			srv := serveDeps(t, d, []Route{r})
			open := func(token string) int {
				res := send(t, r.Method, srv.URL+concrete(r.Path), nil, "Authorization", "Bearer "+token)
				if res.StatusCode == http.StatusTooManyRequests {
					require.NotEmpty(t, res.Header.Get("Retry-After"))
				}
				return res.StatusCode
			}
			require.Equal(t, http.StatusOK, open("u1"))
			require.Equal(t, http.StatusOK, open("u1"))
			require.Equal(t, http.StatusTooManyRequests, open("u1"), "of one account")
			require.Equal(t, http.StatusOK, open("a1"))
			require.Equal(t, http.StatusTooManyRequests, open("a1"), "of one client")
			(<-guards).Release()
			require.Equal(t, http.StatusOK, open("u1"), "one has ended")
		})
	}
	require.Positive(t, streams)
}

// A refused stream leaves nothing behind.
func TestARefusedStreamHoldsNothing(t *testing.T) {
	t.Parallel()
	d := deps()
	accounts := limit.NewSlots(1)
	clients := limit.NewSlots(1)
	d.Limits.Streams, d.Limits.ClientStreams = accounts, clients
	_, ok := clients.Take("127.0.0.1")
	require.True(t, ok)
	srv := serveDeps(t, d, []Route{{
		Method: http.MethodGet, Path: "/s", Access: SignedIn, Scope: models.ScopeRead, Stream: true,
		Handle: func(*gin.Context) error { return nil },
	}})
	for range 3 {
		res := send(t, http.MethodGet, srv.URL+"/s", nil, "Authorization", "Bearer u1")
		require.Equal(t, http.StatusTooManyRequests, res.StatusCode)
	}
	_, ok = accounts.Take("u1")
	require.True(t, ok)
}
