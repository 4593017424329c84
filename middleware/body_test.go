package middleware

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// pipes is a listener without a network, so that its connections live in the
// time of a test.
type pipes struct{ accepted chan net.Conn }

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p.accepted
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error { return nil }

func (p pipes) Addr() net.Addr { return &net.IPAddr{} }

// bodyServer serves PUT /read, whose handler reads its body, and PUT /skip.
type bodyServer struct {
	pipes

	read chan string // what handlers have read, and their errors
}

func serveBodies(t *testing.T, b *Bodies, size int64) *bodyServer {
	t.Helper()
	gin.SetMode(gin.TestMode)
	s := &bodyServer{pipes{make(chan net.Conn)}, make(chan string, 10)}
	fail := func(c *gin.Context, err error) {
		c.AbortWithStatusJSON(map[models.Kind]int{
			models.Invalid: 400, models.TooLarge: 413, models.TooMany: 429, models.Unavailable: 503,
		}[models.KindOf(err)], models.MessageOf(err))
	}
	e := gin.New()
	e.Use(Client(), b.Limit(size, fail), func(c *gin.Context) {
		if user := c.GetHeader("X-User"); user != "" {
			c.Request = c.Request.WithContext(models.WithIdentity(c.Request.Context(), models.Identity{UserID: user}))
		}
	})
	e.PUT("/skip", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	e.PUT("/read", func(c *gin.Context) {
		text, err := io.ReadAll(c.Request.Body)
		if err != nil {
			fail(c, err)
			return
		}
		if err := c.Request.Body.(interface{ Reserve(weight int64) error }).Reserve(int64(len(text))); err != nil {
			fail(c, err)
			return
		}
		s.read <- string(text)
		<-c.Request.Context().Done() // the handler works until the client leaves
	})
	srv := &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(s.pipes) }()
	t.Cleanup(func() {
		close(s.accepted)
		_ = srv.Close()
		time.Sleep(time.Second) // which net/http gives a connection that it closes
	})
	return s
}

// put begins a request of length bytes and sends text as the start of it.
func (s *bodyServer) put(t *testing.T, path, user string, length int, text string) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	s.accepted <- server
	t.Cleanup(func() { _ = client.Close() })
	_, err := fmt.Fprintf(client, "PUT %s HTTP/1.1\r\nHost: x\r\nX-User: %s\r\nContent-Length: %d\r\n\r\n%s", path, user, length, text)
	require.NoError(t, err)
	return client
}

func answerOf(t *testing.T, conn net.Conn) (status int, text string) {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

// inBubble runs f in a time of its own.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

func patient() BodyOptions {
	return BodyOptions{Patience: 10 * time.Second, Rate: 100, Longest: time.Minute}
}

func TestSlowBodiesEnd(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serveBodies(t, NewBodies(patient()), 1<<20)
		begin := time.Now()
		status, text := answerOf(t, s.put(t, "/read", "", 50_000, "{"))
		require.Equal(t, 400, status)
		require.Contains(t, text, "too slowly")
		require.WithinDuration(t, begin.Add(10*time.Second), time.Now(), time.Second)

		begin = time.Now()
		conn := s.put(t, "/read", "", 50_000, strings.Repeat("x", 1000))
		status, _ = answerOf(t, conn)
		require.Equal(t, 400, status)
		require.WithinDuration(t, begin.Add(20*time.Second), time.Now(), time.Second, "what arrives gives time for more")

		begin = time.Now()
		conn = s.put(t, "/read", "", 50_000, "")
		var sending sync.WaitGroup
		sending.Go(func() {
			for range 100 { // at the slowest rate
				if _, err := io.WriteString(conn, strings.Repeat("x", 100)); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		status, _ = answerOf(t, conn)
		require.Equal(t, 400, status)
		require.WithinDuration(t, begin.Add(time.Minute), time.Now(), time.Second, "no body may take longer")
		require.NoError(t, conn.Close())
		sending.Wait()
	})
}

// A handler that is at work notices only the end of its client, and not that of
// the time for the body.
func TestReadBodiesHaveNoDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serveBodies(t, NewBodies(patient()), 1<<20)
		conn := s.put(t, "/read", "", 2, "{}")
		require.Equal(t, "{}", <-s.read)
		left := make(chan struct{})
		go func() { _, _ = conn.Read(make([]byte, 1)); close(left) }()
		select {
		case <-left:
			require.Fail(t, "the request ended with the time for its body")
		case <-time.After(50 * time.Second):
		}
		_ = conn.SetDeadline(time.Now().Add(time.Hour))
		<-left
	})
}

// counted is a pool of one total and one share.
type counted struct{ total, share, used int64 }

func (p *counted) Take(n int64, _ ...string) (ok, own bool) {
	if p.share > 0 && p.used+n > p.share {
		return false, true
	}
	if p.used+n > p.total {
		return false, false
	}
	p.used += n
	return true, false
}

func (p *counted) Give(n int64, _ ...string) { p.used -= n }

// Bytes count when they arrive, whatever Content-Length announces, and until
// their request is answered.
func TestBytesInFlight(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		strangers, accounts := &counted{total: 100}, &counted{total: 1000, share: 300}
		o := patient()
		o.Strangers, o.Accounts = strangers, accounts
		s := serveBodies(t, NewBodies(o), 1<<20)

		announced := s.put(t, "/read", "", 900_000, "1234567890")
		synctest.Wait()
		require.Equal(t, int64(10), strangers.used)
		status, text := answerOf(t, s.put(t, "/read", "", 95, strings.Repeat("x", 95)))
		require.Equal(t, 503, status)
		require.Contains(t, text, "busy")
		held := s.put(t, "/read", "ann", 250, strings.Repeat("x", 250))
		require.Len(t, <-s.read, 250, "people with an account have a pool of their own")
		status, text = answerOf(t, s.put(t, "/read", "ann", 95, strings.Repeat("x", 95)))
		require.Equal(t, 429, status)
		require.Contains(t, text, "from here")

		for _, conn := range []net.Conn{announced, held} {
			require.NoError(t, conn.Close())
		}
		synctest.Wait()
		require.Zero(t, strangers.used)
		require.Zero(t, accounts.used)
	})
}

// queue has place for one piece of work.
type queue struct{ place chan struct{} }

func (q queue) Begin(ctx context.Context, _ string, _ int64) (end func(), err error) {
	select {
	case q.place <- struct{}{}:
		return func() { <-q.place }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestWorkWaitsForMemory(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := patient()
		o.Work = queue{make(chan struct{}, 1)}
		s := serveBodies(t, NewBodies(o), 1<<20)
		first := s.put(t, "/read", "ann", 2, "{}")
		<-s.read
		begin := time.Now()
		status, text := answerOf(t, s.put(t, "/read", "bob", 2, "{}"))
		require.Equal(t, 503, status)
		require.Contains(t, text, "busy")
		require.WithinDuration(t, begin.Add(turnWait), time.Now(), time.Second)

		second := s.put(t, "/read", "carl", 2, "{}")
		synctest.Wait()
		require.Empty(t, s.read)
		require.NoError(t, first.Close())
		require.Equal(t, "{}", <-s.read)
		require.NoError(t, second.Close())
	})
}

func TestStopEndsArrivingBodies(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := NewBodies(patient())
		s := serveBodies(t, b, 1<<20)
		arriving := s.put(t, "/read", "", 1000, "{")
		working := s.put(t, "/read", "", 2, "{}")
		<-s.read
		synctest.Wait()
		begin := time.Now()
		b.Stop()
		status, text := answerOf(t, arriving)
		require.Equal(t, 503, status)
		require.Contains(t, text, "stopping")
		status, _ = answerOf(t, s.put(t, "/read", "", 2, "{}"))
		require.Equal(t, 503, status)
		require.Equal(t, begin, time.Now(), "at once")
		_ = working.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, err := working.Read(make([]byte, 1))
		var late net.Error
		require.True(t, errors.As(err, &late) && late.Timeout(), "a request that has arrived goes on: %v", err)
		require.Empty(t, b.arriving)
	})
}

// What a handler leaves unread is not waited for as long as a request may take.
func TestUnreadBodiesEnd(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serveBodies(t, NewBodies(patient()), 1<<20)
		for _, length := range []int{1000, 300_000, 2 << 20} {
			begin := time.Now()
			conn := s.put(t, "/skip", "", length, "{")
			status, _ := answerOf(t, conn)
			require.Contains(t, []int{204, 413}, status)
			_, _ = io.Copy(io.Discard, conn) // until the server closes it
			require.WithinDuration(t, begin, time.Now(), 6*time.Second)
		}
	})
}
