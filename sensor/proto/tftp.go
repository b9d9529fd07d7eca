package proto

// TFTP, RFC 1350, with the options of RFC 2347 to 2349:
//
//	0 operation: 1 read, 2 write: 2 name, 0, mode, 0, options in pairs
//	3 data: 2 block  4 up to 512 bytes     4 acknowledgement: 2 block
//	5 error: 2 code  4 text, 0             6 options granted
//
// The request goes to port 69; the answer comes from a port of its own, so the
// transfer is another flow, in which the name is not said.

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"saksi/event"
	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "tftp", Doc: "Trivial File Transfer Protocol", Reference: "RFC 1350, RFC 2347, RFC 2348",
		Transport: UDP, Ports: []uint16{69}, App: suricata.AppTFTP,
		First:  []string{"\x00\x01", "\x00\x02", "\x00\x03\x00\x01", "\x00\x04\x00\x00", "\x00\x04\x00\x01", "\x00\x05\x00", "\x00\x06"},
		Detect: detectTFTP, New: func(Transport) Parser { return &tftp{size: 512} },
		Samples: []string{"tftp.txt", "tftp_data.txt"}, Hostile: []string{"tftp_hostile.txt"},
	})
}

func detectTFTP(p *Probe) Verdict {
	b := p.Data
	switch b[1] {
	case 1, 2:
		name, mode, _, ok := tftpRequest(b)
		if !ok {
			return No
		}
		for _, x := range name {
			if x < ' ' {
				return onPort(p, true, 69)
			}
		}
		return yes(len(name) > 0 && tftpMode(mode) != "" || p.On(69))
	case 3: // the first block: whole, or the only one
		return yes(p.Length <= 516 && len(b) >= 4)
	case 4:
		return yes(p.Length == 4)
	case 5:
		return yes(len(b) >= 5 && b[3] <= 8 && b[len(b)-1] == 0 && bytes.IndexByte(b[4:], 0) == len(b)-5)
	case 6:
		for _, name := range []string{"blksize\x00", "tsize\x00", "timeout\x00", "windowsize\x00"} {
			if len(b) > 2+len(name) && bytes.EqualFold(b[2:2+len(name)], []byte(name)) {
				return Yes
			}
		}
	}
	return No
}

// tftpRequest parts a request into its name, its mode and its options.
func tftpRequest(b []byte) (name, mode, options []byte, ok bool) {
	name, b, ok = bytes.Cut(b[2:], []byte{0})
	for ok && len(b) > 0 && b[0] == 0 { // some pad the name
		b = b[1:]
	}
	if ok {
		mode, options, ok = bytes.Cut(b, []byte{0})
	}
	return name, mode, options, ok
}

func tftpMode(b []byte) string {
	for _, s := range []string{"octet", "netascii", "mail"} {
		if bytes.EqualFold(b, []byte(s)) {
			return s
		}
	}
	return ""
}

// tftp is a request, or a transfer.
type tftp struct {
	packets      Packets
	action, mode string
	name         []byte
	size         int // of a block
	next         uint16
	blocks       int64
	bytes        int64
	sender       Dir
	file         FileWriter
	ended        bool // the last block came
	code         string
	text         string
	told         bool
}

// Data implements Parser.
func (p *tftp) Data(c *Context, dir Dir, b []byte) Result {
	if len(b) < 4 {
		return Result(len(b))
	}
	p.packets.Add(c.Number)
	switch n := binary.BigEndian.Uint16(b[2:]); b[1] {
	case 1, 2:
		name, mode, options, ok := tftpRequest(b)
		if !ok || p.action != "" { // sent again
			break
		}
		p.action = [...]string{"read", "write"}[b[1]-1]
		p.name = append([]byte{}, name...)
		p.mode = tftpMode(mode)
		p.options(options)
	case 3:
		p.data(c, dir, n, b[4:])
	case 5:
		p.code = strconv.Itoa(int(n))
		p.text = printable(b[4:])
		p.Close(c)
		return Done
	case 6:
		p.options(b[2:])
	}
	return Result(len(b))
}

// options takes the size of blocks from a list of names and values.
func (p *tftp) options(b []byte) {
	for range 8 {
		name, rest, ok := bytes.Cut(b, []byte{0})
		if !ok {
			return
		}
		value, after, _ := bytes.Cut(rest, []byte{0})
		if n, err := strconv.Atoi(string(value)); err == nil && bytes.EqualFold(name, []byte("blksize")) && n >= 8 && n <= 65464 {
			p.size = n
		}
		b = after
	}
}

// data takes the next block; one that comes again is passed over.
func (p *tftp) data(c *Context, dir Dir, n uint16, b []byte) {
	if p.blocks == 0 && n == 1 {
		p.next, p.sender = 1, dir
		p.file = c.OpenFile(string(p.name), dir)
	}
	if n != p.next || dir != p.sender || p.next == 0 && p.blocks == 0 || p.ended {
		return
	}
	p.next++
	p.blocks++
	p.bytes += int64(len(b))
	if p.file != nil {
		p.file.Write(b)
	}
	p.ended = len(b) < p.size
}

// Gap implements Parser; datagrams have none.
func (p *tftp) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *tftp) Close(c *Context) {
	if p.told {
		return
	}
	p.told = true
	if p.file != nil {
		why := ""
		if !p.ended {
			why = "gap"
		}
		p.file.Close(p.ended, why, nil)
	}
	if len(p.packets.List()) == 0 {
		return
	}
	action := p.action
	if action == "" {
		action = "transfer"
	}
	e := c.Begin("saksi.tftp", p.packets.List())
	e.Str(event.EventAction, action)
	p.Describe(e)
	c.Emit(e)
}

// Describe implements Describer.
func (p *tftp) Describe(e *event.Event) {
	switch {
	case p.code != "":
		e.Str(event.EventOutcome, "failure")
		e.Str(event.ErrorCode, p.code)
		e.Str(event.ErrorMessage, p.text)
	case p.ended:
		e.Str(event.EventOutcome, "success")
	}
	e.Bytes(event.FileName, p.name)
	e.Str(event.SaksiTftpMode, p.mode)
	if p.blocks > 0 {
		e.Int(event.SaksiTftpBlocks, p.blocks)
		e.Int(event.FileSize, p.bytes)
	}
}
