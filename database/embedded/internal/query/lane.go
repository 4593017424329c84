package query

import (
	"bytes"

	bolt "go.etcd.io/bbolt"
)

// lane reads one range of keys, forwards or backwards. It stands before the
// first one while key is nil.
type lane struct {
	cur     *bolt.Cursor
	in      keyRange
	reverse bool
	key     []byte
	val     []byte
}

// advance moves one entry on, or to the first one behind last; a nil last is
// before all of them. It reports false at the end of the range.
func (l *lane) advance(last []byte) bool {
	switch {
	case l.key != nil && l.reverse:
		l.key, l.val = l.cur.Prev()
	case l.key != nil:
		l.key, l.val = l.cur.Next()
	case l.reverse:
		l.enterBackwards(last)
	default:
		l.enter(last)
	}
	if l.key == nil {
		return false
	}
	if l.reverse {
		return bytes.Compare(l.key, l.in.lo) >= 0
	}
	return l.in.hi == nil || bytes.Compare(l.key, l.in.hi) < 0
}

func (l *lane) enter(last []byte) {
	if last == nil {
		l.key, l.val = l.cur.Seek(l.in.lo)
		return
	}
	if l.key, l.val = l.cur.Seek(last); bytes.Equal(l.key, last) {
		l.key, l.val = l.cur.Next()
	}
}

// enterBackwards goes to the last entry below the range's end, or below last.
func (l *lane) enterBackwards(last []byte) {
	end := l.in.hi
	if last != nil {
		end = last
	}
	if end == nil {
		l.key, l.val = l.cur.Last()
		return
	}
	if l.key, l.val = l.cur.Seek(end); l.key == nil {
		l.key, l.val = l.cur.Last()
		return
	}
	l.key, l.val = l.cur.Prev()
}

// compared is the part of the key by which ranges are merged.
func (l *lane) compared() []byte { return l.key[l.in.fixed:] }

// resume returns the key of this range behind which a merge goes on that stopped
// at last, or nil if that is before the whole range.
func (l *lane) resume(last []byte) []byte {
	if last == nil {
		return nil
	}
	key := append(bytes.Clone(l.in.lo[:l.in.fixed]), last...)
	switch {
	case !l.reverse && bytes.Compare(key, l.in.lo) < 0,
		l.reverse && l.in.hi != nil && bytes.Compare(key, l.in.hi) >= 0:
		return nil
	}
	return key
}

// lanes are ranges that are read side by side: a heap with the one on top whose
// entry comes next.
type lanes []*lane

func (l lanes) Len() int { return len(l) }
func (l lanes) Less(i, j int) bool {
	c := bytes.Compare(l[i].compared(), l[j].compared())
	return c < 0 != l[i].reverse && c != 0
}
func (l lanes) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l *lanes) Push(x any)   { *l = append(*l, x.(*lane)) }
func (l *lanes) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}
