package stream

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

const key = "workflow:w1"

// broadcaster returns one that is closed after its subscriptions.
func broadcaster(t *testing.T) *Broadcaster {
	t.Helper()
	b := NewBroadcaster()
	t.Cleanup(b.Close)
	return b
}

func subscribe(t *testing.T, b *Broadcaster, lastID string) *Subscription {
	t.Helper()
	s, err := b.Subscribe(key, lastID)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// ids returns the event ids of what s has now.
func ids(s *Subscription) (list []string, lost bool) {
	frames, lost := s.Take(nil)
	for _, f := range frames {
		id, _, _ := strings.Cut(strings.TrimPrefix(string(f), "id: "), "\n")
		list = append(list, id)
	}
	return list, lost
}

func publish(t *testing.T, b *Broadcaster, n int) {
	t.Helper()
	for i := range n {
		require.NoError(t, b.Publish(key, models.EventNodeUpdate, i))
	}
}

func TestBroadcasterFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := broadcaster(t)
		s := subscribe(t, b, "")
		require.Empty(t, s.Position())
		require.NoError(t, b.Publish(key, models.EventNodeUpdate, "a\u2028b\r\n"))
		<-s.Ready()
		frames, lost := s.Take(nil)
		require.False(t, lost)
		require.Len(t, frames, 1)
		require.Equal(t, "id: "+s.Position()+"\nevent: node_update\n"+
			`data: {"type":"workflow","stream_key":"workflow:w1","event_type":"node_update",`+
			`"timestamp":"2000-01-01T00:00:00Z","data":"a\u2028b\r\n"}`+"\n\n", string(frames[0]))
	})
}

func TestBroadcasterSharesOneFrame(t *testing.T) {
	t.Parallel()
	b := broadcaster(t)
	one, two := subscribe(t, b, ""), subscribe(t, b, "")
	publish(t, b, 1)
	first, _ := one.Take(nil)
	second, _ := two.Take(nil)
	require.Same(t, &first[0][0], &second[0][0])
}

func TestBroadcasterRefusesWhatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	b := broadcaster(t)
	s := subscribe(t, b, "")
	require.Error(t, b.Publish(key, models.EventNodeUpdate, math.NaN()))
	got, lost := ids(s)
	require.Empty(t, got)
	require.False(t, lost)
}

func TestSubscriptionOfSlowReader(t *testing.T) {
	t.Parallel()
	b := broadcaster(t)
	slow := subscribe(t, b, "")
	publish(t, b, replayEvents)
	got, lost := ids(slow)
	require.False(t, lost, "a full buffer is not a loss")
	require.Len(t, got, replayEvents)

	publish(t, b, replayEvents+1)
	got, lost = ids(slow)
	require.True(t, lost)
	require.Empty(t, got)
	before := slow.Position()
	publish(t, b, 2)
	got, lost = ids(slow)
	require.False(t, lost)
	require.Len(t, got, 2)
	require.NotContains(t, got, before)

	stats := b.Stats()
	require.EqualValues(t, 1, stats.Lagged)
	require.EqualValues(t, 1, stats.Resyncs)
	require.EqualValues(t, 2*replayEvents+3, stats.Published)
}

// A reader that is slow to write what it took holds a part of the ring only.
func TestTakeIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	b := broadcaster(t)
	s := subscribe(t, b, "")
	const events, size = 6, takeBytes / 2
	for range events {
		require.NoError(t, b.Publish(key, models.EventNodeUpdate, strings.Repeat("x", size)))
	}
	for taken := 0; taken < events; {
		<-s.Ready()
		frames, lost := s.Take(nil)
		require.False(t, lost)
		require.Len(t, frames, 2)
		taken += len(frames)
	}
	require.Empty(t, s.Ready())
}

func TestSubscriptionIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	b := broadcaster(t)
	s := subscribe(t, b, "")
	for range 3 {
		require.NoError(t, b.Publish(key, models.EventNodeUpdate, strings.Repeat("x", replayBytes/2)))
	}
	_, lost := ids(s)
	require.True(t, lost)
	require.Less(t, s.stream.size, replayBytes+1)
}

func TestSubscribeWithLastEventID(t *testing.T) {
	t.Parallel()
	b := broadcaster(t)
	first := subscribe(t, b, "")
	publish(t, b, 5)
	all, _ := ids(first)

	for name, tc := range map[string]struct {
		last   string
		want   []string
		resync bool
	}{
		"none":                 {last: ""},
		"the newest":           {last: all[4]},
		"one in the middle":    {last: all[2], want: all[3:]},
		"the first":            {last: all[0], want: all[1:]},
		"of the future":        {last: first.stream.id(99), resync: true},
		"of another process":   {last: "abcdefghij1-2", resync: true},
		"not an id":            {last: "latest", resync: true},
		"number out of bounds": {last: first.stream.epoch + "-99999999999999999999", resync: true},
		"greatest number":      {last: fmt.Sprintf("%s-%d", first.stream.epoch, uint64(math.MaxUint64)), resync: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := subscribe(t, b, tc.last)
			got, lost := ids(s)
			require.Equal(t, tc.resync, lost)
			require.Equal(t, tc.want, got)
			require.Equal(t, all[4], s.Position())
		})
	}

	publish(t, b, replayEvents)
	_, lost := ids(subscribe(t, b, all[3]))
	require.True(t, lost, "an event that is no longer remembered")
	got, lost := ids(subscribe(t, b, all[4]))
	require.False(t, lost)
	require.Len(t, got, replayEvents)
}

func TestStreamWithoutReadersIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := broadcaster(t)
		publish(t, b, 1)
		require.Zero(t, b.Stats().Streams, "nobody has ever read it")

		s := subscribe(t, b, "")
		s.Close()
		s.Close()
		require.Zero(t, b.Stats().Streams, "there is nothing to replay")
		require.Zero(t, b.Stats().Subscribers)

		s = subscribe(t, b, "")
		publish(t, b, 3)
		got, _ := ids(s)
		s.Close()
		time.Sleep(replayKeep - time.Second)
		s = subscribe(t, b, got[0])
		again, lost := ids(s)
		require.False(t, lost)
		require.Equal(t, got[1:], again)
		time.Sleep(replayKeep)
		require.Equal(t, 1, b.Stats().Streams, "it is read")

		s.Close()
		time.Sleep(replayKeep + time.Second)
		require.Zero(t, b.Stats().Streams)
		_, lost = ids(subscribe(t, b, got[2]))
		require.True(t, lost, "the number means another event now")
	})
}

func TestBroadcasterWakesOncePerBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := broadcaster(t)
		s := subscribe(t, b, "")
		start := time.Now()
		publish(t, b, 1)
		<-s.Ready()
		require.Zero(t, time.Since(start), "the first event does not wait")
		got, _ := ids(s)
		require.Len(t, got, 1)

		publish(t, b, 20)
		<-s.Ready()
		require.Equal(t, wakeGap, time.Since(start))
		got, _ = ids(s)
		require.Len(t, got, 20)
		synctest.Wait()
		require.Empty(t, s.Ready())
	})
}

func TestBroadcasterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBroadcaster()
		s := subscribe(t, b, "")
		publish(t, b, 1)
		start := time.Now()
		go func() {
			<-s.Closed()
			got, lost := ids(s)
			if len(got) != 1 || lost {
				t.Error("what was published before must still be there")
			}
			time.Sleep(time.Second)
			s.Close()
		}()
		b.Close()
		require.Equal(t, time.Second, time.Since(start), "it waits for readers")
		b.Close()
		_, err := b.Subscribe(key, "")
		require.Equal(t, models.Unavailable, models.KindOf(err))
		publish(t, b, 1)
		require.Zero(t, b.Stats().Subscribers)
	})
}

func TestBroadcasterCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBroadcaster()
		s := subscribe(t, b, "")
		start := time.Now()
		b.Close()
		require.Equal(t, closeWait, time.Since(start))
		s.Close()
	})
}

// Readers come and go while several goroutines publish; each that stays sees
// every event in the order of its number.
func TestBroadcasterOrderUnderConcurrency(t *testing.T) {
	t.Parallel()
	const writers, each, readers = 4, 100, 8
	b := broadcaster(t)
	var all sync.WaitGroup
	for range readers {
		s := subscribe(t, b, "")
		all.Go(func() {
			next := uint64(0)
			for next < writers*each {
				<-s.Ready()
				got, lost := ids(s)
				for _, id := range got {
					if next++; lost || id != s.stream.id(next) {
						t.Errorf("event %q (lost: %v), want number %d", id, lost, next)
						return
					}
				}
			}
		})
	}
	for range writers {
		all.Go(func() {
			for i := range each {
				if err := b.Publish(key, models.EventNodeUpdate, i); err != nil {
					t.Error(err)
				}
				if s, err := b.Subscribe(key, ""); err == nil {
					s.Close()
				}
			}
		})
	}
	all.Wait()
	require.EqualValues(t, readers, b.Stats().Subscribers)
}
