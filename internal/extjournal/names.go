package extjournal

// dirent is a name in a block of a directory.
type dirent struct {
	inode uint64
	name  string
	live  bool // in the chain; otherwise left over between two names
	dot   bool // it is "."
}

// dirents gives the names in a block of a directory, live and left over; ok is
// false where the block is none: the lengths of its records must add up.
func (f *FS) dirents(b []byte, from int, give func(dirent)) (ok bool) {
	end := len(b)
	for at := from; at < end; {
		n := f.recordLen(b, at)
		if n < 8 || n%4 != 0 || at+n > end || int(b[at+6]) > n-8 {
			return false
		}
		if ino := uint64(le.Uint32(b[at:])); ino > f.inodes {
			return false
		}
		at += n
	}
	for at := from; at < end; {
		n := f.recordLen(b, at)
		used := 8
		if d, ok := f.dirent(b, at, n); ok {
			d.live = true
			give(d)
			used = (8 + len(d.name) + 3) &^ 3
		} else if le.Uint32(b[at:]) != 0 {
			used = (8 + int(b[at+6]) + 3) &^ 3
		}
		// A removed name is swallowed by the one before it; the first of a
		// block only loses its inode.
		for s := at + used; s+12 <= at+n; {
			d, ok := f.dirent(b, s, at+n-s)
			if !ok {
				s += 4
				continue
			}
			give(d)
			s += (8 + len(d.name) + 3) &^ 3
		}
		at += n
	}
	return true
}

func (f *FS) recordLen(b []byte, at int) int {
	if at+8 > len(b) {
		return 0
	}
	n := int(le.Uint16(b[at+4:]))
	if len(b) >= 1<<16 {
		if n == 0xffff || n == 0 {
			return 1 << 16
		}
		return n&0xfffc | n&3<<16
	}
	return n
}

// dirent reads the name at a place with room bytes.
func (f *FS) dirent(b []byte, at, room int) (d dirent, ok bool) {
	ino, n := uint64(le.Uint32(b[at:])), int(b[at+6])
	if ino == 0 || ino > f.inodes || n == 0 || 8+n > room {
		return d, false
	}
	if f.incompat&incompatFiletype != 0 && b[at+7] > 7 || f.incompat&incompatFiletype == 0 && b[at+7] != 0 {
		return d, false
	}
	name := b[at+8 : at+8+n]
	for _, c := range name {
		if c == 0 || c == '/' {
			return d, false
		}
	}
	d = dirent{inode: ino, name: string(name), dot: string(name) == "."}
	return d, true
}
