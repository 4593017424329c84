package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/tools/internal/api"
	"github.com/kubeorch/core/tools/internal/proc"
)

// loadTime and connections shape the load of one throughput measurement.
const (
	loadTime    = 2 * time.Second
	connections = 16
)

// measureGet compares reading one workflow of 50 nodes with Gin writing the
// same bytes from memory in a process of its own.
func measureGet(ctx context.Context, b *bench) error {
	srv, c, err := b.server(ctx, "get")
	if err != nil {
		return err
	}
	defer srv.Stop()
	g := deployments("get", "default", 50, 1)
	id, err := c.Workflow(ctx, g, "none")
	if err != nil {
		return err
	}
	if err := c.Save(ctx, id, g); err != nil {
		return err
	}
	var raw json.RawMessage
	if err := c.Do(ctx, http.MethodGet, "/workflows/"+id, nil, &raw); err != nil {
		return err
	}
	file := b.dir + "/bytes.json"
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return err
	}
	peer, url, err := b.helper(ctx, "bytes", file)
	if err != nil {
		return err
	}
	defer peer.Stop()
	var ours, theirs float64
	for range 3 {
		ours += load(ctx, c.Base+"/workflows/"+id, c.Token)
		theirs += load(ctx, url, c.Token)
	}
	b.add(row{
		what: fmt.Sprintf("GET /workflows/:id, 50 nodes, %d KB", len(raw)>>10), got: fmt.Sprintf("%.0f/s", ours/3),
		floor: fmt.Sprintf("Gin, same bytes: %.0f/s", theirs/3), bar: fmt.Sprintf("≥ 1/3 (is %.2f)", ours/theirs), ok: ours >= theirs/3,
	})
	return nil
}

// load returns the requests per second that 16 connections get through.
func load(ctx context.Context, url, token string) float64 {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	var n atomic.Int64
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			for get(ctx, client, url, token) == nil {
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / loadTime.Seconds()
}

func get(ctx context.Context, client *http.Client, url, token string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// serveBytes is the peer of measureGet.
func serveBytes(ctx context.Context, args []string) error {
	body, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.GET("/", func(c *gin.Context) { c.Data(http.StatusOK, "application/json; charset=utf-8", body) })
	return serve(ctx, e)
}

// serve prints where it listens and serves until ctx ends.
func serve(ctx context.Context, h http.Handler) error {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	fmt.Println("url http://" + ln.Addr().String() + "/")
	if err := s.Serve(ln); ctx.Err() == nil {
		return err
	}
	return nil
}

// helper starts this program in a role and returns the URL that it prints after
// the word "url".
func (b *bench) helper(ctx context.Context, role string, args ...string) (*proc.Process, string, error) {
	var url string
	p, err := proc.Await(ctx, func(l string) bool {
		_, err := fmt.Sscanf(l, "url %s", &url)
		return err == nil
	}, nil, b.self, append([]string{"-role", role}, args...)...)
	return p, url, err
}

// listed is the number of workflows in the measured list.
const listed = 1000

// measureList times the list of 1,000 workflows with small and with large
// graphs: it must be quick, and flat in their size.
func measureList(ctx context.Context, b *bench) error {
	srv, c, err := b.server(ctx, "list")
	if err != nil {
		return err
	}
	defer srv.Stop()
	var ids []string
	for i := range listed {
		var made struct{ ID string }
		in := map[string]string{"name": fmt.Sprintf("workflow %d", i), "cluster_id": "none"}
		if err := c.Do(ctx, http.MethodPost, "/workflows", in, &made); err != nil {
			return err
		}
		ids = append(ids, made.ID)
	}
	times := map[int]time.Duration{}
	for _, nodes := range []int{5, 50} {
		g := deployments("list", "default", nodes, 1)
		for _, id := range ids {
			body := map[string]any{"nodes": g.Nodes, "edges": g.Edges}
			if err := c.Do(ctx, http.MethodPost, "/workflows/"+id+"/save", body, nil); err != nil {
				return err
			}
		}
		if times[nodes], err = timedGet(ctx, c, "/workflows"); err != nil {
			return err
		}
	}
	b.add(row{
		what: "list of 1,000 workflows", got: ms(times[50]) + " (50 nodes each)", floor: ms(times[5]) + " (5 nodes each)",
		bar: "≤ 30 ms, flat", ok: times[50] <= 30*time.Millisecond,
	})
	return nil
}

// timedGet returns the median time of a read.
func timedGet(ctx context.Context, c *api.Client, path string) (time.Duration, error) {
	var all []time.Duration
	for range 15 {
		begin := time.Now()
		if err := c.Do(ctx, http.MethodGet, path, nil, nil); err != nil {
			return 0, err
		}
		all = append(all, time.Since(begin))
	}
	return median(all), nil
}
