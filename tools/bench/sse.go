package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubeorch/core/tools/internal/proc"
)

// The load of the streaming measurement.
const (
	streams         = 50
	readersAStream  = 100
	eventsASecond   = 20 // on each stream
	streamingTime   = 10 * time.Second
	eventsAStream   = int(streamingTime/time.Second) * eventsASecond
	allowedLatency  = 160 * time.Millisecond
	allowedMemory   = 25 << 10 // bytes a subscriber
	totalReaders    = streams * readersAStream
	totalDeliveries = totalReaders * eventsAStream
)

// measureStreams connects 5,000 subscribers to 50 streams of a server in a
// process of its own and has each stream publish 20 events a second.
func measureStreams(ctx context.Context, b *bench) error {
	srv, url, err := b.helper(ctx, "sse")
	if err != nil {
		return err
	}
	defer srv.Stop()
	empty, err := rss(srv.PID())
	if err != nil {
		return err
	}
	got, full, err := b.subscribers(ctx, srv, strings.TrimSuffix(url, "/"))
	if err != nil {
		return err
	}
	slices.Sort(got)
	each := (full - empty) / totalReaders
	p99 := 10 * time.Second
	if len(got) > 0 {
		p99 = got[len(got)*99/100]
	}
	b.add(row{
		what: fmt.Sprintf("%d SSE subscribers, %d streams, %d events/s each", totalReaders, streams, eventsASecond),
		got:  fmt.Sprintf("p99 %s, %d KB each, %d of %d delivered", ms(p99), each>>10, len(got), totalDeliveries), floor: "-",
		bar: "none lost, p99 ≤ 160 ms, ≤ 25 KB", ok: len(got) == totalDeliveries && p99 <= allowedLatency && each <= allowedMemory,
	})
	return nil
}

// subscribers returns the latency of every delivery, and the server's memory
// while all of them were connected.
func (b *bench) subscribers(ctx context.Context, srv *proc.Process, url string) (all []time.Duration, memory int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	var ready, reading sync.WaitGroup
	results := make([]reader, totalReaders)
	for i := range results {
		r := &results[i]
		r.latencies = make([]time.Duration, 0, eventsAStream)
		ready.Add(1)
		reading.Go(func() { r.read(ctx, client, fmt.Sprintf("%s/stream/%024x", url, i%streams), ready.Done) })
	}
	ready.Wait()
	if err := get(ctx, http.DefaultClient, url+"/publish", ""); err != nil {
		return nil, 0, err
	}
	if memory, err = rss(srv.PID()); err != nil {
		return nil, 0, err
	}
	// The last events arrive within two wake-ups.
	if err := pause(ctx, time.Second); err != nil {
		return nil, 0, err
	}
	cancel()
	reading.Wait()
	for i := range results {
		all = append(all, results[i].latencies...)
	}
	return all, memory, nil
}

// reader is one subscriber.
type reader struct{ latencies []time.Duration }

// read notes the latency of each event until ctx ends. It calls connected
// once, when the first event has come or the connection failed.
func (r *reader) read(ctx context.Context, client *http.Client, url string, connected func()) {
	var once sync.Once
	defer once.Do(connected)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	res, err := client.Do(req)
	if err != nil {
		return
	}
	defer res.Body.Close()
	buf := make([]byte, 16<<10)
	held := 0
	for {
		n, err := res.Body.Read(buf[held:])
		once.Do(connected)
		if err != nil {
			return
		}
		now := time.Now().UnixNano()
		rest := r.note(buf[:held+n], now)
		held = copy(buf, rest)
	}
}

// note removes the complete events from b and returns the rest.
func (r *reader) note(b []byte, now int64) []byte {
	for {
		end := strings.Index(string(b), "\n\n")
		if end < 0 {
			return b
		}
		if _, after, ok := strings.Cut(string(b[:end]), `"sent":`); ok {
			var sent int64
			for _, c := range []byte(after) {
				if c < '0' || c > '9' {
					break
				}
				sent = sent*10 + int64(c-'0')
			}
			r.latencies = append(r.latencies, time.Duration(now-sent))
		}
		b = b[end+2:]
	}
}
