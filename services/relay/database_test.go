package relay

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

const (
	burst   = 5000 // events in all
	streams = 25
	patient = time.Minute
)

// unreliable is a store of which one append in five fails, every second one of them
// after it had its effect.
type unreliable struct {
	logStore

	calls atomic.Int64
}

func (u *unreliable) Append(ctx context.Context, e models.RelayEntry) error {
	switch u.calls.Add(1) % 10 {
	case 3:
		return errStore
	case 7:
		_ = u.logStore.Append(ctx, e)
		return errStore
	}
	return u.logStore.Append(ctx, e)
}

// Servers that start at once on an empty database and publish at once agree on one
// order, in which each event is once.
func TestServersOnOneDatabase(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		servers int
		fails   bool
	}{
		"two servers":                        {servers: 2},
		"three servers":                      {servers: 3},
		"three, one with a store that fails": {servers: 3, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t).Database()
			servers := make([]*server, tc.servers)
			var joining sync.WaitGroup
			for i := range servers {
				var store logStore = repositories.NewRelayLog(db)
				if tc.fails && i == 0 {
					store = &unreliable{logStore: store}
				}
				s := newServer(t, store, strconv.Itoa(i), false)
				servers[i] = s
				joining.Go(func() {
					for s.Join(t.Context()) != nil { // the epoch may be made by two at once
						if t.Context().Err() != nil {
							return
						}
					}
				})
			}
			joining.Wait()
			for _, s := range servers {
				s.start(t)
			}
			agree(t, servers)
		})
	}
}

// agree has all servers publish at once, and checks what readers get on each of them.
func agree(t *testing.T, servers []*server) {
	staying := make([][]*reader, streams)
	for k := range streams {
		for _, s := range servers {
			staying[k] = append(staying[k], read(t, s, streamOf(k), ""))
		}
	}
	var publishing, moving sync.WaitGroup
	done := make(chan struct{})
	movers := make([]*reader, streams)
	for k := range streams {
		movers[k] = read(t, servers[0], streamOf(k), "")
		moving.Go(func() { moveAround(t, movers[k], servers, streamOf(k), done) })
	}
	for i, s := range servers {
		publishing.Go(func() {
			for n := i; n < burst; n += len(servers) {
				s.publish(t, streamOf(n%streams), n)
			}
		})
	}
	publishing.Wait()
	for k := range streams {
		var first []string
		for i, r := range staying[k] {
			require.Eventually(t, func() bool { r.take(); return len(r.got) == burst/streams }, patient, time.Millisecond, "stream %d server %d", k, i)
			if i == 0 {
				first = r.ids
				requireAll(t, k, r.got)
			}
			require.Equal(t, first, r.ids)
		}
	}
	close(done)
	moving.Wait()
	for k, r := range movers {
		last := staying[k][0].ids
		require.Eventually(t, func() bool { r.take(); return r.got[len(r.got)-1] == "lost" || r.lastID == last[len(last)-1] }, patient, time.Millisecond)
		requireCovered(t, last, r)
	}
}

// requireAll checks that got are all events of stream k, each once.
func requireAll(t *testing.T, k int, got []string) {
	t.Helper()
	var want []string
	for n := k; n < burst; n += streams {
		want = append(want, strconv.Itoa(n))
	}
	require.ElementsMatch(t, want, got)
}

// moveAround reads on one server after the other until done is closed.
func moveAround(t *testing.T, r *reader, servers []*server, key string, done <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		case <-time.After(time.Duration(rand.N(20)) * time.Millisecond):
		}
		r.take()
		if i%3 == 0 {
			r.move(t, servers[rand.N(len(servers))], key)
		}
	}
}

// requireCovered checks that r has taken a part of all that grows, and leaves out
// only what a snapshot stands for.
func requireCovered(t *testing.T, all []string, r *reader) {
	t.Helper()
	next := 0
	for i, value := range r.got {
		if value == "lost" {
			place := numberOf(r.ids[i])
			for next < len(all) && numberOf(all[next]) <= place {
				next++
			}
			continue
		}
		require.Less(t, next, len(all), fmt.Sprint(r.ids[i:]))
		require.Equal(t, all[next], r.ids[i])
		next++
	}
	require.Equal(t, len(all), next)
}

func TestServerCatchesUpInSeveralReads(t *testing.T) {
	t.Parallel()
	const entries = 3*readLimit + 1
	log := repositories.NewRelayLog(dbtest.Open(t).Database())
	a := newServer(t, log, "a", false)
	require.NoError(t, a.Join(t.Context()))
	for n := range int64(entries) {
		e := models.RelayEntry{N: n + 1, Epoch: a.place.epoch, From: "x", Messages: []models.RelayMessage{{Topic: models.TopicEvent, Key: key}}}
		require.NoError(t, log.Append(t.Context(), e))
	}
	r := read(t, a, key, "")
	a.start(t)
	require.Eventually(t, func() bool { r.take(); return len(r.got) == entries }, patient, time.Millisecond)
	require.Equal(t, "1024", r.ids[0][len(a.place.epoch)+1:])
}
