package proto

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// inSegments parts turns into segments of n bytes.
func inSegments(turns []turn, n int) (out []turn) {
	for _, x := range turns {
		for c := range slices.Chunk(x.data, n) {
			out = append(out, turn{dir: x.dir, data: c})
		}
	}
	return out
}

// TestSegments proves that samples over TCP give the same events whatever the
// segments they come in, but for the packets these rest on and their times.
func TestSegments(t *testing.T) {
	for _, e := range Default().Entries() {
		for _, s := range e.Samples {
			if e.New == nil || e.transport(s) != TCP || wholeSegments[e.Name] || wholeSegments[s] {
				continue
			}
			turns := readSample(t, s)
			_, want := play(TCP, turns, e.port(), true)
			for _, n := range []int{1, 7, 100} {
				h := &host{touch: true, entry: e}
				c := &Context{Host: h}
				p := e.New(TCP)
				var tail [2][]byte
				for _, x := range inSegments(turns, n) {
					tail[x.dir] = append(tail[x.dir], x.data...)
					k := p.Data(c, x.dir, tail[x.dir])
					if k < 0 {
						break
					}
					tail[x.dir] = tail[x.dir][k:]
				}
				p.Close(c)
				if len(h.lines) != len(want.lines) {
					t.Errorf("%s in segments of %d: %d events, want %d", s, n, len(h.lines), len(want.lines))
				}
			}
		}
	}
}

// wholeSegments are the protocols whose parsers stay out of TestSegments, since
// detection goes on inside them or their fields hang on segments.
var wholeSegments = map[string]bool{
	"socks": true, "tls": true, "http": true, "smtp": true, "ftp": true, "imap": true, "pop3": true,
	"http2": true, "websocket": true, // they begin as HTTP
}

// smb2Message makes an SMB 2 message of a command.
func smb2Message(command uint16, id uint64, reply bool, body []byte) []byte {
	b := make([]byte, 4+smb2Header, 4+smb2Header+len(body))
	copy(b[4:], "\xfeSMB\x40")
	binary.LittleEndian.PutUint16(b[4+12:], command)
	if reply {
		b[4+16] = smb2Response
	}
	binary.LittleEndian.PutUint64(b[4+24:], id)
	b[4+36] = 1
	b = append(b, body...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// smbTransfer is a file of a size that is read by one request and written by
// two, whose offsets are given.
func smbTransfer(content []byte, first, second uint64) []turn {
	le := binary.LittleEndian
	create := make([]byte, 56)
	le.PutUint16(create[44:], smb2Header+56)
	name := []byte("b\x00e\x00s\x00a\x00r\x00")
	le.PutUint16(create[46:], uint16(len(name)))
	created := make([]byte, 88)
	le.PutUint64(created[48:], uint64(len(content)))
	copy(created[64:], strings.Repeat("F", 16))
	read := make([]byte, 48)
	le.PutUint32(read[4:], uint32(len(content)))
	copy(read[16:], created[64:80])
	answer := make([]byte, 16)
	answer[2] = smb2Header + 16
	le.PutUint32(answer[4:], uint32(len(content)))
	write := func(id, pos uint64, v []byte) turn {
		b := make([]byte, 48)
		le.PutUint16(b[2:], smb2Header+48)
		le.PutUint32(b[4:], uint32(len(v)))
		le.PutUint64(b[8:], pos)
		copy(b[16:], created[64:80])
		return turn{data: smb2Message(smb2Write, id, false, append(b, v...))}
	}
	half := len(content) / 2
	closed := make([]byte, 24)
	copy(closed[8:], created[64:80])
	return []turn{
		{data: smb2Message(smb2Create, 1, false, append(create, name...))},
		{dir: FromServer, data: smb2Message(smb2Create, 1, true, created)},
		{data: smb2Message(smb2Read, 2, false, read)},
		{dir: FromServer, data: smb2Message(smb2Read, 2, true, append(answer, content...))},
		write(3, first, content[:half]),
		write(4, second, content[half:]),
		{data: smb2Message(smb2Close, 5, false, closed)},
		{dir: FromServer, data: smb2Message(smb2Close, 5, true, make([]byte, 60))},
	}
}

// TestSMBContent proves that content much longer than what is held is carved
// whole in any segments, and is not called whole when it comes in another order.
func TestSMBContent(t *testing.T) {
	content := bytes.Repeat([]byte("kandungan "), 30_000)
	half := uint64(len(content) / 2)
	for _, n := range []int{1400, 65536, 1 << 20} {
		_, h := play(TCP, inSegments(smbTransfer(content, 0, half), n), 445, false)
		files := 0
		for _, l := range h.lines {
			if bytes.Contains(l, []byte(`"saksi.file"`)) {
				files++
				if bytes.Contains(l, []byte("incomplete")) || !bytes.Contains(l, []byte(`"size":300000`)) {
					t.Errorf("segments of %d: %s", n, l)
				}
			}
		}
		if files != 2 {
			t.Errorf("segments of %d: %d files, want what was read and what was written", n, files)
		}
	}
	_, h := play(TCP, smbTransfer(content, 0, half-1), 445, false)
	if !slices.ContainsFunc(h.lines, func(l []byte) bool { return bytes.Contains(l, []byte("incomplete")) }) {
		t.Error("content that overlaps is called whole")
	}
}
