package proto

import (
	"bytes"
	"strings"

	"saksi/event"
)

// sipTx is a message of SIP by its first line, as EVE JSON has it.
type sipTx struct {
	eveTx
	first, second, third string // of the line
	response             bool
}

// sipLine takes the first line of a message. A password in an address is left out.
func sipLine(number uint64, line []byte) *sipTx {
	t := &sipTx{eveTx: eveTx(number), response: bytes.HasPrefix(line, []byte("SIP/"))}
	first, rest, _ := strings.Cut(string(line[:min(len(line), maxDBText)]), " ")
	t.first = first
	if t.response {
		t.second, t.third, _ = strings.Cut(rest, " ")
		return t
	}
	if i := strings.LastIndexByte(rest, ' '); i >= 0 {
		rest, t.third = rest[:i], rest[i+1:]
	}
	t.second = string(withoutPassword([]byte(rest)))
	return t
}

// AppendEVE implements EVE.
func (t *sipTx) AppendEVE(m *event.Members) {
	keys := [4]string{"method", "uri", "version", "request_line"}
	if t.response {
		keys = [4]string{"version", "code", "reason", "response_line"}
	}
	m.Open("sip")
	m.Str(keys[0], t.first)
	m.Str(keys[1], t.second)
	m.Str(keys[2], t.third)
	m.Str(keys[3], t.first+" "+t.second+" "+t.third)
	m.Close()
}
