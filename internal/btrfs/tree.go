package btrfs

import (
	"errors"
	"fmt"
)

const (
	nodeHeader = 101
	leafItem   = 25
	nodeItem   = 33
)

// readNode reads a node, from the copy whose checksum is right.
func (f *FS) readNode(logical uint64, level uint8) ([]byte, error) {
	if b := f.cache[logical]; b != nil && b[100] == level {
		return b, nil
	}
	at, length, err := f.places(logical)
	if err != nil {
		return nil, err
	}
	if length < f.node {
		return nil, fmt.Errorf("the node at address %d leaves its chunk", logical)
	}
	var why error
	for _, p := range at {
		b := make([]byte, f.node)
		if err := readFull(f.r, b, p); err != nil {
			why = err
			continue
		}
		switch {
		case uint64(le.Uint64(b[48:])) != logical || b[100] != level:
			why = fmt.Errorf("the node at offset %d is another", p)
			continue
		case !f.sumOK(b[32:], b[:32]):
			why = fmt.Errorf("the checksum of the node at offset %d is another", p)
			continue
		}
		if len(f.cache) >= cacheNodes {
			clear(f.cache)
		}
		f.cache[logical] = b
		return b, nil
	}
	return nil, why
}

// errStop ends a walk of a tree without an error.
var errStop = errors.New("stop")

// each gives the items of a tree from one key to another, both included, and
// the image offset of their data.
func (f *FS) each(t tree, from, to key, give func(k key, data []byte, at int64) error) error {
	left := maxNodes
	var walk func(at uint64, level uint8) error
	walk = func(at uint64, level uint8) error {
		if left--; left < 0 || level > maxLevel {
			return errors.New("a tree has more nodes than a sound one")
		}
		b, err := f.readNode(at, level)
		if err != nil {
			return err
		}
		count := int(le.Uint32(b[96:]))
		if level == 0 {
			return f.leaf(b, count, from, to, give)
		}
		if count > (len(b)-nodeHeader)/nodeItem {
			return fmt.Errorf("the node at address %d states %d children", at, count)
		}
		var failed error
		for i := range count {
			p := b[nodeHeader+nodeItem*i:]
			if i+1 < count && !from.less(keyAt(p[nodeItem:])) && keyAt(p[nodeItem:]) != from {
				continue
			}
			if to.less(keyAt(p)) {
				break
			}
			if err := walk(le.Uint64(p[17:]), level-1); err != nil {
				if errors.As(err, &given{}) || errors.Is(err, errStop) {
					return err
				}
				failed = err // what its neighbors hold is not lost
			}
		}
		return failed
	}
	err := walk(t.at, t.level)
	if g := (given{}); errors.As(err, &g) {
		return g.error
	}
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// given is an error of the caller.
type given struct{ error }

func (f *FS) leaf(b []byte, count int, from, to key, give func(key, []byte, int64) error) error {
	if count > (len(b)-nodeHeader)/leafItem {
		return fmt.Errorf("a leaf states %d items", count)
	}
	place := int64(0)
	if at, _, err := f.places(le.Uint64(b[48:])); err == nil && len(at) > 0 {
		place = at[0]
	}
	for i := range count {
		p := b[nodeHeader+leafItem*i:]
		k := keyAt(p)
		if k.less(from) {
			continue
		}
		if to.less(k) {
			return nil
		}
		at, size := uint64(le.Uint32(p[17:]))+nodeHeader, uint64(le.Uint32(p[21:]))
		if at+size > uint64(len(b)) {
			return fmt.Errorf("an item leaves its leaf at address %d", le.Uint64(b[48:]))
		}
		if err := give(k, b[at:at+size], place+int64(at)); err != nil {
			if errors.Is(err, errStop) {
				return err
			}
			return given{err}
		}
	}
	return nil
}

// find gives the item with a key, nil for none.
func (f *FS) find(t tree, k key) (data []byte, at int64, err error) {
	err = f.each(t, k, k, func(_ key, b []byte, p int64) error {
		data, at = b, p
		return errStop
	})
	return data, at, err
}

// tree finds the root of a tree by its number.
func (f *FS) tree(number uint64) (tree, error) {
	if t, ok := f.trees[number]; ok {
		return t, nil
	}
	var t tree
	found := false
	err := f.each(f.root, key{number, itemRoot, 0}, key{number, itemRoot, ^uint64(0)}, func(_ key, b []byte, _ int64) error {
		if len(b) >= 239 {
			t, found = tree{le.Uint64(b[176:]), b[238]}, true
		}
		return nil
	})
	if err != nil {
		return t, fmt.Errorf("the root of tree %d: %w", number, err)
	}
	if !found {
		return t, fmt.Errorf("there is no tree %d", number)
	}
	if len(f.trees) < 1<<16 {
		f.trees[number] = t
	}
	return t, nil
}
