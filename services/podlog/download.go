package podlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/kubeorch/core/models"
)

const (
	// downloadBytes bounds a file of log lines.
	downloadBytes = 256 << 20
	// chunkBytes is sent at once.
	chunkBytes = 64 << 10
	// probeBytes is how much is read without a match before the reader is looked at.
	probeBytes = 4 << 20
)

// errFull ends a download that has become too large.
var errFull = errors.New("the file is full") //nolint:gochecknoglobals // never written

// Download is the lines of logs for a file, as their containers printed them. It must be
// closed.
type Download struct {
	opened
	manager *Manager
	sources []*source
	ctx     context.Context //nolint:containedctx // ends with the permission, with Close and with the server
	cancel  context.CancelFunc
	done    func()
	most    int // bytes
}

// Download is Open for a file: the query's Follow and LastEventID do not count. A log
// that cannot be read is an error, if it is the only one.
func (m *Manager) Download(ctx context.Context, userID, id string, q models.LogQuery) (*Download, error) {
	q.Follow, q.LastEventID = false, ""
	leave, err := m.enter()
	if err != nil {
		return nil, err
	}
	o, err := m.open(ctx, userID, id, q)
	if err != nil {
		leave()
		return nil, err
	}
	d := &Download{opened: o, manager: m, most: downloadBytes}
	d.ctx, d.cancel = context.WithCancel(o.held)
	stop := context.AfterFunc(m.ctx, d.cancel)
	d.done = func() { stop(); d.cancel(); o.release(); leave() }
	if err := d.prepare(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// prepare begins to read all logs.
func (d *Download) prepare() error {
	for _, pod := range d.pods {
		d.sources = append(d.sources, d.sourcesOf(pod)...)
	}
	var group errgroup.Group
	group.SetLimit(openAtOnce)
	for _, s := range d.sources {
		group.Go(func() error { s.openPast(d.ctx, d.conn, d.subject, true); return nil })
	}
	_ = group.Wait() // there are none
	if len(d.sources) == 1 {
		if err := d.sources[0].past.failed; err != nil && !errors.Is(err, io.EOF) {
			return failure("podlog.Download.prepare", err)
		}
	}
	return nil
}

// Close ends the download.
func (d *Download) Close() {
	for _, s := range d.sources {
		if s.past != nil {
			s.past.close()
		}
	}
	d.done()
}

// Name is a name for the file.
func (d *Download) Name() string {
	name := d.resource.Name
	if c := d.metadata().Container; c != "" {
		name += "-" + c
	}
	if d.query.Previous {
		name += "-previous"
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, name) + ".log"
}

// Write calls send with the file, part by part, and now and then with nothing while no
// line matches. It ends with the first error of send, and then returns it. What could
// not be read is said in the file.
func (d *Download) Write(send func(chunk []byte) error) error {
	w := fileWriter{send: send, most: d.most, filter: bytes.ToLower([]byte(d.query.Filter))}
	for _, note := range d.notes {
		w.note("", note)
	}
	trouble := func(s *source, err error) { w.note(s.label, "the log could not be read to its end: "+messageOf(err)) }
	err := d.lines(trouble, w.add)
	switch {
	case errors.Is(err, errFull):
		w.note("", fmt.Sprintf("the file ends here, at %d MB", d.most>>20))
	case d.held.Err() != nil:
		w.note("", "the file ends here: "+models.MessageOf(context.Cause(d.held)))
	case d.ctx.Err() != nil:
		w.note("", "the file ends here: the server is stopping")
	case err != nil:
		return err
	}
	return w.flush()
}

// lines calls add with the lines of all logs by their times.
func (d *Download) lines(trouble func(*source, error), add func(*source, line) error) error {
	if len(d.sources) < 2 || d.query.Tail == 0 || d.query.SinceSeconds > 0 {
		return merge(d.ctx, d.sources, trouble, add)
	}
	kept := &newest{most: d.query.Tail, pool: d.manager.past, user: d.user}
	defer kept.close()
	err := merge(d.ctx, d.sources, trouble, func(s *source, l line) error { kept.add(s, l); return nil })
	for ; len(kept.lines) > 0 && err == nil; kept.drop() {
		err = add(kept.lines[0].source, kept.lines[0].line)
	}
	return err
}

// fileWriter collects lines into chunks.
type fileWriter struct {
	send   func([]byte) error
	most   int // bytes of lines
	filter []byte

	chunk   []byte
	written int
	unseen  int // bytes that were read since something was sent
}

func (w *fileWriter) add(s *source, l line) error {
	if w.unseen += len(l.text); w.unseen > probeBytes {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if len(w.filter) > 0 && !bytes.Contains(bytes.ToLower(printable(l.text)), w.filter) {
		return nil
	}
	before := len(w.chunk)
	if l.at != 0 {
		w.chunk = appendLine(w.chunk, s.label, l.at)
	}
	w.chunk = append(w.chunk, l.text...)
	if l.cut > 0 {
		w.chunk = fmt.Appendf(w.chunk, " … (%d more bytes)", l.cut)
	}
	w.chunk = append(w.chunk, '\n')
	if w.written += len(w.chunk) - before; w.written > w.most {
		return errFull
	}
	if len(w.chunk) < chunkBytes {
		return nil
	}
	return w.flush()
}

// note adds a line that is none of a container.
func (w *fileWriter) note(label, text string) {
	if label != "" {
		text = "[" + label + "] " + text
	}
	w.chunk = append(append(append(w.chunk, "# "...), printable([]byte(text))...), '\n')
}

func (w *fileWriter) flush() error {
	err := w.send(w.chunk)
	w.chunk, w.unseen = w.chunk[:0], 0
	return err
}
