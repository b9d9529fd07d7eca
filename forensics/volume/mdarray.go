package volume

import (
	"fmt"
	"strings"
)

// mdGiven is a member that is given.
type mdGiven struct {
	*mdMember
	in *Stretch
}

// bytes is the part of a member that holds what the array does, nil where its
// superblock can't be right. What the image was cut of can't be read.
func (g mdGiven) bytes() Span {
	if g.data < 0 || g.size <= 0 || g.data >= g.in.Length {
		return nil
	}
	return part{g.in, g.data, g.size}
}

// mdParts assembles the array of a member from all that are given. It stands
// where the first of them is.
func mdParts(set *Set, i int) ([]Part, error) {
	var given []mdGiven
	first := i
	newest := uint64(0)
	for k, m := range set.md {
		if m != nil && m.uuid == set.md[i].uuid {
			first = min(first, k)
			newest = max(newest, m.events)
			given = append(given, mdGiven{m, set.list[k]})
		}
	}
	if first != i {
		return []Part{{Elsewhere: fmt.Sprintf("%s is %s of the %s, which stands where its first member does", set.list[i].Name, set.md[i].place(), set.md[i])}}, nil
	}
	head := given[0].mdMember
	for _, g := range given {
		if g.events > head.events {
			head = g.mdMember
		}
	}
	p := Part{Description: head.String()}
	switch {
	case head.reshaping:
		p.Problem = "it was being reshaped, which is not supported: assemble it with 'mdadm --assemble --readonly' over copies, and acquire the result"
	case head.members < 1 || head.members > maxMembers:
		p.Problem = fmt.Sprintf("its superblock is damaged: it has %d members", head.members)
	default:
		p.assemble(head, given, newest)
	}
	return []Part{p}, nil
}

// place says what a member is.
func (m *mdMember) place() string {
	switch m.role {
	case mdSpare:
		return "a spare"
	case mdJournal:
		return "the journal"
	}
	return fmt.Sprintf("member %d", m.role)
}

// assemble puts members in their places. One that is behind the others is taken
// only where it must be, one that was being rebuilt not at all.
func (p *Part) assemble(head *mdMember, given []mdGiven, newest uint64) {
	members := make([]Span, head.members)
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	take := func(stale bool) {
		for _, g := range given {
			// The kernel takes a member that is one event behind.
			if old := g.events+1 < newest; g.role < 0 || g.role >= len(members) || old != stale || g.level != head.level || g.members != head.members {
				continue
			}
			switch {
			case members[g.role] != nil:
				if !stale {
					say("%s is given as member %d, too, and left out", g.in.Name, g.role)
				}
			case g.rebuilt >= 0 && g.rebuilt < g.used:
				say("member %d was being rebuilt and is left out", g.role)
			case g.bytes() == nil:
				say("member %d has a superblock that says it lies at %d and has %d bytes, which it can't", g.role, g.data, g.size)
			default:
				members[g.role] = g.bytes()
				if g.badBlocks {
					say("member %d keeps a list of bad blocks, which is not read: they are taken for right", g.role)
				}
				if stale {
					say("member %d is of an older state (event %d of %d)", g.role, g.events, newest)
				}
			}
		}
	}
	take(false)
	a, err := head.array(members)
	if !enough(head.level, a, members) {
		take(true)
		a, err = head.array(members)
	}
	var missing []string
	for i, m := range members {
		if m == nil {
			missing = append(missing, fmt.Sprint(i))
		}
	}
	if len(missing) > 0 {
		say("member %s missing", strings.Join(missing, ", "))
	}
	switch {
	case len(missing) == len(members):
		p.Problem = fmt.Sprintf("no member of it is given, but %s: name the images of the other disks by --with", given[0].place())
	case !enough(head.level, a, members):
		p.Problem = fmt.Sprintf("of its %d members too few are given: name the images of the other disks by --with", head.members)
		for _, g := range given {
			p.Problem += "; " + g.in.Name + " is " + g.place()
		}
	case err != nil:
		p.Problem = err.Error()
	}
	if p.Problem != "" {
		if len(missing) > 0 {
			said = said[:len(said)-1]
		}
		for _, s := range said {
			p.Problem += "; " + s
		}
		return
	}
	for _, s := range said {
		p.Description += ", " + s
	}
	if head.level == 1 { // it lies in one place: where the first member has it
		for _, m := range members {
			if m, ok := m.(part); ok {
				p.Length = min(a.Size(), m.length, m.of.Size()-m.from)
				p.Span = part{m.of, m.from, p.Length}
				return
			}
		}
	}
	p.Span, p.Length = a, a.Size()
}

// array is the array of members, nil for those that are missing.
func (m *mdMember) array(members []Span) (Span, error) {
	if m.level == -1 || m.level == 0 && len(members) == 1 {
		var j joined
		for _, x := range members {
			if x == nil {
				return nil, errMembers
			}
			n := x.Size()
			if m.chunk >= 512 {
				n -= n % m.chunk
			}
			j = append(j, part{x, 0, n})
		}
		return j, nil
	}
	a, err := newRAID(m.level, m.layout, m.chunk, m.used, members)
	if err != nil {
		return nil, err
	}
	return a, nil
}

// enough reports whether all of an array can be read.
func enough(level int, a Span, members []Span) bool {
	missing := 0
	for _, m := range members {
		if m == nil {
			missing++
		}
	}
	switch level {
	case 1:
		return missing < len(members)
	case 4, 5:
		return missing <= 1
	case 6:
		return missing <= 2
	case 10:
		r, ok := a.(*raid)
		return ok && r.covered()
	}
	return missing == 0
}

// covered reports whether each chunk of a RAID 10 has a copy.
func (a *raid) covered() bool {
	// The pattern repeats after as many chunks as there are members.
	for c := range int64(len(a.members)) {
		if c*a.chunk >= a.size {
			break
		}
		list, _ := a.copies(c*a.chunk, nil)
		there := false
		for _, x := range list {
			there = there || a.members[x.member] != nil
		}
		if !there {
			return false
		}
	}
	return true
}
