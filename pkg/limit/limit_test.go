package limit

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clock is the time of a test.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time       { return time.Unix(1_000_000, 0).Add(time.Duration(c.at.Load())) }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

func TestBucket(t *testing.T) {
	t.Parallel()
	var c clock
	b := NewBuckets[string](Rate{PerSecond: 2, Burst: 3}, 10, c.now)
	for range 3 {
		_, ok := b.Take("ann")
		require.True(t, ok)
	}
	wait, ok := b.Take("ann")
	require.False(t, ok)
	require.Equal(t, 500*time.Millisecond, wait)
	wait, ok = b.Take("ann")
	require.False(t, ok)
	require.Equal(t, 500*time.Millisecond, wait, "being refused costs nothing")
	_, ok = b.Take("bob")
	require.True(t, ok, "another key has a bucket of its own")

	c.pass(500 * time.Millisecond)
	_, ok = b.Take("ann")
	require.True(t, ok)
	_, ok = b.Take("ann")
	require.False(t, ok)
}

func TestNoRateIsNoLimit(t *testing.T) {
	t.Parallel()
	b := NewBuckets[string](Rate{Burst: 1}, 10, time.Now)
	for range 1000 {
		_, ok := b.Take("ann")
		require.True(t, ok)
	}
}

func TestBucketTakenTogether(t *testing.T) {
	t.Parallel()
	var c clock
	b := NewBuckets[string](Rate{PerSecond: 1, Burst: 50}, 10, c.now)
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			if _, ok := b.Take("ann"); ok {
				taken.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 50, taken.Load())
}

// An attacker with ever new keys neither fills the memory nor makes Buckets forget
// a key in use, unless he has as many as it holds.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var c clock
	b := NewBuckets[int](Rate{PerSecond: 1, Burst: 1}, 1000, c.now)
	_, ok := b.Take(-1)
	require.True(t, ok)
	for i := range 100_000 {
		b.Take(i)
		require.LessOrEqual(t, b.byKey.Len(), 1000)
		if i%900 == 0 {
			_, ok = b.Take(-1)
			require.False(t, ok, "forgotten after %d", i)
		}
	}
}

func TestDelaysGrow(t *testing.T) {
	t.Parallel()
	var c clock
	d := NewDelays[string](Backoff{Free: 5, Initial: time.Second, Max: 15 * time.Minute, ResetAfter: time.Hour}, 10, c.now)
	fail := func() {
		undo, wait := d.Try("ann")
		require.NotNil(t, undo)
		require.Zero(t, wait)
	}
	for range 5 {
		fail()
	}
	want := []time.Duration{
		time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, 64 * time.Second,
		128 * time.Second, 256 * time.Second, 512 * time.Second, 15 * time.Minute, 15 * time.Minute,
	}
	for _, w := range want {
		undo, wait := d.Try("ann")
		require.Nil(t, undo)
		require.Equal(t, w, wait)
		c.pass(w - time.Millisecond)
		_, wait = d.Try("ann")
		require.Equal(t, time.Millisecond, wait, "a refused try makes the wait no longer")
		c.pass(time.Millisecond)
		fail()
	}
	undo, _ := d.Try("bob")
	require.NotNil(t, undo)

	c.pass(time.Hour)
	for range 5 {
		fail()
	}
	d.Clear("ann")
	for range 5 {
		fail()
	}
}

func TestUndo(t *testing.T) {
	t.Parallel()
	var c clock
	d := NewDelays[string](Backoff{Free: 2, Initial: 10 * time.Second, Max: time.Minute, ResetAfter: time.Hour}, 10, c.now)
	for range 100 { // successes, each of which is undone, never add up
		undo, wait := d.Try("ann")
		require.Zero(t, wait)
		undo()
	}
	first, _ := d.Try("ann")
	second, _ := d.Try("ann")
	_, wait := d.Try("ann")
	require.Equal(t, 10*time.Second, wait)
	first()
	third, wait := d.Try("ann")
	require.Zero(t, wait, "one failure is left")
	third()
	second()
	require.Zero(t, d.byKey.Len())
}

func TestTriesTogetherAreTriesInARow(t *testing.T) {
	t.Parallel()
	var c clock
	d := NewDelays[string](Backoff{Free: 5, Initial: time.Second, Max: time.Minute, ResetAfter: time.Hour}, 10, c.now)
	var tried atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if undo, _ := d.Try("ann"); undo != nil {
				tried.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 5, tried.Load())
}

// keysInUse is how many keys the benchmarks go through.
const keysInUse = 65_536

func BenchmarkTake(b *testing.B) {
	buckets := NewBuckets[string](Rate{PerSecond: 1e9, Burst: 1e9}, 2*keysInUse, time.Now)
	keys := make([]string, keysInUse)
	for i := range keys {
		keys[i] = fmt.Sprintf("192.0.%d.%d", i/256, i%256)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, k := range keys {
		buckets.Take(k)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		buckets.Take(keys[i%keysInUse])
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/keysInUse, "B/key")
	runtime.KeepAlive(buckets)
}

func TestAnotherClockIsAhead(t *testing.T) {
	t.Parallel()
	b := Backoff{Free: 2, Initial: 10 * time.Second, Max: time.Minute, ResetAfter: time.Hour}
	var c clock
	ahead := Failures{Count: 1, Last: c.now().Add(3 * time.Hour)}
	_, tried, wait := b.Try(ahead, c.now())
	require.Zero(t, wait, "failures without a delay stay that")
	require.Equal(t, Failures{2, ahead.Last}, tried, "time does not go back")
	_, _, wait = b.Try(tried, c.now())
	require.Equal(t, 10*time.Second, wait, "not longer than the delay")
	require.Equal(t, ahead, tried.Undo(ahead, tried))
}
