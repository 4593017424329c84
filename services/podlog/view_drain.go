package podlog

import (
	"cmp"
	"fmt"
	"slices"
)

// sourceEntry is something that the feed of a source says.
type sourceEntry struct {
	*source
	entry
	key int64 // for sorting: entries of one source stay in their order
}

// drain shows what feeds have for the viewer, as much as is taken at once. It reports
// whether there is more.
func (v *View) drain() (more bool) {
	v.batch = v.batch[:0]
	for _, s := range v.sources {
		switch {
		case s.ended || s.place == nil:
		case !s.joined:
			v.mind(s)
		case v.take(s):
			more = true
		}
	}
	slices.SortStableFunc(v.batch, func(a, b sourceEntry) int { return cmp.Compare(a.key, b.key) })
	for _, e := range v.batch {
		if v.say(e) != nil {
			break
		}
	}
	clear(v.batch)
	return more
}

// mind tells why a source shows nothing yet.
func (v *View) mind(s *source) {
	if trouble := s.place.feed.now(); trouble != "" && trouble != s.told {
		s.told = trouble
		_ = v.tell(s.label, trouble)
	}
}

// take adds entries of s to the batch and reports whether there are more.
func (v *View) take(s *source) (more bool) {
	from := len(v.batch)
	got, skipped, more, ended := s.place.take(v.entries[:0])
	if skipped > 0 && !(s.seam && overlaps(got, s.pos)) {
		v.batch = append(v.batch, sourceEntry{source: s, entry: entry{notice: skippedNotice(skipped)}, key: s.pos.at})
	}
	for _, e := range got {
		if e.pod != "" && e.pod != s.state.pod {
			s.seam = false // what was read before is of another pod
		}
		if e.notice == "" && s.seam && !e.pos.behind(s.pos) {
			continue // it was among the lines from before
		}
		key := e.pos.at
		if len(v.batch) > from {
			key = max(key, v.batch[len(v.batch)-1].key)
		} else if e.notice != "" {
			key = s.pos.at
		}
		if e.notice == "" {
			s.seam = false
		}
		v.batch = append(v.batch, sourceEntry{s, e, key})
	}
	clear(got)
	v.entries = got
	if ended {
		s.ended = true
		v.drop(s)
	}
	return more
}

// overlaps reports whether the first line of entries is not behind pos.
func overlaps(entries []entry, pos position) bool {
	i := slices.IndexFunc(entries, func(e entry) bool { return e.notice == "" })
	return i >= 0 && !entries[i].pos.behind(pos)
}

// say shows one entry.
func (v *View) say(e sourceEntry) error {
	if e.notice == "" {
		return v.show(e.source, e.line, e.text)
	}
	if e.notice == e.told {
		return nil
	}
	e.told = ""
	return v.tell(e.label, e.notice)
}

func skippedNotice(n uint64) string {
	if n == 1 {
		return "1 line was skipped, since lines come faster than they are read here"
	}
	return fmt.Sprintf("%d lines were skipped, since lines come faster than they are read here", n)
}
