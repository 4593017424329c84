package podlog

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// outBytes is how much waits for a slow reader; one line more may wait as well.
	outBytes = 128 << 10
	// keptBytes is the largest buffer that is kept for the next lines.
	keptBytes = 256 << 10
)

// View is the logs that one viewer reads, as frames of server-sent events. Its methods
// are for one goroutine.
type View struct {
	opened
	manager *Manager
	left    func() // tells the manager that the view is closed
	meta    models.LogMetadata
	filter  []byte // in lower case; empty: everything

	ctx     context.Context //nolint:containedctx // of the work that goes on until Close
	cancel  context.CancelFunc
	working sync.WaitGroup // with the goroutine of run
	closed  chan struct{}  // when out holds the last frames
	ready   chan struct{}
	space   chan struct{} // signalled when out was taken
	signal  chan struct{} // from feeds
	joining chan *source  // whose past can be read now
	opening chan struct{} // holds one for each log that is being opened
	found   chan podsFound

	mu    sync.Mutex
	out   []byte // frames that wait
	spare []byte // was handed out before

	// Of the goroutine of run:
	sources []*source
	known   map[string]bool // pods by uid
	asked   bool            // new pods are being looked for
	batch   []sourceEntry
	entries []entry
}

func newView(m *Manager, o opened) *View {
	return &View{
		opened: o, manager: m, meta: o.metadata(), filter: bytes.ToLower([]byte(o.query.Filter)),
		closed: make(chan struct{}), ready: make(chan struct{}, 1), space: make(chan struct{}, 1), signal: make(chan struct{}, 1), joining: make(chan *source),
		opening: make(chan struct{}, openAtOnce), found: make(chan podsFound), known: map[string]bool{},
	}
}

// start begins the work that Close ends.
func (v *View) start() (err error) {
	v.ctx, v.cancel = context.WithCancel(v.held)
	if v.left, err = v.manager.enter(); err != nil {
		v.cancel()
		return err
	}
	if !v.manager.goes(v.run) {
		v.Close()
		return stopping("podlog.View.start")
	}
	return nil
}

// Metadata tells what the view is of.
func (v *View) Metadata() models.LogMetadata { return v.meta }

// Ready is signalled when Take has something to return.
func (v *View) Ready() <-chan struct{} { return v.ready }

// Closed is closed when all frames can be taken, of which the last says why there are
// no more.
func (v *View) Closed() <-chan struct{} { return v.closed }

// Position is empty: each line has an id of its own.
func (v *View) Position() string { return "" }

// Take appends the frames that wait to buf. They are good until the call after.
func (v *View) Take(buf [][]byte) (frames [][]byte, lost bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.out) == 0 {
		return buf, false
	}
	buf = append(buf, v.out)
	if cap(v.spare) > keptBytes {
		v.spare = nil
	}
	v.out, v.spare = v.spare[:0], v.out
	wake(v.space)
	return buf, false
}

// Close ends the view. It is called once.
func (v *View) Close() {
	v.cancel()
	v.left()
}

// run fills the view until there is nothing more, Close, the end of the permission or
// the end of ctx.
func (v *View) run(ctx context.Context) {
	defer v.release()
	defer v.cancel()
	stop := context.AfterFunc(ctx, v.cancel)
	defer stop()
	defer v.leave()
	why := v.read()
	switch {
	case v.held.Err() != nil:
		v.finish(models.MessageOf(context.Cause(v.held)), "the access has ended")
	case ctx.Err() != nil:
		v.finish("", "the server is stopping")
	default:
		v.finish("", why)
	}
}

// leave gives up all that the view holds of others.
func (v *View) leave() {
	v.cancel()
	v.working.Wait()
	for _, s := range v.sources {
		v.drop(s)
	}
}

// drop gives up what a source holds. It may be called again.
func (v *View) drop(s *source) {
	if s.past != nil {
		s.past.close()
	}
	if s.place != nil {
		v.manager.leave(s.place)
		s.place = nil
	}
	if s.release != nil {
		s.release()
		s.release = nil
	}
}

// finish appends the last frames.
func (v *View) finish(trouble, why string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if trouble != "" {
		v.out = appendFrame(v.out, models.EventError, trouble)
	}
	v.out = appendFrame(v.out, models.EventComplete, why)
	close(v.closed)
}

// append has write append to the frames, when the reader has taken enough of those that
// wait. It returns the error of ctx.
func (v *View) append(write func([]byte) []byte) error {
	v.mu.Lock()
	for len(v.out) > outBytes {
		v.mu.Unlock()
		select {
		case <-v.space:
		case <-v.ctx.Done():
			return v.ctx.Err()
		}
		v.mu.Lock()
	}
	v.out = write(v.out)
	v.mu.Unlock()
	wake(v.ready)
	return v.ctx.Err()
}

// tell sends a notice.
func (v *View) tell(label, notice string) error {
	if label != "" {
		notice = "[" + label + "] " + notice
	}
	return v.append(func(b []byte) []byte { return appendFrame(b, models.EventError, notice) })
}

// show sends a line of s, whose text is printable, unless the filter leaves it out.
func (v *View) show(s *source, l line, text []byte) error {
	s.pos = l.pos
	if len(v.filter) > 0 && !bytes.Contains(bytes.ToLower(text), v.filter) {
		return v.ctx.Err()
	}
	return v.append(func(b []byte) []byte {
		b = append(appendEventID(append(b, "id: "...), v.sources), "\nevent: log\ndata: "...)
		return append(append(appendLine(b, s.label, l.at), text...), "\n\n"...)
	})
}

// appendLine appends what comes before the text of a line.
func appendLine(b []byte, label string, at int64) []byte {
	b = append(time.Unix(0, at).UTC().AppendFormat(b, time.RFC3339Nano), ' ')
	if label != "" {
		b = append(append(append(b, '['), label...), "] "...)
	}
	return b
}

func appendFrame(b []byte, event, text string) []byte {
	b = append(append(append(b, "event: "...), event...), "\ndata: "...)
	return append(append(b, printable([]byte(text))...), "\n\n"...)
}

func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
