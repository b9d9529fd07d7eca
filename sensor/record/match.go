package record

import (
	"slices"

	"saksi/sensor/capture"
	"saksi/sensor/decode"
	"saksi/sensor/flow"
)

// matcher finds the packets of a flow by decoding a source in order. One flow,
// named by its id, begins and ends as in the sensor's own table.
type matcher struct {
	sel     *Selection
	key     string
	dec     *decode.Decoder
	buf     []decode.Packet
	numbers []uint64

	// Of a flow named by its id.
	begun, over bool
	context     uint32
	tuple       flow.Key
	table       *flow.Table
	bad, seen   int // checksums
}

func newMatcher(s *Selection, key string) *matcher {
	return &matcher{sel: s, key: key, dec: decode.New(decode.FragLimits{}), table: flow.NewTable(flow.Config{})}
}

// found are the numbers of the packets, ascending.
func (m *matcher) found() []uint64 {
	slices.Sort(m.numbers)
	return slices.Compact(m.numbers)
}

// packet looks at one frame.
func (m *matcher) packet(p *capture.Packet) error {
	m.buf = m.dec.Decode(m.buf[:0], p.Number, p.Time, uint16(p.Link), p.Data)
	for i := range m.buf {
		q := &m.buf[i]
		if m.sel.Community != "" && m.community(q) != m.sel.Community || m.sel.Flow != "" && !m.inFlow(q) {
			continue
		}
		m.numbers = append(append(m.numbers, q.Frags...), q.Number)
	}
	return nil
}

func (m *matcher) community(q *decode.Packet) string {
	var buf [flow.CommunityIDLen]byte
	return string(flow.AppendCommunityID(buf[:0], keyOf(q), 0))
}

// inFlow reports whether a packet belongs to the flow that is meant.
func (m *matcher) inFlow(q *decode.Packet) bool {
	switch k := keyOf(q); {
	case m.over:
		return false
	case !m.begun:
		var buf [flow.CommunityIDLen]byte
		var id [flow.IDLen]byte
		if string(flow.AppendID(id[:0], m.key, q.Number, q.Context, flow.AppendCommunityID(buf[:0], k, 0))) != m.sel.Flow {
			return false
		}
		m.begun, m.tuple, m.context = true, k, q.Context
	case k != m.tuple || q.Context != m.context:
		return false
	}
	// Checksums that are wrong throughout come from a network card that fills
	// them in later; see sensor.Config.NoChecksum.
	m.seen++
	good := q.ChecksumOK()
	if !good {
		m.bad++
		good = m.bad*10 > m.seen
	}
	first := len(m.numbers) == 0
	if _, _, fresh := m.table.Update(q, good); fresh && !first {
		m.over = true
		return false
	}
	return true
}
