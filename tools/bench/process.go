package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/kubeorch/core/tools/internal/api"
	"github.com/kubeorch/core/tools/internal/proc"
)

// measureStart times a server from exec to the first /readyz that answers
// 200, on a data directory that has been used before.
func measureStart(ctx context.Context, b *bench) error {
	srv, _, err := b.server(ctx, "start")
	if err != nil {
		return err
	}
	srv.Stop()
	var all []time.Duration
	for range rounds {
		begin := time.Now()
		s, err := proc.StartServer(ctx, b.serverBin, filepath.Join(b.dir, "start"), 0)
		if err != nil {
			return err
		}
		for get(ctx, http.DefaultClient, s.URL+"/readyz", "") != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		all = append(all, time.Since(begin))
		s.Stop()
	}
	d := median(all)
	b.add(row{what: "start to /readyz 200", got: ms(d), floor: "-", bar: "≤ 300 ms", ok: d <= 300*time.Millisecond})
	return nil
}

// quiet is the pause before a server's memory is read, in which the runtime returns
// freed memory to the system.
const quiet = 15 * time.Second

// measureIdle reads the memory of a server that watches 50 objects.
func measureIdle(ctx context.Context, b *bench) error {
	srv, c, err := b.server(ctx, "idle")
	if err != nil {
		return err
	}
	defer srv.Stop()
	if err := b.addCluster(ctx, c); err != nil {
		return err
	}
	id, _, err := timedRun(ctx, c, mixed("idle", "idle", 10))
	if err != nil {
		return err
	}
	stop := keepStream(ctx, c, statusStream(id))
	defer stop()
	if err := pause(ctx, quiet); err != nil {
		return err
	}
	n, err := rss(srv.PID())
	if err != nil {
		return err
	}
	b.add(row{what: "idle memory, 1 cluster, 50 objects watched", got: mb(n), floor: "-", bar: "≤ 80 MB", ok: n <= 80<<20})
	return nil
}

func statusStream(workflowID string) string { return "/workflows/" + workflowID + "/status/stream" }

// keepStream keeps a stream open, as a page does.
func keepStream(ctx context.Context, c *api.Client, path string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Stream(ctx, path, func(api.Event) bool { return true })
	}()
	return func() { cancel(); <-done }
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// noInventory has a server watch what its workflows have deployed, and nothing else.
const noInventory = "INVENTORY=false"

// measureWatch compares the memory of a server that watches 5,000 objects of
// five kinds with that of a plain client-go process doing the same.
func measureWatch(ctx context.Context, b *bench) error {
	srv, c, err := b.server(ctx, "watch", noInventory)
	if err != nil {
		return err
	}
	defer func() { srv.Stop() }()
	if err := b.addCluster(ctx, c); err != nil {
		return err
	}
	var ids []string
	for i := range 5 {
		name := fmt.Sprintf("watch-%d", i)
		id, d, err := timedRun(ctx, c, mixed(name, name, 200))
		if err != nil {
			return err
		}
		progress("  deployed 1,000 objects in " + ms(d))
		ids = append(ids, id)
	}
	// A fresh process: what the deployments allocated is not part of watching.
	srv.Stop()
	if srv, c, err = b.server(ctx, "watch", noInventory); err != nil {
		return err
	}
	for _, id := range ids {
		stop := keepStream(ctx, c, statusStream(id))
		defer stop()
	}
	peer, _, err := b.helper(ctx, "informers", b.kubeconfig)
	if err != nil {
		return err
	}
	defer peer.Stop()
	if err := pause(ctx, quiet); err != nil {
		return err
	}
	ours, err := rss(srv.PID())
	if err != nil {
		return err
	}
	theirs, err := rss(peer.PID())
	if err != nil {
		return err
	}
	b.add(row{
		what: "5,000 watched objects of 5 kinds", got: mb(ours), floor: "client-go informers: " + mb(theirs),
		bar: fmt.Sprintf("≤ 1.5 × (is %.2f)", float64(ours)/float64(theirs)), ok: float64(ours) <= 1.5*float64(theirs),
	})
	return b.addOwnMemory(srv.PID(), peer.PID())
}

// addOwnMemory reports the memory without mapped files. Those are the program, which
// is larger than the peer's, and the store: the system takes their pages back when
// it needs memory.
func (b *bench) addOwnMemory(server, peer int) error {
	ours, err := memoryOf(server, "RssAnon:")
	if err != nil {
		return err
	}
	theirs, err := memoryOf(peer, "RssAnon:")
	if err != nil {
		return err
	}
	b.add(row{
		what: "of it, without mapped files", got: mb(ours), floor: "client-go informers: " + mb(theirs),
		bar: fmt.Sprintf("reported (is %.2f)", float64(ours)/float64(theirs)), info: true,
	})
	return nil
}
