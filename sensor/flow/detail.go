package flow

import "saksi/sensor/decode"

// Detail is what only EVE JSON tells of a flow. It lies beside the records, and
// only in a table that is asked for it.
type Detail struct {
	bytes   [2]uint64 // of frames, by the side of Record.Addr
	flags   [2]uint8  // TCP
	Alerted bool      // a rule matched
	Txs     uint32    // transactions told
	ICMP    [2][2]uint8
	seen    [2]bool
}

// FrameBytes is the sum of the frames' captured bytes that a side sent.
func (r *Record) FrameBytes(d *Detail, dir int) uint64 { return d.bytes[r.side(dir)] }

// TCPFlags are the flags that a side sent.
func (r *Record) TCPFlags(d *Detail, dir int) uint8 { return d.flags[r.side(dir)] }

// ICMPType gives type and code of the first ICMP message of a side.
func (r *Record) ICMPType(d *Detail, dir int) (typ, code uint8, ok bool) {
	s := r.side(dir)
	return d.ICMP[s][0], d.ICMP[s][1], d.seen[s]
}

// Detail returns what is told of a flow in detail, nil unless the table was
// asked for it. It is valid as long as the record.
func (t *Table) Detail(i uint32) *Detail {
	if t.details == nil {
		return nil
	}
	return &t.details[i>>slabBits][i&(slabSize-1)]
}

// detail counts a packet of the side lo.
func (t *Table) detail(i uint32, p *decode.Packet, lo int, fresh bool) {
	for int(i>>slabBits) >= len(t.details) {
		t.details = append(t.details, new([slabSize]Detail))
	}
	d := t.Detail(i)
	if fresh {
		*d = Detail{}
	}
	d.bytes[lo] += uint64(p.FrameLen)
	d.flags[lo] |= p.TCPFlags
	if !d.seen[lo] {
		d.seen[lo], d.ICMP[lo] = true, [2]uint8{p.ICMPType, p.ICMPCode}
	}
}
