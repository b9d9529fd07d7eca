package proto

import (
	"bytes"

	"saksi/rules/suricata"
)

const (
	maxPOP3Command = 253 // RFC 2449 section 4, without the line's end
	maxPOP3Reply   = 510
)

// pop3Arguments are the commands of RFC 1939, 2449, 2595 and 5034 and how many
// arguments each takes at least and at most.
var pop3Arguments = map[string][2]int{
	"USER": {1, 1}, "PASS": {1, 64}, "APOP": {2, 2}, "AUTH": {0, 2}, "STLS": {0, 0}, "CAPA": {0, 0}, "STAT": {0, 0}, "LIST": {0, 1}, "UIDL": {0, 1},
	"RETR": {1, 1}, "DELE": {1, 1}, "TOP": {2, 2}, "NOOP": {0, 0}, "RSET": {0, 0}, "QUIT": {0, 0},
}

// odd looks a command over for the rules.
func (p *pop3) odd(c *Context, line []byte, v string, arg []byte) {
	n, known := pop3Arguments[v]
	switch args := len(bytes.Fields(arg)); {
	case len(line) > maxPOP3Command:
		p.raise(c, FromClient, "request_too_long")
	case len(line) == 0:
	case !known:
		p.raise(c, FromClient, "unknown_command")
	case args < n[0] || args > n[1]:
		p.raise(c, FromClient, "incorrect_argument_count")
	}
}

// raise tells rules of something odd.
func (p *pop3) raise(c *Context, dir Dir, name string) {
	if c.Matching() {
		t := &bufTx{app: suricata.AppPOP3, id: malformedID, packets: []uint64{c.Number}}
		t.event("pop3." + name)
		c.Offer(t, dir)
	}
}
