package ese

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Flags of a page.
const (
	pageRoot  = 0x1
	pageLeaf  = 0x2
	pageSpace = 0x20
	pageIndex = 0x40
	pageLong  = 0x80
	pageNew   = 0x800 // records with an array of tagged values; before Windows XP there was none
)

// Flags of a node.
const (
	nodeDeleted = 2
	nodePrefix  = 4 // its key begins as the page's does
)

// page is one page.
type page struct {
	number uint32
	at     int64 // in the file
	owner  uint32
	next   uint32
	flags  uint32
	b      []byte
	head   int // bytes before the data
	tags   int
	large  bool
	prefix []byte // of keys, of a page that is no root
}

// node is one value of a page.
type node struct {
	flags int
	key   []byte
	data  []byte
	at    int64 // of data, in the file
}

// page reads a page by its number.
func (d *DB) page(n uint32) (*page, error) {
	if p := d.cache[n]; p != nil {
		return p, nil
	}
	if n == 0 || n > d.pages {
		return nil, fmt.Errorf("page %d is not in the file, which has %d", n, d.pages)
	}
	p := &page{number: n, at: (int64(n) + 1) * int64(d.PageSize), b: make([]byte, d.PageSize), head: 40, large: d.large}
	if k, err := d.r.ReadAt(p.b, p.at); k < len(p.b) {
		return nil, fmt.Errorf("reading page %d: %d of %d bytes: %w", n, k, len(p.b), err)
	}
	le := binary.LittleEndian
	p.next, p.owner, p.flags = le.Uint32(p.b[20:]), le.Uint32(p.b[24:]), le.Uint32(p.b[36:])
	if !p.fits() && d.bad[n/64]&(1<<(n%64)) == 0 {
		d.bad[n/64] |= 1 << (n % 64)
		d.Problem(p.at, fmt.Sprintf("the checksum of page %d is wrong; it is read as it stands", n))
	}
	// From Windows 10 on the upper four bits count tags that are reserved.
	p.tags = int(le.Uint16(p.b[34:]) & 0xfff)
	if d.large {
		p.head = 80
	}
	if p.tags*4 > len(p.b)-p.head {
		return nil, fmt.Errorf("page %d says it has %d values, which its %d bytes can't hold", n, p.tags, len(p.b))
	}
	if p.flags&pageRoot == 0 && p.tags > 0 {
		_, p.prefix = p.tag(0)
	}
	if len(d.order) >= maxCached {
		delete(d.cache, d.order[0])
		d.order = d.order[1:]
	}
	d.cache[n] = p
	d.order = append(d.order, n)
	return p, nil
}

// tag gives the bytes of a tag and their place in the page; nil where it leads
// out of the page.
func (p *page) tag(i int) (at int, b []byte) {
	t := p.b[len(p.b)-4*(i+1):]
	size, off := int(binary.LittleEndian.Uint16(t)), int(binary.LittleEndian.Uint16(t[2:]))
	if p.large {
		size, off = size&0x7fff, off&0x7fff
	} else {
		size, off = size&0x1fff, off&0x1fff
	}
	at = p.head + off
	if at+size > len(p.b)-4*p.tags {
		return at, nil
	}
	return at, p.b[at : at+size]
}

// node gives a node, counted from 0; false when it is damaged.
func (p *page) node(i int) (n node, ok bool) {
	at, b := p.tag(i + 1)
	if len(b) < 2 {
		return n, false
	}
	if p.large {
		n.flags = int(b[1] >> 5)
	} else {
		n.flags = int(p.b[len(p.b)-4*(i+2)+3] >> 5)
	}
	used := 0
	var prefix []byte
	if n.flags&nodePrefix != 0 {
		k := int(binary.LittleEndian.Uint16(b) & 0x1fff)
		if k > len(p.prefix) || len(b) < 4 {
			return n, false
		}
		prefix, used = p.prefix[:k], 2
	}
	k := int(binary.LittleEndian.Uint16(b[used:]) & 0x1fff)
	used += 2
	if used+k > len(b) {
		return n, false
	}
	n.key = b[used : used+k]
	if len(prefix) > 0 {
		n.key = append(bytes.Clone(prefix), n.key...)
	}
	n.data, n.at = b[used+k:], p.at+int64(at+used+k)
	return n, true
}

func (p *page) nodes() int { return max(p.tags-1, 0) }

func (p *page) leaf() bool { return p.flags&pageLeaf != 0 }

// walk gives every node of a tree's leaves, in their order. What is damaged is
// told, and the rest is read.
func (d *DB) walk(root, owner uint32, f func(p *page, n *node) error) error {
	type place struct {
		page *page
		next int
	}
	var stack []place
	down := func(number uint32, from int64) {
		if number > d.pages || number == 0 {
			d.Problem(from, fmt.Sprintf("a tree leads to page %d; the file has %d", number, d.pages))
			return
		}
		if d.seen[number/64]&(1<<(number%64)) != 0 {
			d.Problem(from, fmt.Sprintf("a tree leads to page %d, which was read already", number))
			return
		}
		p, err := d.page(number)
		switch {
		case err != nil:
			d.Problem((int64(number)+1)*int64(d.PageSize), err.Error())
			return
		case owner != 0 && p.owner != owner:
			d.Problem(p.at+24, fmt.Sprintf("page %d is of tree %d; tree %d leads to it", number, p.owner, owner))
			return
		case len(stack) >= maxDepth:
			d.Problem(from, fmt.Sprintf("a tree is deeper than %d pages", maxDepth))
			return
		}
		d.seen[number/64] |= 1 << (number % 64)
		stack = append(stack, place{page: p})
	}
	down(root, (int64(root)+1)*int64(d.PageSize))
	for len(stack) > 0 {
		s := &stack[len(stack)-1]
		if s.next >= s.page.nodes() {
			stack = stack[:len(stack)-1]
			continue
		}
		p := s.page
		n, ok := p.node(s.next)
		s.next++
		switch {
		case !ok:
			d.Problem(p.at, fmt.Sprintf("value %d of page %d is damaged", s.next, p.number))
		case p.leaf():
			if err := f(p, &n); err != nil {
				return err
			}
		case len(n.data) < 4:
			d.Problem(n.at, fmt.Sprintf("value %d of page %d leads to no page", s.next, p.number))
		default:
			down(binary.LittleEndian.Uint32(n.data), n.at)
		}
	}
	return nil
}

// pageCost is the work of looking through a page, in steps.
func pageCost(p *page) int64 {
	if p == nil {
		return 1
	}
	return 1 + int64(p.nodes())/128
}

// seek gives the nodes of a tree's leaves from a key on, until f says no.
func (d *DB) seek(root, owner uint32, key []byte, f func(n *node) bool) error {
	p, err := d.page(root)
	for depth := 0; ; depth++ {
		if err != nil {
			return err
		}
		if d.steps -= pageCost(p); d.steps < 0 {
			return errors.New("long values of the database lead to each other many times over; the others are not read")
		}
		if owner != 0 && p.owner != owner {
			return fmt.Errorf("page %d is of tree %d, not %d", p.number, p.owner, owner)
		}
		if p.leaf() {
			break
		}
		if depth >= maxDepth {
			return fmt.Errorf("the tree of page %d is deeper than %d pages", root, maxDepth)
		}
		child, found := uint32(0), false
		for i := range p.nodes() {
			n, ok := p.node(i)
			if !ok || len(n.data) < 4 {
				continue
			}
			// A key of a branch is above all keys below it; the last has none.
			child, found = binary.LittleEndian.Uint32(n.data), true
			if len(n.key) == 0 || bytes.Compare(n.key, key) > 0 {
				break
			}
		}
		if !found {
			return fmt.Errorf("page %d leads nowhere", p.number)
		}
		p, err = d.page(child)
	}
	for hops := 0; ; hops++ {
		for i := range p.nodes() {
			n, ok := p.node(i)
			if !ok || bytes.Compare(n.key, key) < 0 {
				continue
			}
			if !f(&n) {
				return nil
			}
		}
		if d.steps -= pageCost(p); p.next == 0 || hops > MaxValue/1024 || d.steps < 0 {
			return nil
		}
		next, err := d.page(p.next)
		if err != nil {
			return err
		}
		if next.owner != p.owner || !next.leaf() {
			return fmt.Errorf("page %d goes on in page %d, which is of another tree", p.number, next.number)
		}
		p = next
	}
}
