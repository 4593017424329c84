package handlers

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// transport carries frames to one reader.
type transport interface {
	// send writes frames together, and may change the slice. An error means
	// that the reader has left or reads nothing.
	send(frames [][]byte) error
	// gone reports whether the reader is known to have left.
	gone() bool
	// serve calls f and closes the transport when f returns. serve itself may
	// return earlier.
	serve(ctx context.Context, f func(context.Context))
	// close ends the answer.
	close()
}

// openTransport begins the answer with the headers that c has.
//
// Over HTTP/1.1 the stream hijacks its connection. net/http keeps several buffers
// and a second goroutine for each open request, four times the memory of a
// stream, and thousands of streams may be open that mostly wait.
func openTransport(c *gin.Context, log *slog.Logger) transport {
	if c.Request.ProtoMajor == 1 && c.Request.ProtoMinor == 1 && canHijack(c.Writer) {
		if conn, _, err := c.Writer.Hijack(); err == nil {
			t := &connTransport{conn: conn, log: log}
			t.begin(c.Writer.Header())
			return t
		}
	}
	c.Writer.WriteHeader(http.StatusOK)
	t := &responseTransport{w: c.Writer, rc: http.NewResponseController(c.Writer)}
	// The server's read timeout would end the stream. Writers without deadlines,
	// as in tests, return an error.
	_ = t.rc.SetReadDeadline(time.Time{})
	return t
}

// canHijack looks into wrappers, which implement http.Hijacker in any case.
func canHijack(w http.ResponseWriter) bool {
	for {
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			_, ok = w.(http.Hijacker)
			return ok
		}
		w = inner.Unwrap()
	}
}

// responseTransport writes to the server's response.
type responseTransport struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func (t *responseTransport) send(frames [][]byte) error {
	_ = t.rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	for _, f := range frames {
		if _, err := t.w.Write(f); err != nil {
			return err
		}
	}
	return t.rc.Flush()
}

// gone is always false: the server ends the request's context instead.
func (t *responseTransport) gone() bool { return false }

func (t *responseTransport) serve(ctx context.Context, f func(context.Context)) { f(ctx) }

func (t *responseTransport) close() {}

// connTransport writes a chunked answer to a hijacked connection. After the first
// failed write it writes nothing, since a chunk may be incomplete.
type connTransport struct {
	conn   net.Conn
	log    *slog.Logger
	failed error
}

func (t *connTransport) begin(h http.Header) {
	h = h.Clone()
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	h.Set("Transfer-Encoding", "chunked")
	head := bytes.NewBufferString("HTTP/1.1 200 OK\r\n")
	_ = h.Write(head) // a buffer takes everything
	head.WriteString("\r\n")
	_ = t.conn.SetDeadline(time.Time{}) // lifts the deadlines of the request
	t.write(net.Buffers{head.Bytes()})
}

// send writes all frames as one chunk.
func (t *connTransport) send(frames [][]byte) error {
	size := 0
	for _, f := range frames {
		size += len(f)
	}
	chunk := make(net.Buffers, 0, len(frames)+2)
	chunk = append(chunk, append(strconv.AppendInt(nil, int64(size), 16), "\r\n"...))
	chunk = append(append(chunk, frames...), []byte("\r\n"))
	t.write(chunk)
	return t.failed
}

func (t *connTransport) write(b net.Buffers) {
	if t.failed != nil {
		return
	}
	_ = t.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, t.failed = b.WriteTo(t.conn)
}

// gone reads for a millisecond. A connected reader sends nothing, so that the
// read ends with its deadline.
func (t *connTransport) gone() bool {
	var one [1]byte
	_ = t.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := t.conn.Read(one[:])
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// serve lets the request end and runs f in a goroutine, still bound to the
// reader's session. The server's stop waits for the subscription that f closes.
func (t *connTransport) serve(ctx context.Context, f func(context.Context)) {
	ctx = context.WithoutCancel(ctx)
	guard := models.SessionGuardFrom(ctx)
	guard.Retain()
	go func() {
		defer guard.Release()
		defer t.close()
		defer func() { // net/http recovers panics of the request only
			if p := recover(); p != nil {
				t.log.ErrorContext(ctx, "a stream panicked", "panic", p, "stack", string(debug.Stack()))
			}
		}()
		f(ctx)
	}()
}

func (t *connTransport) close() {
	t.write(net.Buffers{[]byte("0\r\n\r\n")})
	_ = t.conn.Close()
}
