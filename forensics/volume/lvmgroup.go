package volume

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// lvmGroup is a volume group, and the physical volumes of it that are given.
type lvmGroup struct {
	root   *lvmNode
	lvs    *lvmNode
	extent int64           // bytes
	disks  map[string]Span // the extents of a physical volume, by its name; absent where it is not given
	made   map[string]*lvmMade
	depth  int
	kept   int                          // pieces of snapshots and thin volumes that are known
	pools  map[string]map[uint64]uint64 // roots of the thin volumes of a pool, by device
	walked int                          // blocks of trees of pools that were read
}

// lvmMade is a logical volume that was put together.
type lvmMade struct {
	span Span
	said []string // what a reader of it must know
	cost int      // places that a read of one byte may come to
	err  error
}

// lvmMaxCost bounds what one read comes to: members that are computed from others, which are
// computed from others, would be read without end.
const lvmMaxCost = 4096

// over counts what a volume that is made of others costs.
func (m *lvmMade) over(cost int) { m.cost = max(m.cost, cost) }

// lvmMaxDepth bounds volumes made of volumes: thin ones of a pool of RAID of a
// mirror of disks.
const lvmMaxDepth = 8

// lvmParts lists the visible logical volumes of a group. They stand where its
// first physical volume is.
func lvmParts(set *Set, i int) ([]Part, error) {
	own := set.pv[i]
	var best *lvmDisk
	for _, d := range set.pv {
		if d.has(own.uuid) && (best == nil || d.group.number("seqno") > best.group.number("seqno")) {
			best = d
		}
	}
	if best == nil {
		return nil, own.err
	}
	for k, d := range set.pv[:i] {
		if d != nil && d.uuid == own.uuid {
			return []Part{{Elsewhere: fmt.Sprintf("%s is the same physical volume of the LVM2 volume group %q as %s, and left out", set.list[i].Name, best.name, set.list[k].Name)}}, nil
		}
	}
	here := map[string]*Stretch{} // by UUID
	for k, d := range set.pv {
		if d == nil || !best.has(d.uuid) || here[d.uuid] != nil {
			continue
		}
		if len(here) == 0 && k != i {
			return []Part{{Elsewhere: fmt.Sprintf("%s is a physical volume of the LVM2 volume group %q, whose logical volumes stand where its first one does", set.list[i].Name, best.name)}}, nil
		}
		here[d.uuid] = set.list[k]
	}
	g := &lvmGroup{root: best.group, lvs: best.group.sub("logical_volumes"), extent: best.group.number("extent_size"), disks: map[string]Span{}, made: map[string]*lvmMade{}, pools: map[string]map[uint64]uint64{}}
	if g.extent <= 0 || g.extent > 1<<31 {
		return nil, fmt.Errorf("its volume group %q has extents of %d sectors", best.name, g.extent)
	}
	g.extent *= 512
	pvs := g.root.sub("physical_volumes")
	var missing []string
	for _, n := range pvs.sections() {
		pv := pvs.sub(n)
		start, count := pv.number("pe_start"), pv.number("pe_count")
		if start < 0 || start > 1<<40 || count < 0 || count > 1<<50/g.extent*64 {
			return nil, fmt.Errorf("its volume group %q says that its physical volume %s begins at sector %d and has %d extents", best.name, n, start, count)
		}
		if s := here[strings.ReplaceAll(pv.text("id"), "-", "")]; s != nil {
			g.disks[n] = part{s, start * 512, count * g.extent}
			continue
		}
		missing = append(missing, n)
		g.disks[n] = absent{count * g.extent, fmt.Sprintf("it lies on %s, another disk of the group, which is not given: name its image by --with", n)}
	}
	return g.parts(best.name, missing)
}

func (g *lvmGroup) parts(name string, missing []string) ([]Part, error) {
	var list []Part
	stores := map[string]bool{} // of snapshots, which stand there for them
	for _, n := range g.lvs.sections() {
		if s := g.lvs.sub(n).sub("segment1"); s.text("type") == "snapshot" {
			stores[s.text("cow_store")] = true
		}
	}
	for _, n := range g.lvs.sections() {
		lv := g.lvs.sub(n)
		if !slices.Contains(lv.list("status"), "VISIBLE") || stores[n] || lv.sub("segment1").text("type") == "thin-pool" {
			continue
		}
		shown, more := n, ""
		if s := lv.sub("segment1"); s.text("type") == "snapshot" {
			shown, more = s.text("cow_store"), ", snapshot of "+s.text("origin")
		}
		p := Part{Description: "LVM2 " + name + "/" + shown + more}
		m := g.volume(n)
		switch {
		case m.err != nil:
			p.Problem = m.err.Error()
		default:
			for _, s := range m.said {
				p.Description += ", " + s
			}
			p.Span, p.Length = m.span, m.span.Size()
			if j, ok := m.span.(joined); ok && len(j) > 1 {
				p.Description += fmt.Sprintf(", in %d pieces", len(j))
			}
		}
		list = append(list, p)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("its volume group %q has no logical volumes", name)
	}
	if len(missing) > 0 {
		list[0].Note = fmt.Sprintf("the LVM2 volume group %q has physical volumes that are not given: %s", name, strings.Join(missing, ", "))
	}
	return list, nil
}

// volume puts a logical volume together, once.
func (g *lvmGroup) volume(name string) *lvmMade {
	if m := g.made[name]; m != nil {
		return m
	}
	m := &lvmMade{cost: 1, err: fmt.Errorf("its metadata is damaged: %s is made of itself", name)}
	g.made[name] = m
	if g.depth++; g.depth > lvmMaxDepth {
		m.err = fmt.Errorf("its metadata is damaged: volumes are made of volumes %d deep", g.depth)
	} else {
		m.span, m.err = g.segments(name, m)
	}
	if m.err == nil && m.cost > lvmMaxCost {
		m.err = fmt.Errorf("its metadata is damaged: to read a byte of it, %d places would be read; at most %d are", m.cost, lvmMaxCost)
	}
	g.depth--
	return m
}

func (g *lvmGroup) segments(name string, m *lvmMade) (Span, error) {
	lv := g.lvs.sub(name)
	count := lv.number("segment_count")
	if count < 1 || count > maxParts {
		return nil, errors.New("its metadata names no place")
	}
	var all joined
	for i := int64(1); i <= count; i++ {
		s := lv.sub(fmt.Sprintf("segment%d", i))
		n := s.number("extent_count")
		if n < 1 || n > 1<<60/g.extent || all.Size() > 1<<60 {
			return nil, errors.New("its metadata is damaged")
		}
		x, err := g.segment(s, n*g.extent, count == 1, m)
		if err != nil {
			return nil, err
		}
		// Neighbors are one piece.
		if k := len(all) - 1; k >= 0 {
			a, ok := all[k].(part)
			b, ok2 := x.(part)
			if ok && ok2 && a.of == b.of && a.from+a.length == b.from {
				all[k] = part{a.of, a.from, a.length + b.length}
				continue
			}
		}
		all = append(all, x)
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

// lvmRAID are the types of dm-raid: level and layout of md.
var lvmRAID = map[string][2]int{
	"raid1": {1, 0}, "raid4": {5, parityFirst}, // unlike md's
	"raid5": {5, 2}, "raid5_ls": {5, 2}, "raid5_la": {5, 0}, "raid5_ra": {5, 1}, "raid5_rs": {5, 3}, "raid5_n": {5, parityLast},
	"raid6": {6, ddfZeroRestart}, "raid6_zr": {6, ddfZeroRestart}, "raid6_nr": {6, ddfNRestart}, "raid6_nc": {6, ddfNContinue}, "raid6_n_6": {6, parityLast},
	"raid6_la_6": {6, sixOfFive}, "raid6_ra_6": {6, sixOfFive + 1}, "raid6_ls_6": {6, sixOfFive + 2}, "raid6_rs_6": {6, sixOfFive + 3},
	"raid10": {10, 0x102}, "raid10_near": {10, 0x102},
}

// segment is one of a volume; length is in bytes, only says that it is all of it.
func (g *lvmGroup) segment(s *lvmNode, length int64, only bool, m *lvmMade) (Span, error) {
	kind := s.text("type")
	chunk := s.number("stripe_size")
	if chunk > 1<<31 {
		chunk = -1
	}
	chunk *= 512
	switch kind {
	case "striped", "linear":
		areas := s.list("stripes")
		n := s.number("stripe_count")
		if n < 1 || n > maxMembers || int64(len(areas)) != 2*n || length%n != 0 {
			return nil, errors.New("its metadata is damaged")
		}
		members := make([]Span, n)
		for i := range members {
			var err error
			if members[i], err = g.area(areas[2*i], atoi(areas[2*i+1]), length/n, m); err != nil {
				return nil, err
			}
		}
		if n == 1 {
			return members[0], nil
		}
		return g.array(0, 0, chunk, length, members, m)
	case "mirror":
		areas := s.list("mirrors")
		if len(areas) > 2*maxMembers {
			return nil, fmt.Errorf("its metadata is damaged: it has %d members", len(areas)/2)
		}
		members := make([]Span, len(areas)/2)
		for i := range members {
			members[i], _ = g.area(areas[2*i], atoi(areas[2*i+1]), length, m)
		}
		m.over(m.cost * len(members))
		return g.array(1, 0, 0, length, members, m)
	case "raid0", "raid0_meta":
		names := s.list("raid0_lvs")
		if kind == "raid0_meta" {
			names = everySecond(s.list("raids"))
		}
		if len(names) > maxMembers {
			return nil, fmt.Errorf("its metadata is damaged: it has %d members", len(names))
		}
		members := make([]Span, 0, len(names))
		for _, n := range names {
			x := g.volume(n)
			if x.err != nil {
				return nil, x.err
			}
			m.over(x.cost)
			members = append(members, x.span)
		}
		return g.array(0, 0, chunk, length, members, m)
	case "snapshot":
		return g.snapshot(s, m)
	case "thin":
		return g.thin(s, length, m)
	}
	if r, ok := lvmRAID[kind]; ok {
		if !only {
			return nil, fmt.Errorf("it is of type %q in several segments, which is not supported: %s", kind, lvmHint)
		}
		return g.raid(s, r[0], r[1], chunk, length, m)
	}
	return nil, fmt.Errorf("it is of type %q, which is not supported: %s", kind, lvmHint)
}

const lvmHint = "activate it with 'vgchange -ay' over read-only loop devices of all disks, and acquire it"

// area is a stretch of a physical volume, or of a logical one, from an extent on.
func (g *lvmGroup) area(name string, from, length int64, m *lvmMade) (Span, error) {
	if from < 0 || from > 1<<60/g.extent {
		return nil, errors.New("its metadata is damaged")
	}
	from *= g.extent
	of := g.disks[name]
	if of == nil {
		x := g.volume(name)
		if x.err != nil {
			return nil, x.err
		}
		of = x.span
		m.over(x.cost)
		for _, s := range x.said {
			m.say(s)
		}
	}
	if a, ok := of.(absent); ok {
		return nil, errors.New(a.why)
	}
	if from > of.Size() || length > of.Size()-from {
		return nil, errors.New("its metadata is damaged: it names extents that its disk has not")
	}
	if p, ok := of.(part); ok {
		return part{p.of, p.from + from, length}, nil
	}
	return part{of, from, length}, nil
}

func (m *lvmMade) say(s string) {
	if !slices.Contains(m.said, s) {
		m.said = append(m.said, s)
	}
}

// array is members of which some may be missing.
func (g *lvmGroup) array(level, layout int, chunk, length int64, members []Span, m *lvmMade) (Span, error) {
	used, missing := int64(0), 0
	for _, x := range members {
		if x == nil {
			missing++
		} else if used == 0 || x.Size() < used {
			used = x.Size()
		}
	}
	a, err := newRAID(level, layout, chunk, used, members)
	if err != nil {
		return nil, err
	}
	if !enough(level, a, members) {
		return nil, fmt.Errorf("%d of the %d disks it lies on are not given: name their images by --with", missing, len(members))
	}
	if missing > 0 {
		m.say(fmt.Sprintf("%d of the %d disks it lies on missing", missing, len(members)))
	}
	if length > a.Size() {
		return nil, fmt.Errorf("its metadata is damaged: it has %d bytes, its parts have %d", length, a.Size())
	}
	if level == 1 {
		for _, x := range members {
			if x != nil {
				return part{x, 0, length}.flat(), nil
			}
		}
	}
	return part{a, 0, length}, nil
}

// flat is a part of a part as one of what that is of.
func (p part) flat() Span {
	if q, ok := p.of.(part); ok {
		return part{q.of, q.from + p.from, p.length}
	}
	return p
}

// raid is a volume of dm-raid, whose members are logical volumes, each with one
// that keeps its state.
func (g *lvmGroup) raid(s *lvmNode, level, layout int, chunk, length int64, m *lvmMade) (Span, error) {
	names := s.list("raids")
	if len(names) > 2*maxMembers {
		return nil, fmt.Errorf("its metadata is damaged: it has %d members", len(names)/2)
	}
	members := make([]Span, len(names)/2)
	states := make([]lvmState, len(members))
	newest, cost := uint64(0), 0
	for i := range members {
		states[i] = g.state(names[2*i])
		newest = max(newest, states[i].events)
		if x := g.volume(names[2*i+1]); x.err == nil {
			members[i] = x.span
			cost += x.cost
		}
	}
	m.over(cost)
	for i, st := range states {
		switch {
		case members[i] == nil || !st.known:
		case st.events+1 < newest:
			m.say(fmt.Sprintf("member %d is of an older state and left out", i))
			members[i] = nil
		case st.rebuilt != ^uint64(0) && st.rebuilt*512 < uint64(members[i].Size()):
			m.say(fmt.Sprintf("member %d was being rebuilt and is left out", i))
			members[i] = nil
		}
	}
	return g.array(level, layout, chunk, length, members, m)
}

// lvmState is what dm-raid keeps of a member.
type lvmState struct {
	known           bool
	events, rebuilt uint64
}

// state reads it: 0 "DmRd" | 16 events | 32 rebuilt up to, in sectors.
func (g *lvmGroup) state(name string) (st lvmState) {
	b := make([]byte, 40)
	x := g.volume(name)
	if x.err != nil || full(x.span, b, 0) != nil || string(b[:4]) != "DmRd" {
		return st
	}
	return lvmState{true, binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[32:])}
}

func everySecond(list []string) (out []string) {
	for i := 1; i < len(list); i += 2 {
		out = append(out, list[i])
	}
	return out
}
