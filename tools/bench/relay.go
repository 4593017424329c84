package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/relay"
	"github.com/kubeorch/core/services/stream"
)

// The load of the measurement of relayed events.
const (
	relayedStreams = 50
	relayedEvents  = 20_000 // at once; each stream remembers its share
	relayedSamples = 250    // of latency
	relayedPause   = 40 * time.Millisecond
	relayIdleTime  = 10 * time.Second
)

// measureRelay has two servers share a log in the embedded store, and reports how
// quickly events of one reach readers of the other.
func measureRelay(ctx context.Context, b *bench) (err error) {
	db, err := database.Open(ctx, database.Config{DataDir: filepath.Join(b.dir, "relay")})
	if err != nil {
		return err
	}
	defer func() {
		if e := db.Close(ctx); err == nil {
			err = e
		}
	}()
	runCtx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	var pair [2]*relayServer
	for i := range pair {
		if pair[i], err = startRelay(runCtx, db, &running); err != nil {
			return err
		}
		defer pair[i].events.Close()
	}
	quiet, err := pair[0].operations(ctx)
	if err != nil {
		return err
	}
	readers, err := pair[1].read()
	if err != nil {
		return err
	}
	serving, err := pair[1].operations(ctx)
	if err != nil {
		return err
	}
	rate, err := throughput(ctx, pair[0], readers)
	if err != nil {
		return err
	}
	delays, err := latencies(ctx, pair[0], readers)
	if err != nil {
		return err
	}
	b.add(row{
		what: "events from one server to readers of another", floor: "-", bar: "reported", info: true,
		got: fmt.Sprintf("%.0f/s; p50 %s, p99 %s", rate, ms(delays[len(delays)/2]), ms(delays[len(delays)*99/100])),
	})
	b.add(row{
		what: "database operations of a server beside a quiet one", floor: "alone: none", bar: "reported", info: true,
		got: fmt.Sprintf("%.1f/s; %.1f/s with readers of streams", quiet, serving),
	})
	return nil
}

// relayServer is what a server has to do with others.
type relayServer struct {
	store  *countedLog
	relay  *relay.Relay
	events *stream.Broadcaster
}

// countedLog counts the operations.
type countedLog struct {
	*repositories.RelayLog

	n atomic.Int64
}

func (c *countedLog) Append(ctx context.Context, e models.RelayEntry) error {
	c.n.Add(1)
	return c.RelayLog.Append(ctx, e)
}

func (c *countedLog) After(ctx context.Context, n int64, limit int) ([]models.RelayEntry, error) {
	c.n.Add(1)
	return c.RelayLog.After(ctx, n, limit)
}

func (c *countedLog) Newest(ctx context.Context) (int64, error) {
	c.n.Add(1)
	return c.RelayLog.Newest(ctx)
}

// together is the session of a server that is never alone.
type together struct{}

func (together) Alone() bool       { return false }
func (together) ID() string        { return "bench" }
func (together) Valid(string) bool { return true }

func startRelay(ctx context.Context, db *database.DB, running *sync.WaitGroup) (*relayServer, error) {
	s := &relayServer{store: &countedLog{RelayLog: repositories.NewRelayLog(db.Database())}, events: stream.NewBroadcaster()}
	s.relay = relay.New(relay.Deps{
		Store: s.store, Session: together{}, Sink: s.events, Readers: s.events.Readers, Log: slog.New(slog.DiscardHandler),
	})
	s.events.Attach(s.relay)
	if err := s.relay.Join(ctx); err != nil {
		return nil, err
	}
	running.Go(func() { _ = s.relay.Run(ctx) })
	return s, nil
}

// operations returns the operations a second while nothing happens.
func (s *relayServer) operations(ctx context.Context) (float64, error) {
	if err := pause(ctx, time.Second); err != nil {
		return 0, err
	}
	before := s.store.n.Load()
	err := pause(ctx, relayIdleTime)
	return float64(s.store.n.Load()-before) / relayIdleTime.Seconds(), err
}

func relayedStream(i int) string { return models.WorkflowStream(fmt.Sprintf("%024x", i)) }

// read returns a subscription of each stream.
func (s *relayServer) read() ([]*stream.Subscription, error) {
	var all []*stream.Subscription
	for i := range relayedStreams {
		sub, err := s.events.Subscribe(relayedStream(i), "")
		if err != nil {
			return nil, err
		}
		all = append(all, sub)
	}
	return all, nil
}

func (s *relayServer) publish(i int) error {
	status := map[string]any{"state": "partial", "replicas": 3, "readyReplicas": 1}
	return s.events.Publish(relayedStream(i), models.EventNodeUpdate, models.NodeUpdate{NodeID: "node-1", Type: "deployment", Status: status})
}

// throughput publishes many events at once, and returns how many a second the
// readers got.
func throughput(ctx context.Context, from *relayServer, readers []*stream.Subscription) (float64, error) {
	begin := time.Now()
	for i := range relayedEvents {
		if err := from.publish(i % relayedStreams); err != nil {
			return 0, err
		}
	}
	for _, r := range readers {
		for got := 0; got < relayedEvents/relayedStreams; {
			if err := ready(ctx, r); err != nil {
				return 0, err
			}
			frames, lost := r.Take(nil)
			if lost {
				return 0, fmt.Errorf("a reader lost events after %d", got)
			}
			got += len(frames)
		}
	}
	return relayedEvents / time.Since(begin).Seconds(), nil
}

// latencies returns the times from publishing one event to its being read, sorted.
func latencies(ctx context.Context, from *relayServer, readers []*stream.Subscription) ([]time.Duration, error) {
	var all []time.Duration
	for i := range relayedSamples {
		if err := pause(ctx, relayedPause/2+rand.N(relayedPause)); err != nil {
			return nil, err
		}
		r, begin := readers[i%relayedStreams], time.Now()
		if err := from.publish(i % relayedStreams); err != nil {
			return nil, err
		}
		for frames := [][]byte(nil); len(frames) == 0; frames, _ = r.Take(nil) {
			if err := ready(ctx, r); err != nil {
				return nil, err
			}
		}
		all = append(all, time.Since(begin))
	}
	slices.Sort(all)
	return all, nil
}

func ready(ctx context.Context, r *stream.Subscription) error {
	select {
	case <-r.Ready():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
