package suricata

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Reputation holds the scores of addresses by category (Suricata user guide,
// "IP Reputation"). It is immutable once loaded.
type Reputation struct {
	categories map[string]uint8
	hosts      map[netip.Addr]*scores
	nets       [129]map[netip.Prefix]*scores // by bits, of IPv4 in IPv6
}

// scores holds one score a category; -1 stands for none.
type scores [maxCategories]int8

const (
	maxCategories = 60
	maxScore      = 127
)

// LoadReputation reads the file of categories ("ID,NAME,TEXT" a line) and files
// of scores ("ADDRESS or NETWORK,ID,SCORE" a line).
func LoadReputation(categories string, files []string) (*Reputation, error) {
	r := &Reputation{categories: map[string]uint8{}, hosts: map[netip.Addr]*scores{}}
	err := eachLine(categories, func(f []string) error {
		id, err := strconv.ParseUint(f[0], 10, 8)
		if err != nil || id == 0 || id >= maxCategories || len(f) < 2 {
			return fmt.Errorf("not a category; expected ID,NAME,TEXT with an id from 1 to %d", maxCategories-1)
		}
		r.categories[f[1]] = uint8(id)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		if err := eachLine(path, r.line); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func eachLine(path string, take func(f []string) error) error {
	data, err := readData(path)
	if err != nil {
		return fmt.Errorf("reading reputation: %w", err)
	}
	n := 0
	for line := range bytes.Lines(data) {
		n++
		s := strings.TrimSpace(string(line))
		if s == "" || s[0] == '#' {
			continue
		}
		f := strings.Split(s, ",")
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		if err := take(f); err != nil {
			return fmt.Errorf("reading reputation from %s, line %d: %w", path, n, err)
		}
	}
	return nil
}

func (r *Reputation) line(f []string) error {
	bad := errors.New("not a reputation; expected ADDRESS,ID,SCORE with a score from 0 to 127")
	if len(f) != 3 {
		return bad
	}
	id, e1 := strconv.ParseUint(f[1], 10, 8)
	score, e2 := strconv.ParseUint(f[2], 10, 8)
	if e1 != nil || e2 != nil || id == 0 || id >= maxCategories || score > maxScore {
		return bad
	}
	var s *scores
	if a, err := netip.ParseAddr(f[0]); err == nil {
		if s = r.hosts[a.Unmap()]; s == nil {
			s = newScores()
			r.hosts[a.Unmap()] = s
		}
	} else {
		p, err := netip.ParsePrefix(f[0])
		if err != nil {
			return bad
		}
		bits := p.Bits()
		if p.Addr().Is4() {
			bits += 96
		}
		p = p.Masked()
		if r.nets[bits] == nil {
			r.nets[bits] = map[netip.Prefix]*scores{}
		}
		if s = r.nets[bits][p]; s == nil {
			s = newScores()
			r.nets[bits][p] = s
		}
	}
	s[id] = int8(score)
	return nil
}

func newScores() *scores {
	s := &scores{}
	for i := range s {
		s[i] = -1
	}
	return s
}

// score gives an address's own score of a category, else that of the smallest
// network around it.
func (r *Reputation) score(a netip.Addr, category uint8) (uint64, bool) {
	a = a.Unmap()
	if s := r.hosts[a]; s != nil && s[category] >= 0 {
		return uint64(s[category]), true
	}
	for bits := 128; bits >= 0; bits-- {
		m := r.nets[bits]
		if m == nil {
			continue
		}
		n := bits
		if a.Is4() {
			n -= 96
		}
		p, err := a.Prefix(n)
		if err != nil {
			continue
		}
		if s := m[p]; s != nil && s[category] >= 0 {
			return uint64(s[category]), true
		}
	}
	return 0, false
}

// repCheck is iprep of a rule.
type repCheck struct {
	rep      *Reputation
	category uint8
	cmp      uintCmp
	isset    bool // any score, or with not none
	not      bool
}

func (c *repCheck) of(a netip.Addr) bool {
	n, ok := c.rep.score(a, c.category)
	if c.isset {
		return ok != c.not
	}
	return ok && c.cmp.match(n)
}

// Sides of iprep.
const (
	repAny = iota
	repSrc
	repDst
	repBoth
)

func (c *check) reputation(p *Packet) bool {
	switch c.a {
	case repSrc:
		return c.rep.of(p.Src)
	case repDst:
		return c.rep.of(p.Dst)
	case repBoth:
		return c.rep.of(p.Src) && c.rep.of(p.Dst)
	}
	return c.rep.of(p.Src) || c.rep.of(p.Dst)
}

// kwIPRep takes iprep:SIDE,CATEGORY,OPERATOR,SCORE, or isset and isnotset in the
// place of the comparison.
func kwIPRep(b *builder, o *option) *fault {
	parts := o.val.list()
	if len(parts) < 3 {
		return wrong(o.val.off, "iprep takes a side, a category, an operator and a score", "dst,CnC,>,30")
	}
	side, ok := map[string]uint32{"any": repAny, "src": repSrc, "dst": repDst, "both": repBoth}[parts[0].s]
	if !ok {
		return wrong(parts[0].off, fmt.Sprintf("unknown side %q", parts[0].s), "any, src, dst or both")
	}
	if b.c.reputation == nil {
		return refused(o.key.off, "iprep without files of reputation").tip("give the categories and scores, for example --reputation-categories FILE --reputation FILE")
	}
	r := &repCheck{rep: b.c.reputation}
	if r.category, ok = r.rep.categories[parts[1].s]; !ok {
		return refused(parts[1].off, "iprep with a category that is not in the file of categories")
	}
	switch {
	case parts[2].s == "isset" || parts[2].s == "isnotset":
		r.isset, r.not = true, parts[2].s == "isnotset"
	case len(parts) != 4:
		return wrong(parts[2].off, "iprep without a score", "an operator, then a score from 0 to 127")
	default:
		c, err := parseUint(field{parts[2].s + parts[3].s, parts[2].off}, 8)
		if err != nil {
			return err
		}
		r.cmp = c
	}
	b.ipOnly++
	b.r.checks = append(b.r.checks, check{op: ckIPRep, a: side, rep: r})
	return nil
}
