package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// flooder is one of many who try a wrong password at the same moment, for an
// account and from an address of his own.
func (s *server) flooder(ctx context.Context, client *http.Client, i int) (status int, retryAfter string, err error) {
	body := login(fmt.Sprintf("victim%d@example.org", i), "wrong-1")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+api+"/auth/login", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i))
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Header.Get("Retry-After"), err
}

// 200 wrong logins at once are answered: a few after hashing, the others at
// once. The rest of the API goes on meanwhile, and Ann logs in from where she
// did before. How fast the rest is, make bench measures; here it is shown.
func TestFloodOfLogins(t *testing.T) {
	t.Parallel()
	const flooders = 200
	r := start(t, behindProxy("RATE_LIMIT_AUTH_PER_MINUTE", "10", "LOG_LEVEL", "info")...)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var (
		wg  sync.WaitGroup
		mu  sync.Mutex
		got = map[int]int{}
	)
	for i := range flooders {
		wg.Go(func() {
			status, retryAfter, err := r.flooder(t.Context(), client, i)
			mu.Lock()
			defer mu.Unlock()
			got[status]++
			if err != nil || (status == http.StatusServiceUnavailable) != (retryAfter != "") {
				got[-1]++
			}
		})
	}
	over := make(chan struct{})
	go func() { wg.Wait(); close(over) }()

	ann := r.ann()
	var took []time.Duration
	for ended := false; !ended; {
		begin := time.Now()
		require.Equal(t, http.StatusOK, ann.call(t, "GET", api+"/profile", ann.token, "").StatusCode)
		took = append(took, time.Since(begin))
		select {
		case <-over:
			ended = true
		default:
		}
		if len(took) == 10 {
			res := r.call(t, "POST", api+"/auth/login", "", login("ann@example.org", "secret1"))
			require.Equal(t, http.StatusOK, res.StatusCode, "known people go first: %s", res.text)
		}
	}
	<-over
	slices.Sort(took)
	t.Logf("flood: %v; %d other requests meanwhile, p99 %s, slowest %s", got, len(took), took[len(took)*99/100], took[len(took)-1])
	require.Zero(t, got[-1], "%v", got)
	require.Equal(t, flooders, got[http.StatusUnauthorized]+got[http.StatusServiceUnavailable], "%v", got)
	require.NotZero(t, got[http.StatusUnauthorized])
	require.NotZero(t, got[http.StatusServiceUnavailable])
}
