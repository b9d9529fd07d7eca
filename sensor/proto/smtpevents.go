package proto

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"strings"

	"saksi/rules/suricata"
)

var (
	frameSMTPCommand  = frame("smtp.command_line")
	frameSMTPResponse = frame("smtp.response_line")
	frameSMTPData     = frame("smtp.data")
)

// maxMailLine is the longest command or reply that is not odd.
const maxMailLine = 4096

// raise tells rules of something odd.
func (p *smtp) raise(c *Context, dir Dir, name string) {
	if !c.Matching() {
		return
	}
	t := &bufTx{app: suricata.AppSMTP, id: p.tx, packets: []uint64{c.Number}}
	t.event("smtp." + name)
	c.Offer(t, dir)
}

// commandLine looks a command over.
func (p *smtp) commandLine(c *Context, line []byte) {
	offerFrames(c, FromClient, suricata.AppSMTP, framed{frameSMTPCommand, line})
	if len(line) > maxMailLine {
		p.raise(c, FromClient, "max_command_line_len_exceeded")
		p.raise(c, FromClient, "truncated_line")
	}
}

// replyLine looks a line of a reply over.
func (p *smtp) replyLine(c *Context, line []byte, code int, ok bool) {
	offerFrames(c, FromServer, suricata.AppSMTP, framed{frameSMTPResponse, line})
	switch {
	case len(line) > maxMailLine:
		p.raise(c, FromServer, "max_reply_line_len_exceeded")
		p.raise(c, FromServer, "truncated_line")
	case !ok:
		p.raise(c, FromServer, "invalid_reply")
	case !p.greeted && code != 220:
		p.raise(c, FromServer, "no_server_welcome_message")
	case p.greeted && len(p.waiting) == 0:
		p.raise(c, FromServer, "unable_to_match_reply_with_request")
	case len(p.waiting) > 0 && p.waiting[0].kind == smtpData && code >= 400:
		p.raise(c, FromServer, "data_command_rejected")
	case len(p.waiting) > 0 && p.waiting[0].kind == smtpTLS && code != 220:
		p.raise(c, FromServer, "tls_rejected")
	}
	p.greeted = true
}

// maxMailURLs bounds the addresses of the web found in a message.
const maxMailURLs = 256

// inside adds what rules ask of the whole message.
func (m *mail) inside(c *Context, t *bufTx, body []byte) {
	h, _ := cutHead(append(bytes.Clone(m.head), "\r\n"...))
	for _, v := range h.Values("Received") {
		t.add(suricata.BufEmailReceived, []byte(v))
	}
	if c.Wants(suricata.BufEmailBodyMD5) {
		sum := md5.Sum(body)
		t.add(suricata.BufEmailBodyMD5, []byte(hex.EncodeToString(sum[:])))
	}
	if !c.Wants(suricata.BufEmailURL) {
		return
	}
	low := strings.ToLower(string(transferDecoded(h.Get("Content-Transfer-Encoding"), body)))
	for range maxMailURLs {
		i := strings.Index(low, "://")
		if i < 0 {
			return
		}
		scheme := low[max(0, i-5):i]
		low = low[i+3:]
		if !strings.HasSuffix(scheme, "http") && !strings.HasSuffix(scheme, "https") && !strings.HasSuffix(scheme, "ftp") {
			continue
		}
		end := strings.IndexFunc(low, func(r rune) bool { return r <= ' ' || r == '"' || r == '\'' || r == '<' || r == '>' })
		if end < 0 {
			end = len(low)
		}
		if end > 0 {
			t.add(suricata.BufEmailURL, []byte(low[:end]))
		}
	}
}
