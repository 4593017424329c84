package stream

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// fakeRelay is a relay of one server, which delivers at once unless it is held.
type fakeRelay struct {
	b      *Broadcaster
	alone  atomic.Bool
	nudged atomic.Int64

	mu     sync.Mutex
	queue  []func(n uint64)
	hold   bool
	closed bool
	n      uint64
}

func (r *fakeRelay) Alone() bool { return r.alone.Load() }
func (r *fakeRelay) Nudge()      { r.nudged.Add(1) }

func (r *fakeRelay) Publish(key, event string, payload []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.queue = append(r.queue, func(n uint64) { r.b.Deliver(n, key, event, payload) })
	if !r.hold {
		r.deliver()
	}
	return true
}

func (r *fakeRelay) deliver() {
	for _, f := range r.queue {
		r.n += 3
		f(r.n)
		r.b.Advance(r.n + 2)
	}
	r.queue = nil
}

// sharing returns a broadcaster that shares a log behind number 100.
func sharing(t *testing.T) (*Broadcaster, *fakeRelay) {
	t.Helper()
	b := broadcaster(t)
	r := &fakeRelay{b: b, n: 100}
	b.Attach(r)
	b.Share("log", 100)
	return b, r
}

func TestSharedEventsHaveTheNumbersOfTheLog(t *testing.T) {
	t.Parallel()
	b, _ := sharing(t)
	s := subscribe(t, b, "")
	require.Equal(t, "log-100", s.Position())
	publish(t, b, 2)
	require.NoError(t, b.Publish("workflow:other", models.EventNodeUpdate, 0))
	publish(t, b, 1)
	got, lost := ids(s)
	require.False(t, lost)
	require.Equal(t, []string{"log-103", "log-106", "log-112"}, got)
	require.Equal(t, "log-112", s.Position())
	require.Equal(t, "log-114", subscribe(t, b, "").Position(), "everything up to there has been delivered")
}

func TestSubscribeToSharedStreams(t *testing.T) {
	t.Parallel()
	b, relay := sharing(t)
	publish(t, b, 3) // 103, 106, 109; nobody has read the stream
	b.Gap(200, "workflow:gap")
	b.Gap(210, "workflow:unread")
	relay.n = 300
	require.NoError(t, b.Publish("workflow:gap", models.EventNodeUpdate, 0)) // 303
	for name, tc := range map[string]struct {
		key, last string
		want      []string
		lost      bool
		position  string
	}{
		"none":                     {last: "", position: "log-305"},
		"the beginning":            {last: "log-100", want: []string{"log-103", "log-106", "log-109"}, position: "log-109"},
		"before the beginning":     {last: "log-99", lost: true, position: "log-305"},
		"an event":                 {last: "log-103", want: []string{"log-106", "log-109"}, position: "log-109"},
		"between two":              {last: "log-105", want: []string{"log-106", "log-109"}, position: "log-109"},
		"the newest":               {last: "log-109", position: "log-109"},
		"one behind it":            {last: "log-300", position: "log-300"},
		"of another epoch":         {last: "gol-103", lost: true, position: "log-305"},
		"no number":                {last: "log-", lost: true, position: "log-305"},
		"nothing but a number":     {last: "103", lost: true, position: "log-305"},
		"a sign":                   {last: "log-+103", lost: true, position: "log-305"},
		"text":                     {last: "\x00" + strings.Repeat("log-103", 1000), lost: true, position: "log-305"},
		"too large":                {last: "log-18446744073709551616", lost: true, position: "log-305"},
		"unknown stream":           {key: "workflow:new", last: "log-150", position: "log-150"},
		"unknown stream, too old":  {key: "workflow:new2", last: "log-99", lost: true, position: "log-305"},
		"before a gap":             {key: "workflow:gap", last: "log-199", lost: true, position: "log-305"},
		"behind a gap":             {key: "workflow:gap", last: "log-200", want: []string{"log-303"}, position: "log-303"},
		"before a gap of nobody's": {key: "workflow:unread", last: "log-209", lost: true, position: "log-305"},
		"behind a gap of nobody's": {key: "workflow:unread", last: "log-210", position: "log-210"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.key == "" {
				tc.key = key
			}
			s, err := b.Subscribe(tc.key, tc.last)
			require.NoError(t, err)
			defer s.Close()
			got, lost := ids(s)
			require.Equal(t, tc.lost, lost)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.position, s.Position())
		})
	}
	require.Zero(t, relay.nudged.Load())
}

// A reader that comes from a server that is further waits for this one.
func TestIDAheadOfThisServer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		id    uint64
		after time.Duration // the log arrives
		early bool          // the reader gets a snapshot before
		lost  bool          // or afterwards
	}{
		"comes at once":          {id: 106, after: time.Millisecond},
		"comes in time":          {id: 106, after: lateWait - time.Millisecond},
		"comes late":             {id: 106, after: lateWait + time.Millisecond, early: true},
		"is no event's":          {id: 107, after: time.Second},
		"never comes":            {id: 10000, after: time.Second, lost: true},
		"is the greatest number": {id: math.MaxUint64, after: time.Second, lost: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, relay := sharing(t)
				relay.hold = true
				publish(t, b, 3)
				s := subscribe(t, b, fmt.Sprintf("log-%d", tc.id))
				require.EqualValues(t, 1, relay.nudged.Load())
				got, lost := ids(s)
				require.False(t, lost)
				require.Empty(t, got)
				time.Sleep(tc.after)
				got, lost = ids(s)
				require.Equal(t, tc.early, lost)
				require.Empty(t, got)
				relay.deliver()
				time.Sleep(2 * lateWait)
				select {
				case <-s.Ready():
				default:
					t.Error("the reader is not woken")
				}
				got, lost = ids(s)
				require.Equal(t, tc.lost, lost)
				switch {
				case tc.lost:
					require.Empty(t, got)
					require.Equal(t, "log-111", s.Position(), "the snapshot is of what has arrived")
				case tc.early:
					require.Equal(t, []string{"log-103", "log-106", "log-109"}, got)
				default:
					require.Equal(t, []string{"log-109"}, got)
				}
				relay.hold = false
				publish(t, b, 1)
				got, lost = ids(s)
				require.False(t, lost)
				require.Equal(t, []string{"log-112"}, got)
			})
		})
	}
}

func TestReaderIsWokenWhenItHasWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := sharing(t)
		s := subscribe(t, b, "log-1000")
		<-s.Ready()
		_, lost := ids(s)
		require.False(t, lost)
		begun := time.Now()
		<-s.Ready()
		require.Equal(t, lateWait, time.Since(begun))
		_, lost = ids(s)
		require.True(t, lost)
	})
}

// The relay and the streams change one after the other; an event goes to the one
// that takes it.
func TestPublishingDuringAChange(t *testing.T) {
	t.Parallel()
	b, relay := sharing(t)
	s := subscribe(t, b, "")
	relay.alone.Store(true) // as it was a moment ago
	publish(t, b, 1)
	got, _ := ids(s)
	require.Equal(t, []string{"log-103"}, got)

	relay.closed = true // it leaves; the snapshot that follows has the event
	publish(t, b, 1)
	got, lost := ids(s)
	require.False(t, lost)
	require.Empty(t, got)
	b.Unshare()
	_, lost = ids(s)
	require.True(t, lost)
	relay.alone.Store(false) // as it was a moment ago
	publish(t, b, 1)
	got, _ = ids(s)
	require.Len(t, got, 1)
}

func TestReaderLeavesWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := sharing(t)
		s := subscribe(t, b, "log-1000")
		<-s.Ready()
		s.Close()
		time.Sleep(2 * lateWait)
		require.Empty(t, s.Ready())
	})
}

// A reader has one snapshot for each change of the numbers, and each gap.
func TestReadersGetSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := broadcaster(t)
		relay := &fakeRelay{b: b, n: 100}
		relay.alone.Store(true)
		b.Attach(relay)
		s, other := subscribe(t, b, ""), func() *Subscription {
			o, err := b.Subscribe("workflow:other", "")
			require.NoError(t, err)
			return o
		}()
		defer other.Close()
		publish(t, b, 2)
		own, _ := ids(s)
		require.Len(t, own, 2)
		snapshot := func(s *Subscription, position string) {
			t.Helper()
			begun := time.Now()
			<-s.Ready()
			require.LessOrEqual(t, time.Since(begun), resyncSpread)
			got, lost := ids(s)
			require.True(t, lost)
			require.Empty(t, got)
			require.Equal(t, position, s.Position())
			got, lost = ids(s)
			require.False(t, lost)
			require.Empty(t, got)
		}
		relay.alone.Store(false)
		b.Share("log", 100)
		snapshot(s, "log-100")
		snapshot(other, "log-100")
		publish(t, b, 2)
		require.NoError(t, b.Publish("workflow:other", models.EventNodeUpdate, 0))
		require.NoError(t, b.Publish("workflow:unread", models.EventNodeUpdate, 0))
		require.Equal(t, 3, b.Stats().Streams)

		b.Gap(200, key)
		snapshot(s, "log-200")
		got, lost := ids(other)
		require.False(t, lost)
		require.Equal(t, []string{"log-109"}, got)

		b.Gap(300, "")
		snapshot(s, "log-300")
		require.Equal(t, 2, b.Stats().Streams, "those that nobody reads are forgotten")
		snapshot(other, "log-300")

		b.Share("log", 50) // of a log that was replaced
		snapshot(s, "log-50")
		relay.n = 50
		publish(t, b, 1)
		got, _ = ids(s)
		require.Equal(t, []string{"log-53"}, got)

		relay.alone.Store(true)
		b.Unshare()
		<-s.Ready()
		_, lost = ids(s)
		require.True(t, lost)
		require.Empty(t, s.Position())
		publish(t, b, 1)
		got, _ = ids(s)
		require.Len(t, got, 1)
		require.NotContains(t, own, got[0])
		for _, id := range append(own, "log-53") {
			_, lost := ids(subscribe(t, b, id))
			require.True(t, lost, id)
		}
	})
}

func TestSharedStreamsWithoutReadersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, relay := sharing(t)
		const size = 256 << 10
		n := func(i int) string { return fmt.Sprintf("workflow:%d", i) }
		streams := 2 * idleBytes / size
		data := strings.Repeat("x", size)
		require.NoError(t, b.Publish(n(0), models.EventNodeUpdate, data))
		kept, err := b.Subscribe(n(0), "")
		require.NoError(t, err)
		defer kept.Close()
		for i := 1; i < streams; i++ {
			require.NoError(t, b.Publish(n(i), models.EventNodeUpdate, data))
			require.LessOrEqual(t, b.idle.bytes, idleBytes)
		}
		require.Greater(t, b.idle.bytes, idleBytes-2*size)
		require.Equal(t, b.idle.list.Len()+1, b.Stats().Streams)

		for name, tc := range map[string]struct {
			stream int
			place  uint64
			want   int
			lost   bool
		}{
			"the newest is there":                   {stream: streams - 1, place: relay.n - 3, want: 1},
			"one that is read stays":                {stream: 0, place: 100, want: 1},
			"the oldest is gone":                    {stream: 1, place: 100, lost: true},
			"and is complete again behind its last": {stream: 1, place: relay.n, want: 0},
		} {
			s, err := b.Subscribe(n(tc.stream), fmt.Sprintf("log-%d", tc.place))
			require.NoError(t, err)
			got, lost := ids(s)
			require.Equal(t, tc.lost, lost, name)
			require.Len(t, got, tc.want, name)
			s.Close()
		}
		time.Sleep(replayKeep + time.Second)
		require.Equal(t, 1, b.Stats().Streams)
		require.Zero(t, b.idle.bytes)
	})
}

func TestSharedStreamsOfWhichNothingIsKnownAreForgotten(t *testing.T) {
	t.Parallel()
	b, _ := sharing(t)
	subscribe(t, b, "").Close()
	require.Zero(t, b.Stats().Streams)
	s := subscribe(t, b, "")
	b.Gap(200, key)
	s.Close()
	require.Equal(t, 1, b.Stats().Streams)
	_, lost := ids(subscribe(t, b, "log-199"))
	require.True(t, lost)
}

// Streams that something happens to stay, and each stays for two minutes more.
func TestSharedStreamsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := sharing(t)
		other := func() {
			require.NoError(t, b.Publish("workflow:other", models.EventNodeUpdate, 0))
		}
		publish(t, b, 1)
		time.Sleep(replayKeep / 2)
		other()
		time.Sleep(replayKeep/2 + time.Second)
		require.Equal(t, 1, b.Stats().Streams)
		other()
		time.Sleep(replayKeep - time.Second)
		require.Equal(t, 1, b.Stats().Streams)
		_, lost := ids(subscribe(t, b, "log-102"))
		require.True(t, lost, "it has forgotten 103")
		_, lost = ids(subscribe(t, b, "log-103"))
		require.False(t, lost)
	})
}

// However events are published and read while the two modes change, a reader ends
// with the newest state.
func TestSwitchingUnderLoad(t *testing.T) {
	t.Parallel()
	const writers, each = 4, 500
	b := broadcaster(t)
	relay := &fakeRelay{b: b, closed: true, n: 100}
	relay.alone.Store(true)
	b.Attach(relay)
	var stored [writers]atomic.Int64
	var all, reading sync.WaitGroup
	stop := make(chan struct{})
	for w := range writers {
		s, err := b.Subscribe(fmt.Sprintf("workflow:%d", w), "")
		require.NoError(t, err)
		reading.Go(func() {
			defer s.Close()
			var shown int64
			for ended := false; !ended; {
				select {
				case <-s.Ready():
				case <-stop:
					ended = true
				}
				frames, lost := s.Take(nil)
				if lost {
					shown = stored[w].Load()
				}
				for _, f := range frames {
					_, data, _ := strings.Cut(string(f), `"data":`)
					if _, err := fmt.Sscanf(data, "%d}", &shown); err != nil {
						t.Error(err)
					}
				}
			}
			if shown != each {
				t.Errorf("reader %d shows %d", w, shown)
			}
		})
		all.Go(func() {
			for range each {
				v := stored[w].Add(1)
				if err := b.Publish(fmt.Sprintf("workflow:%d", w), models.EventNodeUpdate, v); err != nil {
					t.Error(err)
				}
			}
		})
	}
	written := make(chan struct{})
	go func() { defer close(written); all.Wait() }()
	for shared := false; ; shared = !shared {
		select {
		case <-written:
			close(stop)
			reading.Wait()
			return
		default:
		}
		// The order in which relay.Relay does it.
		relay.mu.Lock()
		if relay.closed = shared; shared {
			relay.queue = nil
			relay.alone.Store(true)
			relay.mu.Unlock()
			b.Unshare()
			continue
		}
		relay.hold = true
		relay.alone.Store(false)
		relay.mu.Unlock()
		b.Share("log", relay.n)
		relay.mu.Lock()
		relay.hold = false
		relay.deliver()
		relay.mu.Unlock()
	}
}
