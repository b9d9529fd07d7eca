package volume

import (
	"errors"
	"fmt"
)

// raid is an array of members, as Linux's md, LVM2 and device-mapper lay it out.
//
// Specification: Linux, drivers/md/raid0.c, raid5.c and raid10.c; H. P. Anvin,
// The mathematics of RAID-6.
type raid struct {
	level   int // 0, 1, 4, 5, 6 or 10
	layout  int // as md numbers those of the level
	chunk   int64
	members []Span // nil for one that is missing
	part    int64  // bytes of a member that are used; RAID 0 takes what each has
	size    int64
	zones   []zone // of RAID 0
	far     farGeometry
}

// zone is the stretch of a RAID 0 that the same members share, because the
// others are smaller.
type zone struct {
	from, to int64 // of the array
	start    int64 // of each member
	members  []int
}

// farGeometry is that of RAID 10.
type farGeometry struct {
	near, far int
	offset    bool  // copies follow each other, chunk by chunk
	set       int   // members in a set
	stride    int64 // bytes from one far copy to the next
}

// maxMembers bounds an array.
const maxMembers = 256

// Layouts as md numbers them.
const (
	raid0Original  = 1
	parityFirst    = 4
	parityLast     = 5
	ddfZeroRestart = 8
	ddfNRestart    = 9
	ddfNContinue   = 10
	sixOfFive      = 16 // layouts of RAID 5 with Q on the last member
)

var errLayout = errors.New("its layout is not known")

// newRAID computes the geometry. chunk and used are in bytes.
func newRAID(level, layout int, chunk, used int64, members []Span) (*raid, error) {
	a := &raid{level: level, layout: layout, chunk: chunk, members: members, part: used}
	n := int64(len(members))
	const most = 1 << 50
	switch {
	case n == 0 || n > maxMembers:
		return nil, fmt.Errorf("it has %d members; 1 to %d are read", n, maxMembers)
	case level != 1 && (chunk < 512 || chunk%512 != 0 || chunk > 1<<30):
		return nil, fmt.Errorf("its chunks have %d bytes", chunk)
	case level != 0 && (used <= 0 || used > most):
		return nil, fmt.Errorf("its members have %d bytes", used)
	}
	if level != 1 && level != 0 {
		used -= used % chunk
	}
	switch level {
	case 0:
		return a, a.stripes()
	case 1:
		a.size = used
	case 4, 5, 6:
		if level == 4 {
			a.level, a.layout = 5, parityLast
		}
		parities := int64(1)
		if level == 6 {
			parities = 2
		}
		if n <= parities {
			return nil, fmt.Errorf("it has %d members", n)
		}
		if _, _, _, ok := a.parity(0, 0); !ok {
			return nil, fmt.Errorf("%w: %d", errLayout, layout)
		}
		a.size = used * (n - parities)
	case 10:
		f := &a.far
		f.near, f.far, f.offset = layout&0xff, layout>>8&0xff, layout>>16&1 == 1
		if f.near < 1 || f.far < 1 || f.near*f.far > len(members) || layout>>19 != 0 {
			return nil, fmt.Errorf("%w: %#x", errLayout, layout)
		}
		switch f.set = len(members); layout >> 17 {
		case 1:
			f.set = len(members) / f.far
		case 2:
			f.set = f.near * f.far
		}
		chunks := used / chunk / int64(f.far) * n / int64(f.near)
		a.size = chunks * chunk
		f.stride = chunk
		if !f.offset {
			f.stride = (chunks*int64(f.near*f.far) + n - 1) / n / int64(f.far) * chunk
		}
	default:
		return nil, fmt.Errorf("level %d is not known", level)
	}
	if a.size <= 0 {
		return nil, errors.New("it has no bytes")
	}
	return a, nil
}

// stripes computes the zones of a RAID 0, which needs all members.
func (a *raid) stripes() error {
	sizes := make([]int64, len(a.members))
	for i, m := range a.members {
		if m == nil {
			return errMembers
		}
		sizes[i] = m.Size() - m.Size()%a.chunk
	}
	for start := int64(0); ; {
		z := zone{from: a.size, start: start}
		least := int64(0)
		for i, n := range sizes {
			if n > start {
				z.members = append(z.members, i)
				if least == 0 || n < least {
					least = n
				}
			}
		}
		if len(z.members) == 0 {
			break
		}
		a.size += (least - start) * int64(len(z.members))
		z.to, start = a.size, least
		a.zones = append(a.zones, z)
	}
	if a.size == 0 {
		return errors.New("its members have no whole chunk")
	}
	return nil
}

// copyOf is a place that holds a byte of the array.
type copyOf struct {
	member int
	off    int64
}

// copies are the places that hold a byte, and how many bytes go on in each.
func (a *raid) copies(off int64, list []copyOf) (_ []copyOf, length int64) {
	if a.level == 1 {
		for i := range a.members {
			list = append(list, copyOf{i, off})
		}
		return list, a.size - off
	}
	chunk, within := off/a.chunk, off%a.chunk
	length = min(a.chunk-within, a.size-off)
	switch a.level {
	case 0:
		z := &a.zones[0]
		for i := range a.zones {
			if z = &a.zones[i]; off < z.to {
				break
			}
		}
		n := int64(len(z.members))
		in := (off - z.from) / a.chunk
		turn := in
		if a.layout == raid0Original {
			turn = chunk
		}
		return append(list, copyOf{z.members[turn%n], z.start + in/n*a.chunk + within}), length
	case 10:
		return a.mirrored(chunk, within, list), length
	}
	data := int64(len(a.members) - 1)
	if a.level == 6 {
		data--
	}
	stripe := chunk / data
	_, _, m, _ := a.parity(stripe, int(chunk%data))
	return append(list, copyOf{m, stripe*a.chunk + within}), length
}

// mirrored are the copies of a chunk of RAID 10.
func (a *raid) mirrored(chunk, within int64, list []copyOf) []copyOf {
	f, n := &a.far, len(a.members)
	chunk *= int64(f.near)
	stripe, first := chunk/int64(n), int(chunk%int64(n))
	if f.offset {
		stripe *= int64(f.far)
	}
	off := stripe*a.chunk + within
	lastStart, lastSize := (n/f.set-1)*f.set, f.set+n%f.set
	for range f.near {
		list = append(list, copyOf{first, off})
		d, at := first, off
		for range f.far - 1 {
			set := d / f.set
			d += f.near
			if n%f.set != 0 && d > lastStart {
				d = (d-lastStart)%lastSize + lastStart
			} else {
				d = d%f.set + f.set*set
			}
			at += f.stride
			if d < n {
				list = append(list, copyOf{d, at})
			}
		}
		if first++; first >= n {
			first, off = 0, off+a.chunk
		}
	}
	return list
}

// Size implements Span.
func (a *raid) Size() int64 { return a.size }

// Place implements Span: that of the first copy there is.
func (a *raid) Place(off int64) (image, length int64) {
	if off < 0 || off >= a.size {
		return 0, 0
	}
	list, n := a.copies(off, nil)
	for _, c := range list {
		if m := a.members[c.member]; m != nil {
			if image, length := m.Place(c.off); length > 0 {
				return image, min(length, n)
			}
		}
	}
	return -1, n
}

// ReadAt implements Span.
func (a *raid) ReadAt(b []byte, off int64) (int, error) {
	var room [8]copyOf
	return pieces(b, off, a.size, func(b []byte, off int64) (int64, error) {
		list, n := a.copies(off, room[:0])
		n = min(n, int64(len(b)))
		err := errMembers
		for _, c := range list {
			if m := a.members[c.member]; m != nil {
				if err = full(m, b[:n], c.off); err == nil {
					return n, nil
				}
			}
		}
		if a.level == 5 || a.level == 6 {
			if rerr := a.rebuild(b[:n], list[0]); rerr == nil || err == errMembers {
				return n, rerr
			}
		}
		return n, err
	})
}

var errMembers = errors.New("too few members of the array can be read")
