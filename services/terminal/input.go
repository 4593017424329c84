package terminal

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// input hands what the client sends on to the shell. It keeps one piece: a client
// that sends faster than the shell reads has to wait.
type input struct {
	pieces  chan []byte
	waiting atomic.Bool // the client does

	mu   sync.Mutex // held by the one that reads
	rest []byte
}

func newInput() *input { return &input{pieces: make(chan []byte)} }

// put hands a piece on, which it copies, or returns an error when ctx ends before.
func (in *input) put(ctx context.Context, piece []byte) error {
	in.waiting.Store(true)
	defer in.waiting.Store(false)
	select {
	case in.pieces <- append([]byte(nil), piece...):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// patience is how long a shell may take to print something before it gets input. An
// image that lacks the shell says so before, and input is kept for the next one.
const patience = 3 * time.Second

// attempt is the input of one shell.
type attempt struct {
	*input

	ctx     context.Context //nolint:containedctx // ends with the shell; a reader has no other way to learn of it
	stands  func()          // tells that the cluster has taken the command
	prints  func()          // tells that the shell prints something
	taken   chan struct{}
	printed chan struct{}
	begun   bool        // the shell may read; guarded by input.mu
	used    atomic.Bool // something was read
}

// attempt returns the input for a shell that ends with ctx.
func (in *input) attempt(ctx context.Context) *attempt {
	a := &attempt{input: in, ctx: ctx, taken: make(chan struct{}), printed: make(chan struct{})}
	a.stands = sync.OnceFunc(func() { close(a.taken) })
	a.prints = sync.OnceFunc(func() { close(a.printed) })
	return a
}

// Read waits for input. It returns io.EOF when the shell has ended.
func (a *attempt) Read(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.begun {
		a.wait()
		a.begun = true
	}
	if len(a.rest) == 0 {
		select {
		case <-a.ctx.Done():
		case a.rest = <-a.pieces:
		}
	}
	if a.ctx.Err() != nil { // what has come is for the next shell
		return 0, io.EOF
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	a.used.Store(true)
	return n, nil
}

// wait returns when the shell is there, or ctx has ended.
func (a *attempt) wait() {
	select {
	case <-a.taken:
	case <-a.printed:
	case <-a.ctx.Done():
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-a.printed:
	case <-timer.C:
	case <-a.ctx.Done():
	}
}

// sizes is the present size of the terminal.
type sizes struct {
	mu      sync.Mutex
	size    kubernetes.TerminalSize
	changed chan struct{} // closed and replaced by each change
}

// newSizes begins with the size that clients have until they tell another one.
func newSizes() *sizes {
	return &sizes{size: kubernetes.TerminalSize{Rows: 24, Cols: 80}, changed: make(chan struct{})}
}

// maxSide is the most rows and columns that are passed on.
const maxSide = 10_000

// set changes the size. One that no terminal has is ignored: hidden pages send 0.
func (s *sizes) set(rows, cols int) {
	if rows < 1 || cols < 1 || rows > maxSide || cols > maxSide {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size = kubernetes.TerminalSize{Rows: uint16(rows), Cols: uint16(cols)}
	close(s.changed)
	s.changed = make(chan struct{})
}

// follow returns a function that waits for the size to differ from the last one that
// it has returned. It returns false when ctx ends.
func (s *sizes) follow(ctx context.Context) func() (kubernetes.TerminalSize, bool) {
	var last kubernetes.TerminalSize
	return func() (kubernetes.TerminalSize, bool) {
		for {
			s.mu.Lock()
			size, changed := s.size, s.changed
			s.mu.Unlock()
			if size != last {
				last = size
				return size, true
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return size, false
			}
		}
	}
}
