package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/kubeorch/core/tools/internal/api"
)

const (
	ownClusters    = 50
	sharedClusters = 20
	parallelCalls  = 100
)

// measureClusters times the calls about clusters that every open page repeats.
// They do not depend on the clusters, which do not answer here.
func measureClusters(ctx context.Context, b *bench) error {
	srv, c, err := b.server(ctx, "clusters")
	if err != nil {
		return err
	}
	defer srv.Stop()
	if err := fillClusters(ctx, srv.URL, c); err != nil {
		return err
	}
	for _, call := range []struct {
		what, path string
		bar        float64
	}{
		{fmt.Sprintf("GET /clusters, %d own and %d shared", ownClusters, sharedClusters), "/clusters", 0.2},
		{"GET /clusters/:name/status, own", "/clusters/own-7/status", 0},
		{"GET /clusters/:name/status, shared", "/clusters/shared-7/status", 0},
	} {
		if err := measureCall(ctx, b, c, call.what, call.path, call.bar); err != nil {
			return err
		}
	}
	return nil
}

// measureCall compares one call, many times at once, with Gin writing the same
// bytes from memory in a process of its own. bar is which part of the requests per
// second is to be reached; 0: any.
func measureCall(ctx context.Context, b *bench, c *api.Client, what, path string, bar float64) error {
	var raw json.RawMessage
	if err := c.Do(ctx, http.MethodGet, path, nil, &raw); err != nil {
		return err
	}
	file := filepath.Join(b.dir, "call.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return err
	}
	peer, url, err := b.helper(ctx, "bytes", file)
	if err != nil {
		return err
	}
	defer peer.Stop()
	ourMid, ourLast, err := atOnce(ctx, c.Base+path, c.Token)
	if err != nil {
		return err
	}
	mid, last, err := atOnce(ctx, url, c.Token)
	if err != nil {
		return err
	}
	var ours, theirs float64
	for range 3 {
		ours += load(ctx, c.Base+path, c.Token) / 3
		theirs += load(ctx, url, c.Token) / 3
	}
	r := row{
		what:  fmt.Sprintf("%s, %d KB: %d at once", what, len(raw)>>10, parallelCalls),
		got:   fmt.Sprintf("median %s, last %s; %.0f/s", ms(ourMid), ms(ourLast), ours),
		floor: fmt.Sprintf("Gin, same bytes: median %s, last %s; %.0f/s", ms(mid), ms(last), theirs),
		bar:   "reported", info: bar == 0, ok: ours >= bar*theirs,
	}
	if bar > 0 {
		r.bar = fmt.Sprintf("≥ %.1f × (is %.2f)", bar, ours/theirs)
	}
	b.add(r)
	return nil
}

// fillClusters registers c's clusters, and clusters of another account that are
// shared with c's.
func fillClusters(ctx context.Context, url string, c *api.Client) error {
	var me struct{ User struct{ ID string } }
	if err := c.Do(ctx, http.MethodGet, "/profile", nil, &me); err != nil {
		return err
	}
	var invite struct{ InviteCode string }
	if err := c.Do(ctx, http.MethodGet, "/settings/invite-code", nil, &invite); err != nil {
		return err
	}
	other := api.New(url)
	var session struct{ Token string }
	join := map[string]any{"name": "Other", "email": "other@example.com", "password": "bench-password", "inviteCode": invite.InviteCode}
	if err := other.Do(ctx, http.MethodPost, "/auth/register", join, &session); err != nil {
		return err
	}
	other.Token = session.Token
	for i := range ownClusters {
		if err := addDead(ctx, c, fmt.Sprint("own-", i)); err != nil {
			return err
		}
	}
	for i := range sharedClusters {
		name := fmt.Sprint("shared-", i)
		if err := addDead(ctx, other, name); err != nil {
			return err
		}
		var offered struct{ Share struct{ ID string } }
		share := map[string]any{"targetUserId": me.User.ID, "role": "editor", "namespaces": []string{"shop", "test"}}
		if err := other.Do(ctx, http.MethodPost, "/clusters/"+name+"/share", share, &offered); err != nil {
			return err
		}
		if err := c.Do(ctx, http.MethodPost, "/clusters/shares/"+offered.Share.ID+"/accept", nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// addDead registers a cluster that refuses connections.
func addDead(ctx context.Context, c *api.Client, name string) error {
	return c.Do(ctx, http.MethodPost, "/clusters", map[string]any{
		"name": name, "server": "https://127.0.0.1:1", "authType": "token",
		"credentials": map[string]any{"token": "none", "insecure": true},
	}, nil)
}

// atOnce sends many requests at the same moment, several times, and returns the
// median and the longest duration of one.
func atOnce(ctx context.Context, url, token string) (mid, worst time.Duration, err error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: parallelCalls, DisableCompression: true}}
	defer client.CloseIdleConnections()
	var all []time.Duration
	for round := range rounds + 1 {
		took, errs := make([]time.Duration, parallelCalls), make([]error, parallelCalls)
		var wg sync.WaitGroup
		for i := range parallelCalls {
			wg.Go(func() {
				begin := time.Now()
				errs[i] = get(ctx, client, url, token)
				took[i] = time.Since(begin)
			})
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				return 0, 0, err
			}
		}
		if round > 0 { // the first one opens the connections
			all = append(all, took...)
		}
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)-1], nil
}
