package proto

import "saksi/rules/suricata"

// bufTx is a transaction whose buffers are listed, for parsers that have few
// of them. The zero value with app set is ready; a nil one takes nothing.
type bufTx struct {
	app     suricata.AppProto
	id      uint64
	packets []uint64
	bufs    []buf
	again   bool // it is offered as it grows
	eve     EVE  // nil for none
}

type buf struct {
	name suricata.Buffer
	data []byte
}

// add adds an instance of a buffer; nil adds nothing.
func (t *bufTx) add(b suricata.Buffer, data []byte) {
	if t != nil && data != nil {
		t.bufs = append(t.bufs, buf{b, data})
	}
}

// number adds an instance of a buffer that is a number.
func (t *bufTx) number(b suricata.Buffer, n uint64) {
	if t != nil {
		t.add(b, suricata.AppendNumber(nil, n))
	}
}

// event adds an event that rules name with app-layer-event.
func (t *bufTx) event(name string) { t.add(suricata.BufAppEvent, []byte(name)) }

// EVE implements Teller.
func (t *bufTx) EVE() EVE { return t.eve }

// App implements suricata.Tx.
func (t *bufTx) App() suricata.AppProto { return t.app }

// ID implements suricata.Tx.
func (t *bufTx) ID() uint64 { return t.id }

// Again implements suricata.Parts.
func (t *bufTx) Again() bool { return t.again }

// Packets implements Evidence.
func (t *bufTx) Packets() []uint64 { return t.packets }

// NBuf implements suricata.Tx.
func (t *bufTx) NBuf(b suricata.Buffer) int {
	n := 0
	for i := range t.bufs {
		if t.bufs[i].name == b {
			n++
		}
	}
	return n
}

// BufAt implements suricata.Tx.
func (t *bufTx) BufAt(b suricata.Buffer, k int) []byte {
	for i := range t.bufs {
		if t.bufs[i].name != b {
			continue
		}
		if k == 0 {
			return t.bufs[i].data
		}
		k--
	}
	return nil
}
