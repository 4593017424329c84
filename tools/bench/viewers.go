package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
	"github.com/kubeorch/core/tools/internal/api"
)

const (
	viewedWorkflows = 50
	nodesOfEachKind = 4 // of five kinds
	viewersEach     = 200
	connecting      = 50 // viewers at the same time
	viewingTime     = time.Minute
	viewedWatches   = 5 + 2 // kinds, pods and events
)

// measureViewers counts what an API server is asked for the sake of many people who
// watch many workflows.
func measureViewers(ctx context.Context, b *bench) error {
	srv, c, err := b.server(ctx, "viewers")
	if err != nil {
		return err
	}
	defer func() { srv.Stop() }()
	gate, err := b.gateway(ctx, c)
	if err != nil {
		return err
	}
	defer gate.Close()
	ids, err := deployViewed(ctx, c)
	if err != nil {
		return err
	}
	// A server that has just begun opens its watches for the viewers.
	srv.Stop()
	if srv, c, err = b.server(ctx, "viewers"); err != nil {
		return err
	}
	before := gate.Requests()
	begin := time.Now()
	leave, err := view(ctx, c, ids)
	defer leave()
	if err != nil {
		return err
	}
	all := time.Since(begin)
	opened := gate.Requests()
	if err := pause(ctx, viewingTime); err != nil {
		return err
	}
	after := gate.Requests()
	watches := sum(after.Watches) - sum(before.Watches)
	b.add(row{
		what: fmt.Sprintf("%d workflows of %d nodes, %d viewers each: watches at the API server",
			viewedWorkflows, 5*nodesOfEachKind, viewersEach),
		got:   fmt.Sprintf("%d opened, %d open (%s)", watches, sum(after.Watching), strings.Join(slices.Sorted(maps.Keys(after.Watching)), " ")),
		floor: fmt.Sprintf("one for each kind: %d", viewedWatches),
		bar:   "no more", ok: watches <= viewedWatches,
	})
	b.add(row{
		what: "of it: requests to the API server",
		got: fmt.Sprintf("%d until all were connected (%s), then %.0f a minute", opened.All-before.All, ms(all),
			float64(after.All-opened.All)/viewingTime.Minutes()),
		floor: "-", bar: "reported", info: true,
	})
	return nil
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// gateway registers the control plane as "bench", through a gateway that counts.
func (b *bench) gateway(ctx context.Context, c *api.Client) (*kubetest.Gateway, error) {
	cfg, err := restConfig(b.kubeconfig)
	if err != nil {
		return nil, err
	}
	token, err := os.ReadFile(filepath.Join(filepath.Dir(b.kubeconfig), "admin.token"))
	if err != nil {
		return nil, err
	}
	gate, err := kubetest.NewGateway(cfg.Host, cfg.CAData)
	if err != nil {
		return nil, err
	}
	err = c.Do(ctx, http.MethodPost, "/clusters", map[string]any{"name": "bench", "server": gate.URL, "authType": "token",
		"credentials": map[string]any{"token": strings.TrimSpace(string(token)), "caData": string(gate.CA())}}, nil)
	if err != nil {
		gate.Close()
		return nil, err
	}
	return gate, nil
}

// deployViewed runs the workflows that are to be viewed and returns their ids.
func deployViewed(ctx context.Context, c *api.Client) (ids []string, err error) {
	for i := range viewedWorkflows {
		id, _, err := timedRun(ctx, c, mixed(fmt.Sprintf("viewed-%d", i), "viewers", nodesOfEachKind))
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// view opens the streams of all viewers and returns when each has its first event.
// leave closes them.
func view(ctx context.Context, c *api.Client, ids []string) (leave func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	transport := &http.Transport{MaxIdleConnsPerHost: 1}
	client := &http.Client{Transport: transport}
	connected := make(chan error)
	var viewers sync.WaitGroup
	leave = func() { cancel(); viewers.Wait() }
	started, done := 0, 0
	for ; err == nil && done < len(ids)*viewersEach; done++ {
		for ; started < len(ids)*viewersEach && started < done+connecting; started++ {
			url := c.Base + statusStream(ids[started%len(ids)])
			viewers.Go(func() { viewStream(ctx, client, url, c.Token, connected) })
		}
		err = <-connected
	}
	if err != nil { // the others are not waited for
		cancel()
		for ; done < started; done++ {
			<-connected
		}
	}
	return leave, err
}

// viewStream reads a stream until ctx ends. It reports once, that the first event is
// there or why not.
func viewStream(ctx context.Context, client *http.Client, url, token string, connected chan<- error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		connected <- err
		return
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := client.Do(req)
	if err != nil {
		connected <- err
		return
	}
	defer res.Body.Close()
	first, err := bufio.NewReaderSize(res.Body, 16).ReadString('\n')
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", res.StatusCode, first)
	}
	connected <- err
	_, _ = io.Copy(io.Discard, res.Body)
}
