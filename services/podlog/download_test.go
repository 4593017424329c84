package podlog

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// file returns what a download writes.
func file(t *testing.T, m *Manager, id string, q models.LogQuery, most int) string {
	t.Helper()
	d, err := m.Download(t.Context(), ann, id, q)
	require.NoError(t, err)
	defer d.Close()
	if most > 0 {
		d.most = most
	}
	var b strings.Builder
	require.NoError(t, d.Write(func(chunk []byte) error { b.Write(chunk); return nil }))
	return b.String()
}

func TestDownloads(t *testing.T) {
	t.Parallel()
	r, id := shop(t)
	stamp := func(ms int) string { return at(ms).Format("2006-01-02T15:04:05.999999999Z") }
	for i := range 4 {
		r.cluster.print([]string{"shop-a", "shop-b"}[i%2], "app", at(i), fmt.Sprintf("\x1b[1mline\x1b[0m %d", i))
	}
	all := ""
	for i := range 4 {
		all += fmt.Sprintf("%s [%s] \x1b[1mline\x1b[0m %d\n", stamp(i), []string{"shop-a", "shop-b"}[i%2], i)
	}
	require.Equal(t, all, file(t, r.Manager, id, models.LogQuery{}, 0), "as it was printed")
	_, last, _ := strings.Cut(all, "line\x1b[0m 2\n")
	require.Equal(t, last, file(t, r.Manager, id, models.LogQuery{Tail: 1}, 0))
	require.Equal(t, last, file(t, r.Manager, id, models.LogQuery{Filter: "LINE 3"}, 0))
	require.Contains(t, file(t, r.Manager, id, models.LogQuery{}, 100), "line\x1b[0m 1\n# the file ends here, at 0 MB\n")

	pod := r.resources.add("Pod", "shop-a")
	r.cluster.restart("shop-a", "app")
	r.cluster.print("shop-a", "app", at(9), "again")
	require.Equal(t, stamp(9)+" again\n", file(t, r.Manager, pod, models.LogQuery{}, 0))
	require.Contains(t, file(t, r.Manager, pod, models.LogQuery{Previous: true}, 0), " 2\n")

	d, err := r.Download(t.Context(), ann, pod, models.LogQuery{Previous: true})
	require.NoError(t, err)
	require.Equal(t, "shop-a-app-previous.log", d.Name())
	gone := errors.New("the reader has left")
	require.ErrorIs(t, d.Write(func([]byte) error { return gone }), gone)
	d.Close()
	require.Zero(t, r.resources.holds())
}

func TestDownloadOverHTTP(t *testing.T) {
	t.Parallel()
	r, id := pod(t)
	srv := serve(t, r.Manager)
	r.cluster.print("web", "app", at(0), numbered(0, 20_000)...)
	get := func(query string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/resources/"+id+"/logs/download?"+query, nil)
		require.NoError(t, err)
		res, err := srv.Client().Do(req)
		require.NoError(t, err)
		t.Cleanup(func() { _ = res.Body.Close() })
		return res
	}
	res := get("")
	require.Equal(t, `attachment; filename="web-app.log"`, res.Header.Get("Content-Disposition"))
	require.Equal(t, "text/plain; charset=utf-8", res.Header.Get("Content-Type"))
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, 20_000, strings.Count(string(body), "\n"))
	require.Equal(t, http.StatusBadRequest, get("container=none").StatusCode)
	require.Equal(t, http.StatusBadRequest, get("tail=-1").StatusCode)
}
