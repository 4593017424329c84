package kubernetes

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeCluster is a cluster that answers or fails as a test tells it.
type fakeCluster struct {
	calls  atomic.Int32
	answer func(*http.Request) error // nil: it answers
}

func (a *fakeCluster) RoundTrip(r *http.Request) (*http.Response, error) {
	a.calls.Add(1)
	if a.answer != nil {
		if err := a.answer(r); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func refuses(*http.Request) error { return &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED} }

// hangs answers when the caller's context ends.
func hangs(r *http.Request) error {
	<-r.Context().Done()
	return r.Context().Err()
}

func request(ctx context.Context, t *testing.T, b *breaker) error {
	t.Helper()
	resp, err := b.RoundTrip(httptest.NewRequestWithContext(ctx, http.MethodGet, "/version", nil))
	if err == nil {
		_ = resp.Body.Close()
	}
	return err
}

func testBreaker(a *fakeCluster) *breaker {
	return newBreaker(a, limits{request: defaultRequestTimeout, headers: watchHeaders})
}

func TestOpenCircuitFailsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &fakeCluster{answer: refuses}
		b := testBreaker(a)
		for range breakAfter {
			require.Error(t, request(t.Context(), t, b))
		}
		begin := time.Now()
		for range 1000 {
			err := request(t.Context(), t, b)
			require.Equal(t, Unreachable, ReasonOf(err))
			require.ErrorContains(t, err, "out of reach since")
			require.ErrorContains(t, err, "the server refuses connections")
		}
		require.Zero(t, time.Since(begin))
		require.EqualValues(t, breakAfter, a.calls.Load())
		require.True(t, b.state().Open)
		require.Equal(t, begin.UTC(), b.state().Since.UTC())

		// Probes get rarer, however often callers try.
		for range 10 * 60 * 10 {
			time.Sleep(100 * time.Millisecond)
			require.Error(t, request(t.Context(), t, b))
		}
		probes := a.calls.Load() - breakAfter
		require.Greater(t, probes, int32(10))
		require.Less(t, probes, int32(25), "in ten minutes")

		a.answer = nil
		time.Sleep(maxProbePause * 2)
		require.NoError(t, request(t.Context(), t, b))
		require.Equal(t, Reach{}, b.state())
		require.NoError(t, request(t.Context(), t, b))
	})
}

func TestOneCallerAtATimeProbesAHangingCluster(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &fakeCluster{answer: hangs}
		b := testBreaker(a)
		for range breakAfter {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			require.Equal(t, Timeout, ReasonOf(request(ctx, t, b)))
			cancel()
		}
		time.Sleep(2 * time.Second)
		before := a.calls.Load()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				require.Error(t, request(ctx, t, b))
			})
		}
		all.Wait()
		require.EqualValues(t, 1, a.calls.Load()-before)
	})
}

func TestErrorsThatDoNotOpenTheCircuit(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(*http.Request) error{
		"callers who give up":          func(*http.Request) error { return context.Canceled },
		"callers with short deadlines": func(*http.Request) error { return context.DeadlineExceeded },
		"wrong credentials":            func(*http.Request) error { return &Error{Reason: Unauthorized} },
		"a proxy that is alive":        func(*http.Request) error { return &Error{Reason: Busy} },
		"a removed cluster":            func(*http.Request) error { return errClosed() },
		"an unknown error":             func(*http.Request) error { return errors.New("x") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &fakeCluster{answer: answer}
			b := testBreaker(a)
			for range 20 {
				require.Error(t, request(t.Context(), t, b))
			}
			require.EqualValues(t, 20, a.calls.Load())
			require.False(t, b.state().Open)
		})
	}
}

func TestEarlyProbesFindTheClusterBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &fakeCluster{answer: refuses}
		b := testBreaker(a)
		for range 40 { // until the pauses are long
			require.Error(t, request(withProbe(t.Context()), t, b))
			time.Sleep(maxProbePause)
		}
		time.Sleep(time.Until(b.state().NextTry))
		require.Error(t, request(t.Context(), t, b))
		before := a.calls.Load()
		require.Error(t, request(ProbeEarly(t.Context()), t, b), "tried just now")
		require.Equal(t, before, a.calls.Load())

		// The cluster is back. One of many early probes is sent; all succeed.
		var calls atomic.Int32
		a.answer = func(*http.Request) error {
			calls.Add(1)
			time.Sleep(50 * time.Millisecond)
			return nil
		}
		time.Sleep(minProbePause)
		require.Error(t, request(t.Context(), t, b), "it is not due for others")
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { require.NoError(t, request(ProbeEarly(t.Context()), t, b)) })
		}
		all.Wait()
		require.EqualValues(t, 8, calls.Load())
		require.False(t, b.state().Open)
	})
}

// A probe whose caller cancels it has no outcome, and the next call is a probe.
func TestCancelledProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &fakeCluster{answer: refuses}
		b := testBreaker(a)
		for range breakAfter {
			require.Error(t, request(t.Context(), t, b))
		}
		time.Sleep(2 * time.Second)
		a.answer = hangs
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- request(ctx, t, b) }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		a.answer = nil
		require.NoError(t, request(t.Context(), t, b))
	})
}

func TestRateLimitUntilTheServerIsFair(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		header := http.Header{}
		p := newRateLimitTransport(roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: header, Body: http.NoBody}, nil
		}))
		send := func(count int) time.Duration {
			begin := time.Now()
			for range count {
				resp, err := p.RoundTrip(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/version", nil))
				require.NoError(t, err)
				_ = resp.Body.Close()
			}
			return time.Since(begin)
		}
		require.Zero(t, send(requestBurst))
		require.InDelta(t, 2, send(2*requestsPerSecond).Seconds(), 0.05)
		header.Set(fairnessHeader, "an-id")
		send(1)
		require.Zero(t, send(10_000))
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
