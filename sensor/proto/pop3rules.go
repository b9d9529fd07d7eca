package proto

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"saksi/rules/suricata"
)

const (
	maxPOP3Command = 255 // RFC 2449 section 4, with a space and the line's end
	maxPOP3Reply   = 510
)

// pop3Arguments are the commands that Suricata's parser knows and how many
// arguments each takes at least and at most.
var pop3Arguments = map[string][2]int{
	"USER": {1, 1}, "PASS": {1, 1}, "APOP": {2, 2}, "AUTH": {1, 2}, "SASL": {1, maxPOP3Command}, "STLS": {0, 0}, "CAPA": {0, 0}, "STAT": {0, 0}, "LIST": {0, 1},
	"UIDL": {0, 1}, "RETR": {1, 1}, "DELE": {1, 1}, "TOP": {2, 2}, "NOOP": {0, 0}, "RSET": {0, 0}, "QUIT": {0, 0},
}

// odd looks a command over for the rules, and what answers a challenge, which
// Suricata reads as a command if it can be one.
func (p *pop3) odd(c *Context, line []byte) {
	if !c.Matching() || len(line) == 0 {
		return
	}
	word, rest, _ := bytes.Cut(line, []byte{' '})
	n, known := pop3Arguments[strings.ToUpper(string(word[:min(len(word), 8)]))]
	args := 0
	for part := range bytes.SplitSeq(rest, []byte{' '}) {
		if len(part) > 0 {
			args++
		}
	}
	switch {
	case known && len(word) <= 4:
		if args < n[0] || args > n[1] {
			p.raise(c, FromClient, "incorrect_argument_count")
		}
	case len(word) == 0 || bytes.ContainsFunc(word, func(r rune) bool { return r >= utf8.RuneSelf || !isWord(byte(r)) }):
		return // no word at all: answers to challenges
	default:
		p.raise(c, FromClient, "unknown_command")
	}
	if len(word)+1+len(rest)+2 > maxPOP3Command {
		p.raise(c, FromClient, "request_too_long")
	}
}

func isWord(b byte) bool { return b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z' }

// raise tells rules of something odd.
func (p *pop3) raise(c *Context, dir Dir, name string) {
	if c.Matching() {
		t := &bufTx{app: suricata.AppPOP3, id: malformedID, packets: []uint64{c.Number}}
		t.event("pop3." + name)
		c.Offer(t, dir)
	}
}
