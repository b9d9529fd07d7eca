package proto

import (
	"bytes"

	"saksi/event"
)

// ftpEVE is a command with its reply, as EVE JSON has it; without a command it
// is what the server says by itself, or to a command that Suricata does not know.
type ftpEVE struct {
	eveTx
	command string
	data    []byte // nil for none
	secret  bool   // data are not told
	lines   [][]byte
	codes   [][]byte
	size    int // of lines
	port    uint16
	mode    string
	done    bool
	cut     bool // lines were longer, or more
}

// ftpTold are the commands that Suricata knows.
var ftpTold = func() map[string]bool {
	m := map[string]bool{}
	for _, v := range bytes.Fields([]byte(`PORT EPRT PASV EPSV RETR STOR ABOR ACCT ALLO APPE CDUP CHMOD CWD DELE HELP IDLE LIST MAIL MDTM MKD MLFL
		MODE MRCP MRSQ MSAM MSND MSOM NLST NOOP PASS PWD QUIT REIN REST RMD RNFR RNTO SITE SIZE SMNT STAT STOU STRU SYST TYPE UMASK USER`)) {
		m[string(v)] = true
	}
	return m
}()

// maxFTPReply bounds the bytes of a reply that are kept.
const maxFTPReply = 64 << 10

// asked notes a command.
func (p *ftp) asked(c *Context, v string, line []byte) {
	p.x = nil
	if !ftpTold[v] {
		p.rules.id = p.txs + 1 // of its reply
		return
	}
	p.txs++
	p.rules.id = p.txs
	if !c.Detail {
		return
	}
	p.x = &ftpEVE{eveTx: eveTx(p.txs), command: v, secret: v == "PASS" || v == "ACCT"}
	if len(line) > len(v) && !p.x.secret {
		p.x.data = bytes.Clone(line[len(v)+1:][:min(len(line)-len(v)-1, maxFTPLine)])
	}
	if port, ok := p.active(); ok {
		p.x.port, p.x.mode = port, "active"
	}
}

// answered notes a line of a reply.
func (p *ftp) answered(c *Context, line []byte) {
	if !p.within {
		p.within = true
		if !p.open || !ftpTold[p.command] { // a transaction of its own
			p.txs++
			p.rules.id = p.txs
			if c.Detail {
				p.x = &ftpEVE{eveTx: eveTx(p.txs)}
			}
		}
	}
	if p.x == nil || len(line) == 0 {
		return
	}
	x := p.x
	if port, ok := p.passive(line); ok {
		x.port, x.mode = port, "passive"
	}
	x.cut = x.cut || len(line) > maxFTPLine
	line = line[:min(len(line), maxFTPLine)]
	if x.size += len(line); x.size > maxFTPReply {
		x.cut = true
		return
	}
	line = bytes.Clone(line)
	if len(line) < 3 || !digits(line[:3]) {
		x.lines = append(x.lines, line)
		return
	}
	x.codes = append(x.codes, line[:3])
	if len(line) > 3 {
		x.lines = append(x.lines, line[4:])
	}
}

// AppendEVE implements EVE.
func (t *ftpEVE) AppendEVE(m *event.Members) {
	m.Open("ftp")
	if t.command != "" {
		m.Str("command", t.command)
		if t.data != nil {
			m.Blob("command_data", t.data)
			m.Bool("command_truncated", false)
		}
	}
	m.Blobs("completion_code", t.codes)
	m.Blobs("reply", t.lines)
	if t.port != 0 {
		m.Int("dynamic_port", int64(t.port))
	}
	if t.mode != "" {
		m.Str("mode", t.mode)
	}
	received := "no"
	if t.done {
		received = "yes"
	}
	m.Str("reply_received", received)
	m.Bool("reply_truncated", t.cut)
	m.Close()
}

// told gives what EVE JSON tells of the command in work; nil if nothing is kept.
func (p *ftp) told() EVE {
	if p.x == nil {
		return nil
	}
	return p.x
}

// AppendEVE implements EVE.
func (t *ftpTransfer) AppendEVE(m *event.Members) {
	m.Open("ftp_data")
	if t.name != "" {
		m.Str("filename", t.name)
	}
	if t.command == "RETR" || t.command == "STOR" {
		m.Str("command", t.command)
	}
	m.Close()
}

// Number implements EVE: a data connection is one transaction.
func (t *ftpTransfer) Number() uint64 { return 1 }
