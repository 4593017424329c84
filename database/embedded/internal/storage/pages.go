package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The layout of bbolt's pages, which is fixed by its file format.
const (
	pageHeader   = 16
	elementSize  = 16
	bucketHeader = 16

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	flagBucket   = 0x01 // of a leaf's element

	noFreelist = ^uint64(0)
	manyFree   = 0xFFFF // the count does not fit the header
)

// pageCheck walks the pages of a bbolt file. It reads them from the file and
// trusts nothing in them, where bbolt's own Check reads the mapped file and
// crashes on some damage.
type pageCheck struct {
	file     io.ReaderAt
	pageSize int64
	used     []bool // by number of page
}

// page is one page with those that it overflows into, or a bucket that is kept
// inside a page.
type page struct {
	flags, count uint16
	size         int64
	head         []byte // its begin
	read         func(b []byte, at int64) error
}

// meta is what the current root of a file says.
type meta struct{ root, freelist, high, tx uint64 }

// checkPages checks that every page below the high-water mark is used once, by a
// bucket or as a free page, and that keys are in order.
func checkPages(file io.ReaderAt, pageSize int, tx uint64) error {
	c := &pageCheck{file: file, pageSize: int64(pageSize)}
	m, err := c.meta(tx)
	if err != nil {
		return err
	}
	c.used = make([]bool, m.high)
	c.used[0], c.used[1] = true, true
	if err := c.bucket(m.root); err != nil {
		return err
	}
	if m.freelist == noFreelist {
		return nil
	}
	if err := c.freelist(m.freelist); err != nil {
		return err
	}
	for id, used := range c.used {
		if !used {
			return fmt.Errorf("page %d is neither used nor free", id)
		}
	}
	return nil
}

// meta returns the one of the two roots that belongs to tx, which bbolt has
// checked.
func (c *pageCheck) meta(tx uint64) (meta, error) {
	for id := range int64(2) {
		var raw [pageHeader + 72]byte
		if _, err := c.file.ReadAt(raw[:], id*c.pageSize); err != nil {
			return meta{}, err
		}
		field := func(i int) uint64 { return binary.NativeEndian.Uint64(raw[pageHeader+8*i:]) }
		if m := (meta{root: field(2), freelist: field(4), high: field(5), tx: field(6)}); m.tx == tx && m.high >= 2 {
			return m, nil
		}
	}
	return meta{}, errors.New("there is no root")
}

// page reads one page and marks it used.
func (c *pageCheck) page(id uint64) (page, error) {
	if id < 2 || id >= uint64(len(c.used)) {
		return page{}, fmt.Errorf("page %d does not exist", id)
	}
	start := int64(id) * c.pageSize
	head := make([]byte, c.pageSize)
	if _, err := c.file.ReadAt(head, start); err != nil {
		return page{}, fmt.Errorf("page %d: %w", id, err)
	}
	if have := binary.NativeEndian.Uint64(head); have != id {
		return page{}, fmt.Errorf("page %d says that it is page %d", id, have)
	}
	overflow := uint64(binary.NativeEndian.Uint32(head[12:]))
	for i := id; i <= id+overflow; i++ {
		if i >= uint64(len(c.used)) || c.used[i] {
			return page{}, fmt.Errorf("page %d belongs to two, or does not exist", i)
		}
		c.used[i] = true
	}
	p := parsePage(head, int64(overflow+1)*c.pageSize)
	p.read = func(b []byte, at int64) error {
		_, err := c.file.ReadAt(b, start+at)
		return err
	}
	return p, nil
}

func parsePage(head []byte, size int64) page {
	return page{flags: binary.NativeEndian.Uint16(head[8:]), count: binary.NativeEndian.Uint16(head[10:]), size: size, head: head}
}

// bytes returns n bytes of the page.
func (p *page) bytes(at, n int64) ([]byte, error) {
	switch {
	case at < 0 || n < 0 || at+n > p.size:
		return nil, errors.New("an element lies outside of its page")
	case at+n <= int64(len(p.head)):
		return p.head[at : at+n], nil
	}
	b := make([]byte, n)
	return b, p.read(b, at)
}

// bucket checks the tree of pages below a root.
func (c *pageCheck) bucket(root uint64) error { return c.tree(root, nil, nil) }

// tree checks a page and those below it. Its keys are from lo on and, if there
// is a hi, below it.
func (c *pageCheck) tree(id uint64, lo, hi []byte) error {
	p, err := c.page(id)
	if err == nil {
		err = c.elements(&p, lo, hi)
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

func (c *pageCheck) elements(p *page, lo, hi []byte) error {
	if p.flags != flagLeaf && (p.flags != flagBranch || p.count == 0) {
		return fmt.Errorf("it is of no known kind (%#x)", p.flags)
	}
	keys := make([][]byte, p.count)
	pages := make([]uint64, p.count) // below a branch
	for i := range keys {
		at := pageHeader + elementSize*int64(i)
		e, err := p.bytes(at, elementSize)
		if err != nil {
			return err
		}
		word := func(n int) int64 { return int64(binary.NativeEndian.Uint32(e[4*n:])) }
		pos, size := word(0), word(1)
		if p.flags == flagLeaf {
			pos, size = word(1), word(2)
		}
		if keys[i], err = p.bytes(at+pos, size); err != nil {
			return err
		}
		if i == 0 && lo != nil && bytes.Compare(keys[i], lo) < 0 || i > 0 && bytes.Compare(keys[i-1], keys[i]) >= 0 || hi != nil && bytes.Compare(keys[i], hi) >= 0 {
			return fmt.Errorf("key %d is out of order", i)
		}
		pages[i] = binary.NativeEndian.Uint64(e[8:])
		if p.flags == flagLeaf {
			if err := c.value(p, word(0), at+pos+size, word(3)); err != nil {
				return err
			}
		}
	}
	if p.flags == flagLeaf {
		return nil
	}
	for i, key := range keys {
		end := hi
		if i+1 < len(keys) {
			end = keys[i+1]
		}
		if err := c.tree(pages[i], key, end); err != nil {
			return err
		}
	}
	return nil
}

// value checks that a value lies in its page and, if it is a bucket, what is in
// that.
func (c *pageCheck) value(p *page, flags, at, size int64) error {
	if flags != flagBucket {
		if flags != 0 || at+size > p.size {
			return errors.New("a value is damaged")
		}
		return nil
	}
	v, err := p.bytes(at, size)
	if err != nil || size < bucketHeader {
		return errors.New("a bucket is damaged")
	}
	if root := binary.NativeEndian.Uint64(v); root != 0 {
		return c.bucket(root)
	}
	inside := v[bucketHeader:]
	if len(inside) < pageHeader {
		return errors.New("a bucket is damaged")
	}
	inner := parsePage(inside, int64(len(inside)))
	return c.elements(&inner, nil, nil)
}

// freelist marks the free pages.
func (c *pageCheck) freelist(id uint64) error {
	p, err := c.page(id)
	if err != nil {
		return fmt.Errorf("free pages: %w", err)
	}
	if p.flags != flagFreelist {
		return fmt.Errorf("page %d does not list the free pages", id)
	}
	n, at := int64(p.count), int64(pageHeader)
	if p.count == manyFree {
		first, err := p.bytes(at, 8)
		if err != nil {
			return err
		}
		n, at = int64(binary.NativeEndian.Uint64(first)), at+8
	}
	if n < 0 || n > p.size/8 {
		return errors.New("the list of free pages is damaged")
	}
	list, err := p.bytes(at, n*8)
	if err != nil {
		return err
	}
	for i := range n {
		free := binary.NativeEndian.Uint64(list[8*i:])
		if free < 2 || free >= uint64(len(c.used)) || c.used[free] {
			return fmt.Errorf("page %d is listed as free", free)
		}
		c.used[free] = true
	}
	return nil
}
