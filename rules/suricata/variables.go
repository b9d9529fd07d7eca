package suricata

import (
	"bytes"
	"fmt"
	"strings"
)

// Variables are texts that a pcre captured: of a flow, or of a packet alone
// (Suricata user guide, "pcre", "flowvar", "pktvar").

const (
	// maxVariable is how much of what a group captured is kept.
	maxVariable = 1 << 10
	// maxVariables bounds the variables of one flow.
	maxVariables = 32
)

// capturing says which group of a pattern goes into which variable.
type capturing struct {
	group int
	id    uint32
	flow  bool
}

// variable is what a flow keeps of one; packet is 0 for one of the flow.
type variable struct {
	id     uint32
	packet uint64
	value  []byte
}

// captured is a variable that the rule in work would set.
type captured struct {
	id    uint32
	flow  bool
	value []byte
}

func (s *FlowState) setVariable(id uint32, packet uint64, value []byte) {
	for i := range s.vars {
		if v := &s.vars[i]; v.id == id {
			v.packet, v.value = packet, append(v.value[:0], value...)
			return
		}
	}
	if len(s.vars) == maxVariables { // the oldest gives way
		s.vars = append(s.vars[:0], s.vars[1:]...)
	}
	s.vars = append(s.vars, variable{id, packet, bytes.Clone(value)})
}

// variableHas reports whether a variable is set, of this packet if it is one of
// packets, and contains a text.
func (s *FlowState) variableHas(id uint32, packet uint64, text []byte) bool {
	if s == nil {
		return false
	}
	for i := range s.vars {
		if v := &s.vars[i]; v.id == id {
			return (v.packet == 0 || v.packet == packet) && bytes.Contains(v.value, text)
		}
	}
	return false
}

// kwVariable takes flowvar:NAME,["]TEXT["] and pktvar.
func kwVariable(b *builder, o *option) *fault {
	name, text, ok := strings.Cut(o.val.s, ",")
	if !ok {
		return wrong(o.val.off, o.key.s+" takes a name and a text", `NAME,"text"`)
	}
	off := o.val.off + len(name) + 1 + len(text) - len(strings.TrimLeft(text, " "))
	text = strings.TrimSpace(text)
	text, neg := strings.CutPrefix(text, "!")
	pat, err := parseContent(field{strings.Trim(text, `"`), off})
	if err != nil {
		return err
	}
	id, err := b.c.variable(field{strings.TrimSpace(name), o.val.off}, o.key.s == "flowvar")
	if err != nil {
		return err
	}
	b.reads = true
	b.r.checks = append(b.r.checks, check{op: ckVariable, a: id, text: pat, neg: neg})
	return nil
}

// variable numbers a variable of flows, or of packets.
func (c *compiler) variable(f field, flow bool) (uint32, *fault) {
	kind := "pkt:"
	if flow {
		kind = "flow:"
	}
	if !isVariable(f.s) {
		return 0, wrong(f.off, fmt.Sprintf("%q is no name", f.s), "letters, digits and underscores")
	}
	return c.texts.id(field{kind + f.s, f.off})
}

func isVariable(s string) bool {
	for i := range len(s) {
		if !isWord(s[i]) {
			return false
		}
	}
	return s != ""
}

// capturesOf says what a pattern captures: its groups in order by the names
// behind it, and those whose own name begins with flow_ or pkt_.
func (b *builder) capturesOf(p *pendingPCRE, named map[string]int, groups int) (out []capturing, err *fault) {
	for i, n := range p.fl.vars {
		kind, name, _ := strings.Cut(n.s, ":")
		if i >= groups {
			return nil, wrong(n.off, "a variable without a group of the pattern", fmt.Sprintf("at most %d, one for each group", groups))
		}
		if kind == "alert" { // a text for the log alone
			continue
		}
		id, err := b.c.variable(field{name, n.off}, kind == "flow")
		if err != nil {
			return nil, err
		}
		out = append(out, capturing{i + 1, id, kind == "flow"})
	}
	for full, group := range named {
		kind, name, ok := strings.Cut(full, "_")
		if !ok || kind != "flow" && kind != "pkt" || name == "" {
			continue
		}
		id, err := b.c.variable(field{name, p.body.off}, kind == "flow")
		if err != nil {
			return nil, err
		}
		out = append(out, capturing{group, id, kind == "flow"})
	}
	return out, nil
}

// capture notes what the groups of a pattern that matched from an offset on hold.
func (m *Matcher) capture(it *item, data []byte, from int) {
	groups, cut := it.groups.all(data, from, it.captures)
	m.cut = m.cut || cut
	for i, text := range groups {
		if text != nil {
			c := it.captures[i]
			m.captured = append(m.captured, captured{c.id, c.flow, bytes.Clone(text[:min(len(text), maxVariable)])})
		}
	}
}

// store keeps what a rule captured once all of it matched.
func (m *Matcher) store(st **FlowState, p *Packet) {
	for _, c := range m.captured {
		packet := p.Number
		if c.flow {
			packet = 0
		}
		m.state(st).setVariable(c.id, packet, c.value)
	}
}

// kwFTPBounce takes ftpbounce: a PORT that names another host than the client.
func kwFTPBounce(b *builder, o *option) *fault {
	b.compare(BufFTPBounce, uintCmp{op: opEq, a: 1}, o.key.off)
	return nil
}

// kwReplace takes replace:"TEXT", of the length of the content before it. Saksi
// never changes traffic, so that it is a content like others, as it is in
// Suricata when that only watches.
func kwReplace(b *builder, o *option) *fault {
	it, err := b.lastContent(o)
	if err != nil {
		return err
	}
	f, _, err := o.quoted()
	if err != nil {
		return err
	}
	pat, err := parseContent(f)
	if err != nil {
		return err
	}
	if it.neg || len(pat) != len(it.pat) {
		return wrong(f.off, "not as long as the content before it", fmt.Sprintf("%d bytes, behind a content without !", len(it.pat)))
	}
	return nil
}
