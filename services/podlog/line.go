package podlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	// maxLine is how many bytes of a line are shown.
	maxLine = 1 << 20
	// maxStamp is more than the time before a line and a space take.
	maxStamp = 64
	// readBuffer is read from a log at once.
	readBuffer = 32 << 10
)

// line is one line of a log.
type line struct {
	at    int64    // Unix nanoseconds; 0: the cluster says this, and not the container
	pos   position // behind the line
	text  []byte   // without time and line break
	cut   int      // bytes of text that are left out
	whole bool     // it ends with a line break: the rest of it is not to come
}

// lineReader reads the lines of a log.
type lineReader struct {
	in  *bufio.Reader
	pos position
	buf []byte
	err error // after the line that was returned last
}

func newLineReader(in io.Reader) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(in, readBuffer)}
}

// next returns the next line, whose text is good until the call after. A line that the
// log ends within comes too. The error is io.EOF at the end.
func (r *lineReader) next() (line, error) {
	raw, cut, whole, err := r.read()
	if err != nil {
		return line{}, err
	}
	stamp, text, _ := bytes.Cut(raw, []byte(" "))
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		if !whole {
			return line{}, r.err
		}
		return line{text: raw, cut: cut, whole: true, pos: r.pos}, nil
	}
	if len(text) > maxLine {
		cut += len(text) - maxLine
		text = text[:maxLine]
	}
	r.pos = r.pos.next(at.UnixNano())
	return line{at: at.UnixNano(), pos: r.pos, text: text, cut: cut, whole: whole}, nil
}

// read returns the next line as it came, without its line break.
func (r *lineReader) read() (raw []byte, cut int, whole bool, err error) {
	if r.err != nil {
		return nil, 0, false, r.err
	}
	r.buf = r.buf[:0]
	if cap(r.buf) > readBuffer {
		r.buf = nil // of one long line
	}
	for {
		part, err := r.in.ReadSlice('\n')
		whole = err == nil
		if whole {
			part = part[:len(part)-1]
		}
		keep := min(len(part), maxLine+maxStamp-len(r.buf))
		r.buf = append(r.buf, part[:keep]...)
		cut += len(part) - keep
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		r.err = err
		if err != nil && len(r.buf) == 0 {
			return nil, 0, false, err
		}
		return r.buf, cut, whole, nil
	}
}

// shown returns the text of l as one line of plain text, in memory of its own.
func (l line) shown() []byte {
	text := printable(l.text)
	if l.cut > 0 {
		text = fmt.Appendf(text, " … (%d more bytes)", l.cut)
	}
	return text
}

// notice returns what the cluster says in place of the container.
func (l line) notice() string { return "the cluster says: " + string(l.shown()) }
