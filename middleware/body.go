package middleware

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

const (
	// serverDrains is how much of an unread body net/http reads by itself after the
	// answer, to keep the connection. Beyond that it closes the connection.
	serverDrains = 256 << 10

	// drainTime is how long the rest of a body that was answered early may take.
	drainTime = 5 * time.Second

	// drainBytes is how much of that is read. It takes no memory, and clients that
	// send more lose the answer when the connection is closed.
	drainBytes = 16 << 20

	// turnWait is how long a body waits for others' work to end.
	turnWait = 10 * time.Second

	// tryLater is when a refused body may fit.
	tryLater = time.Second
)

// body is the body of one request within the bounds of all.
type body struct {
	raw     io.ReadCloser
	limited io.ReadCloser // raw, of which no more than size can be read
	size    int64
	bounds  *Bodies
	c       *gin.Context
	began   time.Time

	pool    BytePool // that has counted taken
	keys    []string
	taken   int64
	endWork func()
	failed  error // what every later Read returns
	late    bool  // the rest does not arrive in time, or is not waited for
}

// Read reads the body. Its errors are those of http.MaxBytesReader and
// *models.Error.
func (b *body) Read(p []byte) (int, error) {
	if b.failed != nil {
		return 0, b.failed
	}
	n, err := b.read(p)
	if refused := b.count(int64(n)); refused != nil {
		err = refused
	}
	b.failed = err
	return n, err
}

// read waits for bytes as long as the body may take. Between two reads a body
// is in nobody's list, so that only a Read is interrupted.
func (b *body) read(p []byte) (int, error) {
	b.readUntil(b.due())
	if !b.bounds.enter(b) {
		b.late = true
		b.interrupt()
		return 0, stopping()
	}
	n, err := b.limited.Read(p)
	b.bounds.leave(b)
	b.late = errors.Is(err, os.ErrDeadlineExceeded)
	switch {
	case err == nil:
		return n, nil
	case b.late && b.bounds.isStopped():
		return n, stopping()
	case b.late:
		return n, refuse(models.Invalid, "the body arrives too slowly")
	}
	// What still may be read of the connection tells when the client leaves.
	b.readUntil(b.began.Add(b.bounds.Longest))
	return n, err
}

// due returns by when the next bytes have to arrive.
func (b *body) due() time.Time {
	o := b.bounds.BodyOptions
	if o.Rate <= 0 {
		return b.began.Add(o.Longest)
	}
	return b.began.Add(min(o.Longest, o.Patience+time.Duration(b.taken)*time.Second/time.Duration(o.Rate)))
}

// readUntil and interrupt set the connection's deadline for reading. Writers
// without deadlines, as in tests, return an error.
func (b *body) readUntil(t time.Time) {
	_ = http.NewResponseController(b.c.Writer).SetReadDeadline(t)
}

func (b *body) interrupt() { b.readUntil(time.Unix(1, 0)) }

// count takes n from the pool for callers of this kind.
func (b *body) count(n int64) error {
	if b.keys == nil {
		b.pool, b.keys = b.bounds.Accounts, keysOf(b.c.Request.Context())
		if len(b.keys) == 1 {
			b.pool = b.bounds.Strangers
		}
	}
	if b.pool == nil {
		b.taken += n
		return nil
	}
	switch ok, own := b.pool.Take(n, b.keys...); {
	case ok:
		b.taken += n
		return nil
	case own:
		return models.TooSoon("middleware.body", "too many large bodies at once from here", tryLater)
	}
	return busy()
}

// keysOf returns on whose account a request takes memory: the client's network
// and, where there is one, the account.
func keysOf(ctx context.Context) []string {
	keys := []string{"client " + models.ClientFrom(ctx).Network()}
	if id, ok := models.IdentityFrom(ctx); ok {
		keys = append(keys, "account "+id.UserID)
	}
	return keys
}

// Reserve waits for the memory that working on the body takes, which the request
// has until it is answered. The error is a *models.Error.
func (b *body) Reserve(weight int64) error {
	if b.bounds.Work == nil || b.endWork != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(b.c.Request.Context(), turnWait)
	defer cancel()
	keys := keysOf(ctx)
	end, err := b.bounds.Work.Begin(ctx, keys[len(keys)-1], weight)
	if err != nil {
		return busy()
	}
	b.endWork = end
	return nil
}

// ended reports whether nothing of the body is left to wait for.
func (b *body) ended() bool { return b.late || errors.Is(b.failed, io.EOF) }

// Close ends the reading.
func (b *body) Close() error { return b.limited.Close() }

// release gives back what the body has taken.
func (b *body) release() {
	if b.endWork != nil {
		b.endWork()
	}
	if b.pool != nil {
		b.pool.Give(b.taken, b.keys...)
	}
}

// drain sends the answer and then drops the rest of the body. A client that asked first, with Expect: 100-continue, sends no body.
func (b *body) drain() {
	b.c.Writer.Flush()
	if b.c.GetHeader("Expect") != "" {
		return
	}
	b.readUntil(time.Now().Add(drainTime))
	if b.bounds.enter(b) {
		defer b.bounds.leave(b)
		_, _ = io.CopyN(io.Discard, b.raw, drainBytes)
	}
}

func busy() error {
	return &models.Error{
		Op: "middleware.body", Kind: models.Unavailable, RetryAfter: tryLater,
		Msg: "the server is busy with other requests; try again in a second",
	}
}

func stopping() error {
	return &models.Error{Op: "middleware.body", Kind: models.Unavailable, Msg: "the server is stopping", RetryAfter: tryLater}
}
