package routes

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// zeros is a body of n bytes.
func zeros(n int64) io.Reader { return io.LimitReader(zeroReader{}, n) }

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Every row takes bodies up to its size, with and without a Content-Length, and
// those that strangers can reach take small ones.
func TestBodyOfEveryRow(t *testing.T) {
	t.Parallel()
	d := deps()
	d.MaxBody = 2 << 20
	table := Table(Handlers{})
	for i := range table {
		table[i].Handle = func(c *gin.Context) error {
			if _, err := io.Copy(io.Discard, c.Request.Body); err != nil {
				return &models.Error{Kind: models.TooLarge, Err: err}
			}
			c.Status(http.StatusNoContent)
			return nil
		}
	}
	srv := serveDeps(t, d, table)
	for _, r := range table {
		if r.Access == Public {
			require.Equal(t, SmallBody, r.Body, r.Path)
		}
		if r.Method == head || r.Stream {
			continue
		}
		size := r.Body.bytes(d.MaxBody)
		for _, tc := range []struct {
			bytes  int64
			status int
		}{{size, http.StatusNoContent}, {size + 1, http.StatusRequestEntityTooLarge}} {
			for _, chunked := range []bool{false, true} {
				req, err := http.NewRequestWithContext(t.Context(), r.Method, srv.URL+concrete(r.Path), zeros(tc.bytes))
				require.NoError(t, err)
				if !chunked {
					req.ContentLength = tc.bytes
				}
				req.Header.Set("Authorization", "Bearer a1")
				res, err := http.DefaultClient.Do(req)
				require.NoError(t, err, "%s %s", r.Method, r.Path)
				require.NoError(t, res.Body.Close())
				require.Equal(t, tc.status, res.StatusCode, "%s %s, %d bytes, chunked: %v", r.Method, r.Path, tc.bytes, chunked)
			}
		}
	}
	for _, path := range []string{"/nothing", "/healthz"} {
		res := send(t, "PUT", srv.URL+path, strings.NewReader(strings.Repeat("x", 64<<10+1)))
		require.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode, path)
	}
}
