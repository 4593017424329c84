package podlog

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/limit"
)

// pastReader reads lines from before: those of several requests, one after the other.
// It must be closed.
type pastReader struct {
	conn     podCluster
	requests []kubernetes.LogRequest // that are not open yet
	skip     position                // lines up to there are left out
	rest     bool                    // a last line without an end comes too
	failed   error                   // of open

	body  io.ReadCloser
	lines *lineReader
}

// openPast begins to read the lines of s from before.
func (s *source) openPast(ctx context.Context, conn podCluster, of subject, rest bool) {
	s.past = &pastReader{conn: conn, requests: of.requests(s), skip: s.pos, rest: rest}
	s.past.failed = s.past.open(ctx)
}

// open begins the next request. Its error is io.EOF after the last one.
func (r *pastReader) open(ctx context.Context) error {
	if len(r.requests) == 0 {
		return io.EOF
	}
	next := r.requests[0]
	r.requests = r.requests[1:]
	body, err := r.conn.Logs(kubernetes.ProbeEarly(ctx), next)
	if err != nil {
		return err
	}
	r.body, r.lines = body, newLineReader(body)
	return nil
}

// next returns the next line, whose text is good until the call after. The error is
// io.EOF behind the last one.
func (r *pastReader) next(ctx context.Context) (line, error) {
	for {
		if r.failed == nil && r.lines == nil {
			r.failed = r.open(ctx)
		}
		if r.failed != nil {
			return line{}, r.failed
		}
		l, err := r.lines.next()
		switch {
		case errors.Is(err, io.EOF):
			r.close()
		case err != nil:
			return line{}, err
		case l.at == 0, l.pos.behind(r.skip) && (l.whole || r.rest):
			return l, nil
		}
	}
}

func (r *pastReader) close() {
	if r.body != nil {
		_ = r.body.Close()
		r.body, r.lines = nil, nil
	}
}

// merge calls yield with the past lines of sources by their times, in the order of each
// log, and closes the readers. It calls trouble for a log that cannot be read to its
// end. It returns the first error of yield.
func merge(ctx context.Context, sources []*source, trouble func(*source, error), yield func(*source, line) error) error {
	heads := make([]line, 0, len(sources))
	open := slices.Clone(sources)
	defer func() {
		for _, s := range open {
			s.past.close()
		}
	}()
	advance := func(s *source) (line, bool) {
		l, err := s.past.next(ctx)
		if err == nil {
			return l, true
		}
		s.past.close()
		if !errors.Is(err, io.EOF) {
			trouble(s, err)
		}
		return line{}, false
	}
	open = slices.DeleteFunc(open, func(s *source) bool {
		head, ok := advance(s)
		if ok {
			heads = append(heads, head)
			if !s.resume {
				s.pos = head.pos.before()
			}
		}
		return !ok
	})
	for len(open) > 0 && ctx.Err() == nil {
		i := 0
		for j := range heads {
			if heads[j].pos.at < heads[i].pos.at {
				i = j
			}
		}
		if err := yield(open[i], heads[i]); err != nil {
			return err
		}
		var ok bool
		if heads[i], ok = advance(open[i]); !ok {
			open, heads = slices.Delete(open, i, i+1), slices.Delete(heads, i, i+1)
		}
	}
	return nil
}

// newestBytes bounds what newest keeps.
const newestBytes = 4 << 20

// newest keeps the newest lines of several logs, as far as there is memory for them.
type newest struct {
	most    int
	pool    *limit.Pool[string]
	user    string
	lines   []sourceLine
	bytes   int
	dropped int // for want of memory
}

type sourceLine struct {
	*source
	line
}

func (l sourceLine) size() int { return len(l.text) + entryBytes }

// add keeps a copy of l, which is newer than the lines before.
func (n *newest) add(s *source, l line) {
	added := sourceLine{s, l}
	if len(n.lines) == n.most {
		n.drop()
	}
	for !n.reserve(added.size()) {
		n.dropped++
		if len(n.lines) == 0 {
			s.pos = l.pos
			return
		}
		n.drop()
	}
	added.text = slices.Clone(l.text)
	n.lines = append(n.lines, added)
}

func (n *newest) reserve(size int) bool {
	if n.bytes+size > newestBytes {
		return false
	}
	ok, _ := n.pool.Take(int64(size), n.user)
	if ok {
		n.bytes += size
	}
	return ok
}

// close forgets all lines.
func (n *newest) close() {
	for len(n.lines) > 0 {
		n.drop()
	}
}

// drop forgets the oldest line, which its source is behind then.
func (n *newest) drop() {
	first := n.lines[0]
	first.source.pos = first.line.pos
	n.bytes -= first.size()
	n.pool.Give(int64(first.size()), n.user)
	n.lines[0] = sourceLine{}
	n.lines = n.lines[1:]
}
