package apfs

import (
	"errors"
	"fmt"
)

// tree is a tree of nodes (Apple File System Reference, B-Trees).
type tree struct {
	c     *Container
	root  uint64
	v     *Volume // whose objects its nodes are; nil: nodes are told by their blocks
	xid   uint64  // as of this transaction
	key   *sectors
	cache map[uint64][]byte
}

// Flags of a node.
const (
	nodeRoot  = 1
	nodeLeaf  = 2
	nodeFixed = 4
)

var errTree = errors.New("a tree that no file system of Apple has")

// node reads a node and, in a tree of virtual objects, finds it by its number.
func (t *tree) node(id uint64) ([]byte, error) {
	if b := t.cache[id]; b != nil {
		return b, nil
	}
	block := id
	if t.v != nil {
		var err error
		if block, err = t.v.place(id, t.xid); err != nil {
			return nil, err
		}
	}
	b, err := t.c.read(block, 1)
	if err != nil {
		return nil, err
	}
	if t.key != nil && !whole(b) {
		t.key.decrypt(b, block*uint64(t.c.block/512))
	}
	if !whole(b) {
		return nil, fmt.Errorf("the node in block %d (offset %d): its checksum is another", block, t.c.offset+int64(block)*t.c.block)
	}
	if len(t.cache) >= maxNodes {
		clear(t.cache)
	}
	t.cache[id] = b
	return b, nil
}

// record gives the key and the value of a record of a node.
func record(b []byte, i int, fixed [2]int) (key, val []byte, err error) {
	flags := le.Uint16(b[32:])
	toc, keys := 56+int(le.Uint16(b[40:])), 0
	keys = toc + int(le.Uint16(b[42:]))
	end := len(b)
	if flags&nodeRoot != 0 {
		end -= 40
	}
	var ko, kn, vo, vn int
	if flags&nodeFixed != 0 {
		at := toc + 4*i
		if at+4 > end {
			return nil, nil, errTree
		}
		ko, vo = int(le.Uint16(b[at:])), int(le.Uint16(b[at+2:]))
		kn, vn = fixed[0], fixed[1]
		if flags&nodeLeaf == 0 {
			vn = 8
		}
	} else {
		at := toc + 8*i
		if at+8 > end {
			return nil, nil, errTree
		}
		ko, kn, vo, vn = int(le.Uint16(b[at:])), int(le.Uint16(b[at+2:])), int(le.Uint16(b[at+4:])), int(le.Uint16(b[at+6:]))
	}
	if keys+ko+kn > end || kn == 0 {
		return nil, nil, errTree
	}
	if key = b[keys+ko : keys+ko+kn]; vo == 0xffff { // a ghost
		return key, nil, nil
	}
	if vo > end || end-vo+vn > end {
		return nil, nil, errTree
	}
	return key, b[end-vo : end-vo+vn], nil
}

// fixed are the sizes of keys and values of trees that have all the same: those of
// object maps.
var fixed = [2]int{16, 16}

func (t *tree) count(b []byte) (int, error) {
	n := int64(le.Uint32(b[36:]))
	if n > int64(len(b)/4) {
		return 0, errTree
	}
	return int(n), nil
}

// child gives the number of the child of a record.
func child(val []byte) (uint64, error) {
	if len(val) < 8 {
		return 0, errTree
	}
	return le.Uint64(val), nil
}

// last gives the last record whose key is not beyond what cmp looks for: cmp is
// negative where a key lies before it, positive where it lies behind.
func (t *tree) last(cmp func(key []byte) int, give func(key, val []byte)) error {
	at := t.root
	for depth := 0; ; depth++ {
		if depth > maxDepth {
			return errTree
		}
		b, err := t.node(at)
		if err != nil {
			return err
		}
		n, err := t.count(b)
		if err != nil {
			return err
		}
		lo, hi := 0, n // the first that lies behind
		for lo < hi {
			m := (lo + hi) / 2
			key, _, err := record(b, m, fixed)
			if err != nil {
				return err
			}
			if cmp(key) > 0 {
				hi = m
			} else {
				lo = m + 1
			}
		}
		if lo == 0 {
			return nil
		}
		key, val, err := record(b, lo-1, fixed)
		if err != nil {
			return err
		}
		if le.Uint16(b[32:])&nodeLeaf != 0 {
			give(key, val)
			return nil
		}
		if at, err = child(val); err != nil {
			return err
		}
	}
}

// scan gives the records for which cmp is 0, in their order.
func (t *tree) scan(cmp func(key []byte) int, give func(key, val []byte) error) error {
	return t.walk(t.root, 0, map[uint64]bool{}, cmp, give)
}

// walk gives those of a node and of what is below it; no sound tree leads to a node
// twice.
func (t *tree) walk(id uint64, depth int, seen map[uint64]bool, cmp func(key []byte) int, give func(key, val []byte) error) error {
	if depth > maxDepth || seen[id] {
		return errTree
	}
	seen[id] = true
	b, err := t.node(id)
	if err != nil {
		return err
	}
	n, err := t.count(b)
	if err != nil {
		return err
	}
	leaf := le.Uint16(b[32:])&nodeLeaf != 0
	if level := int(le.Uint16(b[34:])); leaf != (level == 0) || level > maxDepth {
		return errTree
	}
	// Nodes at one depth have one level, so that no tree leads back into itself.
	level := le.Uint16(b[34:])
	lo, hi := 0, n // the first that does not lie before
	for lo < hi {
		m := (lo + hi) / 2
		key, _, err := record(b, m, fixed)
		if err != nil {
			return err
		}
		if cmp(key) < 0 {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if !leaf && lo > 0 {
		lo-- // what it begins with may stand in the child before
	}
	for i := lo; i < n; i++ {
		key, val, err := record(b, i, fixed)
		if err != nil {
			return err
		}
		if cmp(key) > 0 {
			return nil
		}
		if leaf {
			if err := give(key, val); err != nil {
				return err
			}
			continue
		}
		next, err := child(val)
		if err != nil {
			return err
		}
		below, err := t.node(next)
		if err != nil {
			return err
		}
		if le.Uint16(below[34:]) != level-1 {
			return errTree
		}
		if err := t.walk(next, depth+1, seen, cmp, give); err != nil {
			return err
		}
	}
	return nil
}
