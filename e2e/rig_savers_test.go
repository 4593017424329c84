package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/repositories"
)

// patience is how long a request may take that finds no database: the time to
// find that out, and to wait for another one. The machine may be busy.
const patience = 25 * time.Second

// writer sends one request after the other, and tells those that were
// acknowledged from those of which nobody knows.
type writer struct {
	acknowledged, unknown []int // numbers of the requests, from 0
	faults                []string
}

// write posts to a path what body returns for each number, until stop is closed.
func (w *writer) write(ctx context.Context, p *person, stop <-chan struct{}, path string, body func(number int) string) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		begin := time.Now()
		res, err := p.exchange(ctx, "POST", path, body(i))
		switch {
		case err != nil:
			w.faults = append(w.faults, err.Error())
		case time.Since(begin) > patience:
			w.faults = append(w.faults, fmt.Sprintf("%s took %v", path, time.Since(begin)))
		case res.StatusCode < 300:
			w.acknowledged = append(w.acknowledged, i)
		case res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") != "":
			w.unknown = append(w.unknown, i)
		default:
			w.faults = append(w.faults, res.Status+res.text)
		}
	}
}

// savers save workflows of Ann through all servers, each its own, and take
// versions of one.
type savers struct {
	ann       *person
	saved     []string // the workflows, one for each of writers
	versioned string
	writers   []writer // who save
	takers    []writer // who take versions
	stop      chan struct{}
	wg        sync.WaitGroup
}

func (s *servers) save(t *testing.T) *savers {
	t.Helper()
	const count = 4
	a := &savers{ann: s.all[0].ann(), writers: make([]writer, count), takers: make([]writer, count), stop: make(chan struct{})}
	a.versioned = a.ann.createWorkflow(t)
	for i := range count {
		id, p := a.ann.createWorkflow(t), a.ann.on(s.all[i%len(s.all)])
		a.saved = append(a.saved, id)
		a.wg.Go(func() {
			a.writers[i].write(t.Context(), p, a.stop, "/workflows/"+id+"/save", func(number int) string {
				return fmt.Sprintf(`{"nodes":[],"edges":[],"description":"%d"}`, number)
			})
		})
		a.wg.Go(func() {
			a.takers[i].write(t.Context(), p, a.stop, "/workflows/"+a.versioned+"/versions", func(number int) string {
				return fmt.Sprintf(`{"description":"%d of %d"}`, number, i)
			})
		})
	}
	a.progress(t)
	return a
}

// progress waits until further requests have succeeded.
func (a *savers) progress(t *testing.T) {
	t.Helper()
	path, before := api+"/workflows/"+a.versioned+"/versions?limit=1", -1.0
	require.Eventually(t, func() bool {
		res := a.ann.call(t, "GET", path, a.ann.token, "")
		if res.StatusCode != http.StatusOK {
			return false
		}
		total, _ := res.json(t)["total"].(float64)
		if before < 0 {
			before = total
		}
		return total > before+20
	}, 2*time.Minute, 50*time.Millisecond)
}

// check ends the requests and requires that everything acknowledged is stored,
// and that nothing is stored twice.
func (a *savers) check(t *testing.T, db *databaseServer) {
	t.Helper()
	close(a.stop)
	a.wg.Wait()
	for i, w := range a.writers {
		require.Empty(t, w.faults)
		res := a.ann.call(t, "GET", api+"/workflows/"+a.saved[i], a.ann.token, "")
		stored, err := strconv.Atoi(res.json(t)["description"].(string))
		require.NoError(t, err)
		require.GreaterOrEqual(t, stored, slices.Max(w.acknowledged))
		revision, err := strconv.Atoi(strings.Trim(res.Header.Get("ETag"), `"`))
		require.NoError(t, err)
		saves := revision - 1
		require.GreaterOrEqual(t, saves, len(w.acknowledged))
		require.LessOrEqual(t, saves, len(w.acknowledged)+len(w.unknown))
		t.Logf("%d saves acknowledged, %d unknown, %d stored", len(w.acknowledged), len(w.unknown), saves)
	}
	db.with(t, func(db *database.DB) {
		list, total, err := repositories.NewVersions(db.Database()).List(t.Context(), a.versioned, 1, 1_000_000)
		require.NoError(t, err)
		texts := map[string]int{}
		for i, v := range list {
			require.Equal(t, int(total)-i, v.Number, "numbers have no gaps")
			texts[v.Description]++
		}
		for i, w := range a.takers {
			require.Empty(t, w.faults)
			for _, number := range w.acknowledged {
				require.Equal(t, 1, texts[fmt.Sprintf("%d of %d", number, i)], "it was acknowledged")
			}
			for _, number := range w.unknown {
				require.LessOrEqual(t, texts[fmt.Sprintf("%d of %d", number, i)], 1)
			}
			t.Logf("%d versions acknowledged, %d unknown", len(w.acknowledged), len(w.unknown))
		}
	})
}

// readiness is the status of /readyz.
func (s *server) readiness(t *testing.T) int {
	t.Helper()
	return s.call(t, "GET", "/readyz", "", "").StatusCode
}

func (s *server) awaitReady(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return s.readiness(t) == http.StatusOK }, time.Minute, 50*time.Millisecond)
}

// unlimited are the settings of servers that requests of these tests reach in
// great number.
func unlimited() []string { return []string{"MAX_VERSIONS_PER_WORKFLOW", "0"} }
