package suricata

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"saksi/event"
)

// FlowState is what the engine keeps for one flow: bits, counters, and which
// rules that alert once did so. The sensor stores one pointer a flow; the
// engine makes it only when a rule needs it.
type FlowState struct {
	bits []uint64
	ints []flowCounter
	once []uint32 // rule<<1 | direction
	pass bool     // a pass rule ended inspection of the flow
	part [2]partHits
	vars []variable
	tx   []txBit
	now  uint64 // the transaction in work
	inTx bool
	rate [2]flowWindow // by who sends, if a rule asks
}

// txBit is a bit of one transaction.
type txBit struct {
	tx uint64
	id uint32
}

// maxTxBits bounds the bits of transactions that a flow keeps; the oldest give
// way.
const maxTxBits = 256

func (s *FlowState) txBit(id uint32) bool {
	return s != nil && s.inTx && slices.Contains(s.tx, txBit{s.now, id})
}

func (s *FlowState) setTxBit(id uint32, on bool) {
	if !s.inTx {
		return
	}
	x := txBit{s.now, id}
	i := slices.Index(s.tx, x)
	switch {
	case on && i < 0:
		if len(s.tx) == maxTxBits {
			s.tx = append(s.tx[:0], s.tx[1:]...)
		}
		s.tx = append(s.tx, x)
	case !on && i >= 0:
		s.tx = slices.Delete(s.tx, i, i+1)
	}
}

// partHits are the rules that hit on the transaction that is offered in parts,
// in one direction.
type partHits struct {
	tx    uint64
	rules []uint32
}

// again reports whether a rule hit on an earlier part of the transaction.
func (s *FlowState) again(dir int, tx uint64, rule uint32) bool {
	if s == nil || s.part[dir].tx != tx {
		return false
	}
	return slices.Contains(s.part[dir].rules, rule)
}

func (s *FlowState) noteAgain(dir int, tx uint64, rule uint32) {
	p := &s.part[dir]
	if p.tx != tx {
		p.tx, p.rules = tx, p.rules[:0]
	}
	p.rules = append(p.rules, rule)
}

type flowCounter struct {
	id  uint32
	val uint32
}

func (s *FlowState) bit(b uint32) bool {
	return s != nil && int(b/64) < len(s.bits) && s.bits[b/64]>>(b%64)&1 != 0
}

func (s *FlowState) setBit(b uint32, on bool) {
	for int(b/64) >= len(s.bits) {
		if !on {
			return
		}
		s.bits = append(s.bits, 0)
	}
	if on {
		s.bits[b/64] |= 1 << (b % 64)
	} else {
		s.bits[b/64] &^= 1 << (b % 64)
	}
}

func (s *FlowState) counter(id uint32) (uint32, bool) {
	if s != nil {
		for _, c := range s.ints {
			if c.id == id {
				return c.val, true
			}
		}
	}
	return 0, false
}

func (s *FlowState) setCounter(id, v uint32) {
	for i := range s.ints {
		if s.ints[i].id == id {
			s.ints[i].val = v
			return
		}
	}
	s.ints = append(s.ints, flowCounter{id, v})
}

// first reports whether rule and direction are new to the flow, and notes them.
func (s *FlowState) first(rule uint32, d dirMask) bool {
	key := rule<<1 | uint32(d&1)
	for _, k := range s.once {
		if k == key {
			return false
		}
	}
	s.once = append(s.once, key)
	return true
}

// action is an effect on the flow's state after a match.
type action struct {
	op  actionOp
	id  uint32
	val uint32
	ref uint32 // counter+1 that gives val
}

type actionOp uint8

const (
	acSet actionOp = iota
	acUnset
	acToggle
	acAssign
	acAdd
	acSub
	acTxSet
	acTxUnset
	acTxToggle
)

func (a *action) apply(s *FlowState) {
	v := a.val
	if a.ref > 0 {
		v, _ = s.counter(a.ref - 1)
	}
	old, _ := s.counter(a.id)
	switch a.op {
	case acSet:
		s.setBit(a.id, true)
	case acUnset:
		s.setBit(a.id, false)
	case acToggle:
		s.setBit(a.id, !s.bit(a.id))
	case acTxSet:
		s.setTxBit(a.id, true)
	case acTxUnset:
		s.setTxBit(a.id, false)
	case acTxToggle:
		s.setTxBit(a.id, !s.txBit(a.id))
	case acAssign:
		s.setCounter(a.id, v)
	case acAdd:
		s.setCounter(a.id, old+v)
	case acSub:
		s.setCounter(a.id, old-v)
	}
}

// maxNames bounds the bits and counters of one set.
const maxNames = 1 << 16

// names numbers the bits or counters of a set.
type names map[string]uint32

func (n names) id(f field) (uint32, *fault) {
	if f.s == "" || strings.ContainsAny(f.s, " ,") {
		return 0, wrong(f.off, fmt.Sprintf("%q is no name", f.s), "a name without blanks")
	}
	id, ok := n[f.s]
	if !ok {
		if len(n) == maxNames {
			return 0, wrong(f.off, "too many names", strconv.Itoa(maxNames)+" at most")
		}
		id = uint32(len(n))
		n[f.s] = id
	}
	return id, nil
}

func kwFlowbits(b *builder, o *option) *fault {
	parts := o.val.list()
	cmd := parts[0]
	if cmd.s == "noalert" {
		b.r.noalert = true
		return nil
	}
	if len(parts) != 2 {
		return wrong(o.val.off, "flowbits takes a command and a name", "set,name")
	}
	var ids []uint32
	off := parts[1].off
	for n := range strings.SplitSeq(parts[1].s, "|") {
		id, err := b.c.bits.id(field{strings.TrimSpace(n), off})
		if err != nil {
			return err
		}
		ids = append(ids, id)
		off += len(n) + 1
	}
	switch cmd.s {
	case "isset":
		b.reads = true
		b.r.checks = append(b.r.checks, check{op: ckFlowbit, set: ids})
		return nil
	case "isnotset":
		b.reads = true
		b.r.checks = append(b.r.checks, check{op: ckFlowbit, set: ids, neg: true})
		return nil
	}
	op, ok := map[string]actionOp{"set": acSet, "unset": acUnset, "toggle": acToggle}[cmd.s]
	if !ok {
		return wrong(cmd.off, fmt.Sprintf("unknown flowbits command %q", cmd.s), "set, isset, isnotset, unset, toggle or noalert")
	}
	if len(ids) > 1 {
		return wrong(parts[1].off, "several names with "+cmd.s, "one name; '|' goes with isset and isnotset")
	}
	b.writes, b.byPacket = true, b.byPacket || op != acSet
	b.r.post = append(b.r.post, action{op: op, id: ids[0]})
	return nil
}

func kwFlowint(b *builder, o *option) *fault {
	parts := o.val.list()
	if len(parts) < 2 || len(parts) > 3 {
		return wrong(o.val.off, "flowint takes a name, an operation and a value", "name,+,1")
	}
	id, err := b.c.ints.id(parts[0])
	if err != nil {
		return err
	}
	op := parts[1].s
	switch op {
	case "isset", "notset", "isnotset":
		b.reads = true
		b.r.checks = append(b.r.checks, check{op: ckFlowintSet, a: id, neg: op != "isset"})
		return nil
	}
	if len(parts) != 3 {
		return wrong(parts[1].off, "flowint without a value", "a number or a name after "+op)
	}
	var ref uint32
	n, e := strconv.ParseUint(parts[2].s, 10, 32)
	if e != nil {
		other, err := b.c.ints.id(parts[2])
		if err != nil {
			return err
		}
		ref = other + 1
	}
	if cmp, ok := map[string]cmpOp{"==": opEq, "!=": opNe, "<": opLt, "<=": opLe, ">": opGt, ">=": opGe}[op]; ok {
		b.reads = true
		b.r.checks = append(b.r.checks, check{op: ckFlowint, a: id, b: ref, cmp: uintCmp{op: cmp, a: n}})
		return nil
	}
	act, ok := map[string]actionOp{"=": acAssign, "+": acAdd, "-": acSub}[op]
	if !ok {
		return wrong(parts[1].off, fmt.Sprintf("unknown flowint operation %q", op), "+ - = == != < <= > >= isset notset")
	}
	b.writes, b.byPacket = true, true
	b.r.post = append(b.r.post, action{op: act, id: id, val: uint32(n), ref: ref})
	return nil
}

// maxStateNames bounds the bits and counters that an alert tells of.
const maxStateNames = 64

// AppendState adds to e the bits and counters that rules keep of a flow.
func (s *Set) AppendState(e *event.Event, st *FlowState) {
	n := 0
	for i, word := range st.bits {
		for ; word != 0 && n < maxStateNames; word &= word - 1 {
			if id := i*64 + bits.TrailingZeros64(word); id < len(s.bitNames) {
				e.Str(event.SaksiFlowBits, s.bitNames[id])
				n++
			}
		}
	}
	for _, c := range st.ints[:min(len(st.ints), maxStateNames)] {
		if int(c.id) < len(s.intNames) {
			e.Str(event.SaksiFlowCounters, s.intNames[c.id]+" "+strconv.FormatUint(uint64(c.val), 10))
		}
	}
}

// list gives the names by their numbers.
func (n names) list() []string {
	out := make([]string, len(n))
	for name, id := range n {
		out[id] = name
	}
	return out
}
