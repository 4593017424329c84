package pipe

import (
	"bytes"
	"crypto/rand"
	"io"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEverythingArrivesInOrder(t *testing.T) {
	t.Parallel()
	a, b := New()
	sent := make([]byte, 5*maxBuffered+17) // more than the buffer holds
	_, err := rand.Read(sent)
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for rest := sent; len(rest) > 0; {
			n, err := a.Write(rest[:min(len(rest), 300_001)])
			if err != nil {
				t.Error(err)
				return
			}
			rest = rest[n:]
		}
		_ = a.Close()
	})
	got, err := io.ReadAll(b)
	require.NoError(t, err)
	wg.Wait()
	require.True(t, bytes.Equal(sent, got))
}

func TestBothDirections(t *testing.T) {
	t.Parallel()
	a, b := New()
	_, err := a.Write([]byte("question"))
	require.NoError(t, err, "a write does not wait for the reader")
	_, err = b.Write([]byte("answer"))
	require.NoError(t, err)
	buf := make([]byte, 4)
	_, err = io.ReadFull(b, buf)
	require.NoError(t, err)
	require.Equal(t, "ques", string(buf))
	_, err = io.ReadFull(a, buf)
	require.NoError(t, err)
	require.Equal(t, "answ", string(buf))
}

func TestClose(t *testing.T) {
	t.Parallel()
	a, b := New()
	closed := 0
	b.OnPeerClose(func() { closed++ })
	_, err := a.Write([]byte("last words"))
	require.NoError(t, err)
	require.NoError(t, a.Close())
	require.NoError(t, a.Close())
	require.Equal(t, 1, closed)
	got, err := io.ReadAll(b)
	require.NoError(t, err)
	require.Equal(t, "last words", string(got))
	_, err = b.Write([]byte("x"))
	require.ErrorIs(t, err, io.ErrClosedPipe)
	_, err = a.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.ErrClosedPipe)
	_, err = a.Write([]byte("x"))
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestCloseWakesSleepers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := New()
		errA, errB := make(chan error, 1), make(chan error, 1)
		go func() { _, err := a.Read(make([]byte, 1)); errA <- err }()
		go func() { _, err := b.Read(make([]byte, 1)); errB <- err }()
		synctest.Wait()
		require.NoError(t, b.Close())
		require.ErrorIs(t, <-errA, io.EOF)
		require.ErrorIs(t, <-errB, io.ErrClosedPipe)
	})
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		set  func(*Conn, time.Time) error
		call func(*Conn) error
	}{
		"read": {(*Conn).SetReadDeadline, func(c *Conn) error { _, err := c.Read(make([]byte, 1)); return err }},
		"write": {(*Conn).SetWriteDeadline, func(c *Conn) error {
			_, err := c.Write(make([]byte, 2*maxBuffered))
			return err
		}},
		"both, read": {(*Conn).SetDeadline, func(c *Conn) error { _, err := c.Read(make([]byte, 1)); return err }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, _ := New()
				start := time.Now()
				require.NoError(t, tc.set(a, start.Add(time.Second)))
				require.ErrorIs(t, tc.call(a), os.ErrDeadlineExceeded)
				require.Equal(t, time.Second, time.Since(start))
				require.ErrorIs(t, tc.call(a), os.ErrDeadlineExceeded, "at once")

				require.NoError(t, tc.set(a, time.Time{}))
				failed := make(chan error, 1)
				go func() { failed <- tc.call(a) }()
				synctest.Wait()
				require.NoError(t, tc.set(a, time.Now()), "moves the deadline of a sleeper")
				require.ErrorIs(t, <-failed, os.ErrDeadlineExceeded)
			})
		})
	}
}
