package cluster

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// stub is an API server that can be told how to behave.
type stub struct {
	*httptest.Server

	checks atomic.Int32 // who-am-I requests that were answered
	hang   atomic.Bool
	status atomic.Int32 // answers with that instead
	asked  chan struct{}
}

func newStub(t testing.TB) *stub {
	t.Helper()
	s := &stub{asked: make(chan struct{}, 1024)}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *stub) serve(w http.ResponseWriter, r *http.Request) {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	if s.hang.Load() {
		<-r.Context().Done()
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if code := int(s.status.Load()); code != 0 {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":`+http.StatusText(code)+`}`)
		return
	}
	switch {
	case r.URL.Path == "/version":
		_, _ = io.WriteString(w, `{"gitVersion":"v1.99.0","platform":"linux/amd64"}`)
	case strings.HasSuffix(r.URL.Path, "/selfsubjectreviews"):
		s.checks.Add(1)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1","status":{"userInfo":{"username":"ann"}}}`)
	default:
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`)
	}
}

// put stores a cluster without testing it.
func (r *clusterRig) put(t testing.TB, name, server string) models.Cluster {
	t.Helper()
	c, err := r.newCluster(ann, tokenCluster(name, server, clusterToken))
	require.NoError(t, err)
	c, err = r.store.Insert(t.Context(), c)
	require.NoError(t, err)
	return c
}

func (r *clusterRig) byID(t testing.TB, id string) models.Cluster {
	t.Helper()
	c, err := r.store.ByID(t.Context(), id)
	require.NoError(t, err)
	return c
}

// heard counts what it is told.
type heard struct {
	changed, removed atomic.Int32
	was              atomic.Value // the status before the last change
}

func (h *heard) Changed(_ context.Context, _ models.Cluster, was string) {
	h.was.Store(was)
	h.changed.Add(1)
}

func (h *heard) Removed(context.Context, models.Cluster) { h.removed.Add(1) }

// A server that stops must not wait for clusters that hang, nor take that for
// their state.
func TestCheckHealthEndsWithItsContext(t *testing.T) {
	t.Parallel()
	silent := newStub(t)
	silent.hang.Store(true)
	r := newClusterRig(t)
	c := r.put(t, "silent", silent.URL)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-silent.asked
		cancel()
	}()
	_, err := r.CheckHealth(ctx, c.ID, models.ProbeOptions{})
	require.ErrorIs(t, err, context.Canceled)
	c = r.byID(t, c.ID)
	require.Equal(t, models.ClusterUnknown, c.Status)
	require.Nil(t, c.LastCheck)
}

// Silence for a moment is no outcome.
func TestQuickChecksLeaveSlowClustersOpen(t *testing.T) {
	t.Parallel()
	r, server := newClusterRig(t), newStub(t)
	server.hang.Store(true)
	c := r.put(t, "slow", server.URL)
	got, err := r.CheckHealth(t.Context(), c.ID, models.ProbeOptions{QuickTimeout: 30 * time.Millisecond})
	require.NoError(t, err)
	require.True(t, got.More)
	require.True(t, got.Stored)
	require.Nil(t, r.byID(t, c.ID).LastCheck)

	server.hang.Store(false)
	got, err = r.CheckHealth(t.Context(), c.ID, models.ProbeOptions{QuickTimeout: 10 * time.Second})
	require.NoError(t, err)
	require.True(t, got.More, "the metadata is still to be read")
	require.Equal(t, models.ClusterConnected, r.byID(t, c.ID).Status)
	got, err = r.CheckHealth(t.Context(), c.ID, models.ProbeOptions{SkipWithin: time.Hour})
	require.NoError(t, err)
	require.False(t, got.More)
	require.Equal(t, "v1.99.0", r.byID(t, c.ID).Metadata.Version)
	got, err = r.CheckHealth(t.Context(), c.ID, models.ProbeOptions{SkipWithin: time.Hour})
	require.NoError(t, err)
	require.True(t, got.Skipped)
}

func TestOnlyChangesAreWrittenAndTold(t *testing.T) {
	t.Parallel()
	r, server, news := newClusterRig(t), newStub(t), &heard{}
	r.deps.Listeners = Listeners{news}
	c := r.put(t, "a", server.URL)
	check := func() models.ClusterCheck {
		got, err := r.CheckHealth(t.Context(), c.ID, models.ProbeOptions{})
		require.NoError(t, err)
		return got
	}
	require.True(t, check().Stored)
	require.EqualValues(t, 1, news.changed.Load())
	require.Equal(t, models.ClusterUnknown, news.was.Load())
	before := r.byID(t, c.ID)
	got := check()
	require.False(t, got.Stored, "nothing is new but the time")
	require.Equal(t, before, r.byID(t, c.ID))
	require.True(t, got.Checked().At.After(*before.LastCheck))

	server.status.Store(http.StatusUnauthorized)
	for failures := 1; failures <= 3; failures++ {
		require.True(t, check().Stored)
		require.Equal(t, failures, r.byID(t, c.ID).Failures)
	}
	require.EqualValues(t, 2, news.changed.Load())
	require.Equal(t, models.ClusterConnected, news.was.Load())
	require.Equal(t, models.ClusterError, r.byID(t, c.ID).Status)

	_, err := r.Test(t.Context(), ann, "a")
	require.NoError(t, err)
	require.Zero(t, r.byID(t, c.ID).Failures, "a test by hand ends the pauses")
	check()
	server.status.Store(0)
	check()
	require.Zero(t, r.byID(t, c.ID).Failures)
	require.EqualValues(t, 3, news.changed.Load())
	require.Equal(t, models.ClusterError, news.was.Load())

	_, err = r.Delete(t.Context(), ann, "a")
	require.NoError(t, err)
	require.EqualValues(t, 1, news.removed.Load())
	require.True(t, check().Skipped, "a cluster that is gone is no failure")
}

func TestChecksAtOnceShareOne(t *testing.T) {
	t.Parallel()
	r, server := newClusterRig(t), newStub(t)
	c := r.put(t, "a", server.URL)
	server.hang.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	background := make(chan error, 1)
	go func() {
		_, err := r.CheckHealth(ctx, c.ID, models.ProbeOptions{})
		background <- err
	}()
	<-server.asked
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got, err := r.Test(t.Context(), ann, "a"); err != nil || !got.OK() {
				t.Errorf("%+v %v", got, err)
			}
		})
	}
	server.hang.Store(false)
	cancel() // those who wait take over from a check that is given up
	require.ErrorIs(t, <-background, context.Canceled)
	all.Wait()
	require.Less(t, server.checks.Load(), int32(20))
}

func TestAPanicInACheckFreesThoseWhoWait(t *testing.T) {
	t.Parallel()
	var checks sharedChecks
	c := models.Cluster{ID: "c"}
	begun, end := make(chan struct{}), make(chan struct{})
	broke := make(chan error, 1)
	go func() {
		broke <- checks.do(t.Context(), c, false, func() checkResult { close(begun); <-end; panic("oh") }).err
	}()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, checks.do(ctx, c, false, nil).err, context.Canceled, "who waits may leave")
	close(end)
	got := checks.do(t.Context(), c, false, func() checkResult { return checkResult{cluster: c} })
	require.NoError(t, got.err)
	require.ErrorContains(t, <-broke, "oh")
}

func TestRoundOfChecksPassesARecordThatDoesNotOpen(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	server := apiServer(t)
	lost, err := r.Add(t.Context(), ann, tokenCluster("lost", server, clusterToken))
	require.NoError(t, err)
	other := r.withKey("another key")
	fine, err := other.Add(t.Context(), ann, tokenCluster("fine", server, clusterToken))
	require.NoError(t, err)
	for id, want := range map[string]string{lost.ID: models.ClusterError, fine.ID: models.ClusterConnected} {
		check, err := other.CheckHealth(t.Context(), id, models.ProbeOptions{})
		require.NoError(t, err)
		require.Equal(t, want, check.Cluster.Status)
	}
	status, err := other.Status(t.Context(), ann, "lost")
	require.NoError(t, err)
	require.Equal(t, models.ClusterError, status.Status)
}
