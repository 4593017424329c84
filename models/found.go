package models

import "bytes"

// Found is what a query found: its documents as the database has them, which are
// cheaper to compare than to decode. It does not change. The zero value has none.
type Found[T any] struct {
	raw    []byte // one document after the other
	decode func([]byte) ([]T, error)
}

// Same reports whether both hold the same documents in the same order.
func (f Found[T]) Same(other Found[T]) bool { return bytes.Equal(f.raw, other.raw) }

// All decodes the documents. The list is never nil.
func (f Found[T]) All() ([]T, error) {
	if len(f.raw) == 0 {
		return []T{}, nil
	}
	return f.decode(f.raw)
}

// Bytes returns how much memory f takes.
func (f Found[T]) Bytes() int { return len(f.raw) }

// Finding takes the documents that a query finds. As long as they are those of an
// earlier answer, they are not copied.
type Finding[T any] struct {
	before, now Found[T]
	same        int // bytes at the begin of before
}

// Refind returns a Finding without documents. decode reads documents that stand one
// after the other.
func Refind[T any](before Found[T], decode func([]byte) ([]T, error)) *Finding[T] {
	return &Finding[T]{before: before, now: Found[T]{decode: decode}}
}

// Add takes the next document, which may change afterwards.
func (f *Finding[T]) Add(doc []byte) {
	if f.now.raw == nil {
		if bytes.HasPrefix(f.before.raw[f.same:], doc) {
			f.same += len(doc)
			return
		}
		f.copySame()
	}
	f.now.raw = append(f.now.raw, doc...)
}

func (f *Finding[T]) copySame() {
	f.now.raw = append(make([]byte, 0, max(len(f.before.raw), 512)), f.before.raw[:f.same]...)
}

// Found returns all documents that were added.
func (f *Finding[T]) Found() Found[T] {
	if f.now.raw == nil {
		if f.same == len(f.before.raw) {
			return f.before
		}
		f.copySame()
	}
	return f.now
}
