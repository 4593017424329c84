package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubeorch/core/tools/internal/api"
	"github.com/kubeorch/core/tools/internal/proc"
)

const (
	attackers = 200
	floodTime = 10 * time.Second
	// retryEvery is the average pause of an attacker who was refused. Retry-After
	// in the answer asks for a longer one.
	retryEvery = time.Second
	// askEvery is the interval of the measured requests, below the rate limit of a
	// client.
	askEvery = 25 * time.Millisecond
	floodBar = 100 * time.Millisecond
)

// measureFlood times reads while 200 attackers, each from its own address, try
// passwords of ever new accounts. The server has its default limits.
func measureFlood(ctx context.Context, b *bench) error {
	srv, err := proc.StartServer(ctx, b.serverBin, filepath.Join(b.dir, "flood"), 0, "TRUSTED_PROXIES=127.0.0.1")
	if err != nil {
		return err
	}
	defer srv.Stop()
	c := api.New(srv.URL)
	if err := c.SignIn(ctx, "bench@example.com", "bench-password"); err != nil {
		return err
	}
	calm, err := pacedReads(ctx, c, 3*time.Second)
	if err != nil {
		return err
	}
	answers, stop := flood(ctx, c.Base+"/auth/login")
	during, err := pacedReads(ctx, c, floodTime)
	stop()
	if err != nil {
		return err
	}
	p99 := during[len(during)*99/100]
	b.add(row{
		what:  fmt.Sprintf("p99 of reads while %d log in wrongly (%s)", attackers, answers()),
		got:   exactly(p99) + ", at most " + exactly(during[len(during)-1]),
		floor: "p99 without them: " + exactly(calm[len(calm)*99/100]),
		bar:   "< 100 ms", ok: p99 < floodBar,
	})
	return nil
}

// pacedReads returns, sorted, how long requests of a signed-in client took.
func pacedReads(ctx context.Context, c *api.Client, d time.Duration) ([]time.Duration, error) {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	paths := []string{"/profile", "/workflows", "/clusters", "/templates"}
	var all []time.Duration
	for end := time.Now().Add(d); time.Now().Before(end); <-tick.C {
		begin := time.Now()
		if err := c.Do(ctx, http.MethodGet, paths[len(all)%len(paths)], nil, nil); err != nil {
			return nil, err
		}
		all = append(all, time.Since(begin))
	}
	slices.Sort(all)
	return all, nil
}

// flood starts the attackers. After stop, answers returns the answers they got.
func flood(ctx context.Context, url string) (answers func() string, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: attackers}}
	var (
		wg  sync.WaitGroup
		mu  sync.Mutex
		got = map[int]int{}
	)
	for i := range attackers {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				status, err := wrongLogin(ctx, client, url, i, n)
				if err != nil {
					continue
				}
				mu.Lock()
				got[status]++
				mu.Unlock()
				if status != http.StatusUnauthorized {
					_ = pause(ctx, rand.N(2*retryEvery)) // not all of them at the same moment
				}
			}
		})
	}
	answers = func() string {
		mu.Lock()
		defer mu.Unlock()
		return fmt.Sprintf("%d × 401, %d × 429, %d × 503", got[401], got[429], got[503])
	}
	return answers, func() { cancel(); wg.Wait(); client.CloseIdleConnections() }
}

// wrongLogin tries a password of an account that was not tried before.
func wrongLogin(ctx context.Context, client *http.Client, url string, attacker, n int) (status int, err error) {
	body := fmt.Sprintf(`{"email":"victim-%d-%d@example.com","password":"wrong-password"}`, attacker, n)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("198.51.%d.%d", attacker/200+n/10, attacker%200+1))
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// exactly formats d with tenths of milliseconds.
func exactly(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
