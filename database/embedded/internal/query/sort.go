package query

import (
	"bytes"
	"container/heap"
	"slices"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// maxSortBytes bounds what one sort keeps in memory, MongoDB's default.
const maxSortBytes = 100 << 20

// Sorter puts documents into order in memory. With a limit it keeps no more
// than that many.
type Sorter struct {
	fields []bsonval.IndexField
	limit  int // 0: none
	show   *Projection
	rows   rows
	bytes  int
	count  int
}

type row struct {
	key []byte
	seq int // keeps the order of equals
	doc []byte
}

// rows is a heap with the last of the order on top.
type rows []row

func (r rows) Len() int           { return len(r) }
func (r rows) Less(i, j int) bool { return compareRows(r[i], r[j]) > 0 }
func (r rows) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }
func (r *rows) Push(x any)        { *r = append(*r, x.(row)) }
func (r *rows) Pop() any {
	last := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return last
}

func compareRows(a, b row) int {
	if c := bytes.Compare(a.key, b.key); c != 0 {
		return c
	}
	return a.seq - b.seq
}

// NewSorter returns a sorter by fields; limit 0 means all. It keeps of each
// document what show leaves of it, since large documents in long lists are
// mostly not asked for whole.
func NewSorter(fields []bsonval.IndexField, limit int, show *Projection) *Sorter {
	return &Sorter{fields: fields, limit: limit, show: show}
}

// Add takes a copy of doc.
func (s *Sorter) Add(doc []byte) error {
	key, err := bsonval.SortKey(doc, s.fields)
	if err != nil {
		return mongoerr.New(mongoerr.BadValue, "cannot sort: %v", err)
	}
	r := row{key: key, seq: s.count}
	s.count++
	if s.limit > 0 && len(s.rows) == s.limit {
		if compareRows(r, s.rows[0]) > 0 {
			return nil
		}
		s.bytes -= len(s.rows[0].doc) + len(s.rows[0].key)
		heap.Pop(&s.rows)
	}
	r.doc = s.show.Append(nil, doc)
	s.bytes += len(r.doc) + len(r.key)
	if s.bytes > maxSortBytes {
		return mongoerr.New(mongoerr.QueryMemoryExceeded, "Sort exceeded memory limit of %d bytes", maxSortBytes)
	}
	if s.limit > 0 {
		heap.Push(&s.rows, r)
		return nil
	}
	s.rows = append(s.rows, r)
	return nil
}

// Sorted returns the documents in order. The sorter is spent.
func (s *Sorter) Sorted() [][]byte {
	slices.SortFunc(s.rows, compareRows)
	docs := make([][]byte, len(s.rows))
	for i, r := range s.rows {
		docs[i] = r.doc
	}
	s.rows = nil
	return docs
}
