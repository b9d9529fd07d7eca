package proto

import (
	"slices"
	"strings"
	"testing"

	"saksi/rules/suricata"
)

// parts gives a parser data of both directions and returns the instances of a
// buffer that it offers.
func parts(entry string, buf suricata.Buffer, data ...string) [2][]string {
	e := Default().ByName(entry)
	r := &recorder{buf: buf, host: host{entry: e}}
	tr := TCP
	if e.Transport&TCP == 0 || entry == "sip" {
		tr = UDP
	}
	p := e.New(tr)
	var tail [2][]byte
	for i, d := range data {
		dir := FromClient
		if d[0] == '<' {
			dir = FromServer
		}
		tail[dir] = append(tail[dir], d[1:]...)
		n := p.Data(&Context{Host: r, Number: uint64(i + 1)}, dir, tail[dir])
		if n < 0 {
			break
		}
		if tr == TCP {
			tail[dir] = tail[dir][n:]
		} else {
			tail[dir] = nil
		}
	}
	return r.seen
}

// TestFrames proves the frames that parsers cut out of their messages.
func TestFrames(t *testing.T) {
	const preface = ">PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	const nfsCall = ">\x80\x00\x00\x30\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01\x86\xa3\x00\x00\x00\x03\x00\x00\x00\x01" +
		"\x00\x00\x00\x01\x00\x00\x00\x04abcd\x00\x00\x00\x00\x00\x00\x00\x00"
	const nfsReply = "<\x80\x00\x00\x1e\x00\x00\x00\x09\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	nfs4Call := strings.NewReplacer("\x80\x00\x00\x30", "\x80\x00\x00\x38", "\x03\x00\x00\x00\x01", "\x04\x00\x00\x00\x01").Replace(nfsCall)
	quic := ">\xc3\x00\x00\x00\x01\x01\x07\x01\x08\x00\x05abcde"
	for _, c := range []struct {
		entry, frame string
		data         []string
		want         [2][]string
	}{
		{"http2", "http2.pdu", []string{preface, ">\x00\x00\x08\x06\x00\x00\x00\x00\x001234", ">5678"}, [2][]string{{"\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678"}}},
		{"http2", "http2.hdr", []string{preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"}, [2][]string{{"\x00\x00\x00\x04\x00\x00\x00\x00\x00"}}},
		{"http2", "http2.data", []string{preface + "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00"}, [2][]string{{"\x00\x02\x00\x00\x00\x00"}}},
		{"ssh", "ssh.record_hdr", []string{">SSH-2.0-x\r\n\x00\x00\x00\x06\x04\x14data"}, [2][]string{{"\x00\x00\x00\x06\x04\x14"}}},
		{"ssh", "ssh.record_data", []string{">SSH-2.0-x\r\n\x00\x00\x00\x06\x04\x14data"}, [2][]string{{"data"}}},
		{"ssh", "ssh.record_pdu", []string{">SSH-2.0-x\r\n\x00\x00\x00\x06\x04\x14data"}, [2][]string{{"\x00\x00\x00\x06\x04\x14data"}}},
		{
			"vnc", "rfb.pdu",
			[]string{"<RFB 003.008\n", ">RFB 003.008\n", "<\x01\x01", ">\x01", "<\x00\x00\x00\x00", ">\x01"},
			[2][]string{{"RFB 003.008\n", "\x01", "\x01"}, {"RFB 003.008\n", "\x01\x01", "\x00\x00\x00\x00"}},
		},
		{"quic", "quic.pdu", []string{quic}, [2][]string{{quic[1:]}}},
		{"quic", "quic.header", []string{quic}, [2][]string{{"\xc3\x00\x00\x00\x01\x01\x07\x01\x08\x00\x05"}}},
		{"quic", "quic.data", []string{quic}, [2][]string{{"abcde"}}},
		{"nfs", "nfs.rpc.pdu", []string{nfsCall + "\x00\x00\x00\x03"}, [2][]string{{nfsCall[1:] + "\x00\x00\x00\x03"}}},
		{"nfs", "nfs.rpc.creds", []string{nfsCall + "\x00\x00\x00\x03"}, [2][]string{{"\x00\x00\x00\x01"}}},
		{"nfs", "nfs.nfs.pdu", []string{nfsCall + "\x00\x00\x00\x03", nfsReply + "\x00\x00\x00\x02ab"}, [2][]string{{"\x00\x00\x00\x03"}, {"\x00\x00\x00\x02ab"}}},
		{"nfs", "nfs.nfs.status", []string{nfsCall + "\x00\x00\x00\x03", nfsReply + "\x00\x00\x00\x02ab"}, [2][]string{nil, {"\x00\x00\x00\x02"}}},
		{"nfs", "nfs.rpc.hdr", []string{nfsCall + "\x00\x00\x00\x03", nfsReply + "\x00\x00\x00\x02ab"}, [2][]string{nil, {nfsReply[1:13]}}},
		{"nfs", "nfs.rpc.data", []string{nfsCall + "\x00\x00\x00\x03", nfsReply + "\x00\x00\x00\x02ab"}, [2][]string{nil, {nfsReply[13:] + "\x00\x00\x00\x02ab"}}},
		{"nfs", "nfs.rpc.hdr", []string{nfsReply + "\x00\x00\x00\x02ab"}, [2][]string{}},                         // of no call that was seen
		{"nfs", "nfs.nfs4.hdr", []string{nfs4Call + "\x00\x00\x00\x00\x00\x00\x00\x01ops!"}, [2][]string{{"1"}}}, // eight bytes are shown as a number
		{"nfs", "nfs.nfs4.ops", []string{nfs4Call + "\x00\x00\x00\x00\x00\x00\x00\x01ops!"}, [2][]string{{"ops!"}}},
		{"nfs", "nfs.nfs4.pdu", []string{nfs4Call + "\x00\x00\x00\x00\x00\x00\x00\x01ops!"}, [2][]string{{"\x00\x00\x00\x00\x00\x00\x00\x01ops!"}}},
		{"nfs", "nfs.nfs4.status", []string{nfs4Call + "\x00\x00\x00\x00\x00\x00\x00\x01ops!", nfsReply + "\x00\x00\x00\x00ab"}, [2][]string{nil, {"\x00\x00\x00\x00"}}},
		{"nfs", "nfs.nfs.pdu", []string{nfs4Call + "\x00\x00\x00\x00\x00\x00\x00\x01ops!"}, [2][]string{}},
		{"nfs", "nfs.nfs.pdu", []string{strings.Replace(nfsCall, "\x86\xa3", "\x86\xa5", 1) + "\x00\x00\x00\x03"}, [2][]string{}}, // MOUNT
	} {
		got := parts(c.entry, suricata.Frame(c.frame), c.data...)
		for dir := range got {
			if !slices.Equal(got[dir], c.want[dir]) {
				t.Errorf("%s: %q from %d, expected %q", c.frame, got[dir], dir, c.want[dir])
			}
		}
	}
}

// TestNFSFramesHostile proves that messages that are cut or say wrong lengths harm
// nothing, and that no frame lies outside of its message.
func TestNFSFramesHostile(t *testing.T) {
	call := "\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01\x86\xa3\x00\x00\x00\x04\x00\x00\x00\x01" +
		"\x00\x00\x00\x01\x00\x00\x00\x04abcd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01ops!"
	entry := Default().ByName("nfs")
	for _, buf := range []suricata.Buffer{frameRPCPDU, frameRPCCreds, frameRPCHeader, frameRPCData, frameNFS4PDU, frameNFS4Ops, frameNFS4Status} {
		for n := range len(call) + 1 {
			for _, reply := range []bool{false, true} {
				b := []byte(call[:n])
				if n > 31 {
					b[29], b[30], b[31] = 0xff, byte(n), 0xff
				}
				r := &recorder{buf: buf, host: host{entry: entry}}
				(&rpc{}).frames(&Context{Host: r}, FromClient, b, b, nfsProgram, 4, reply)
				for _, f := range r.seen[FromClient] {
					if len(f) > max(n, 20) { // eight bytes are shown as a number
						t.Errorf("%d bytes of %d", len(f), n)
					}
				}
			}
		}
	}
}

// TestParserEvents proves events that parsers raise.
func TestParserEvents(t *testing.T) {
	const preface = ">PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	for _, c := range []struct {
		entry string
		data  []string
		want  [2][]string
	}{
		{"http2", []string{preface + "\x00\x00\x02\x03\x00\x00\x00\x00\x01ab"}, [2][]string{{"http2.invalid_frame_length"}}},
		{"http2", []string{preface + "\x00\x00\x05\x04\x00\x00\x00\x00\x00abcde"}, [2][]string{{"http2.invalid_frame_length"}}},
		{"http2", []string{preface + "\x01\x00\x00\x06\x00\x00\x00\x00\x00ab"}, [2][]string{{"http2.long_frame_data"}}},
		{"http2", []string{preface + "\x00\x00\x01\x01\x04\x00\x00\x00\x01\xff"}, [2][]string{{}}},
		{"http2", []string{preface + "\x00\x00\x02\x01\x04\x00\x00\x00\x01\xff\x10"}, [2][]string{{"http2.invalid_header"}}},
		{"http2", []string{preface + "\x00\x00\x0c\x01\x04\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"}, [2][]string{{"http2.header_integer_overflow"}}},
		{"smb", []string{">" + smb2(0, 0, 1, strings.Repeat("\x00", 36)), "<" + smb2(0, 1, 1, greatest), ">" + smb2(8, 0, 2, "1\x00\x00\x00\x70\x11\x01\x00"+strings.Repeat("\x00", 41))}, [2][]string{
			{"smb.read_request_too_large"}, {"smb.negotiate_max_write_size_too_large"},
		}},
		{"smb", []string{">" + smb2(8, 0, 2, "1\x00\x00\x00\x70\x11\x01\x00"+strings.Repeat("\x00", 41))}, [2][]string{}},
		{"smb", []string{">" + smb2(9, 0, 2, "1\x00\x70\x00\x01\x00\x00\x01"+strings.Repeat("\x00", 41))}, [2][]string{{"smb.write_request_too_large"}}},
		{"smb", []string{">" + smb2(1, 0, 2, "\x19"+strings.Repeat("\x00", 11)+"\x58\x00\x0e\x00"+strings.Repeat("\x00", 8)+"NTLMSSP\x00\x03\x00\x00\x00\xff\xff")}, [2][]string{{"smb.malformed_ntlmssp_request"}}},
		{"smb", []string{">" + smb1("\x72", "\x02NT LM 0.12\x00\x02SMB 2.002\x00")}, [2][]string{}},
		{"smb", []string{">" + smb1("\x72", "\x02NT LM 0.12\x00SMB 2.002\x00")}, [2][]string{{"smb.negotiate_malformed_dialects"}}},
		{"sip", []string{">OPTIONS sip:a SIP/2.0\r\nVia: b\r\n\r\n", ">OPTIONS sip:a SIP/2.0\r\nVia: b\r\n"}, [2][]string{{"sip.incomplete_data"}}},
		{"ike", []string{">" + ikev2("\x05")}, [2][]string{}},
		{"ike", []string{">" + ikev2("\x09")}, [2][]string{{"ike.unknown_proposal"}}},
		{"ike", []string{">" + ikev2("\x05", "more")}, [2][]string{{"ike.payload_extra_data"}}},
		{"pop3", []string{"<+OK\r\n", ">USER a\r\nPASS b\r\nLIST\r\nQUIT\r\n", "<+OK\r\n"}, [2][]string{}},
		{"pop3", []string{"<+OK\r\n", ">HELO a\r\n"}, [2][]string{{"pop3.unknown_command"}}},
		{"pop3", []string{"<+OK\r\n", ">PASS b c\r\n"}, [2][]string{{"pop3.incorrect_argument_count"}}},
		{"pop3", []string{"<+OK\r\n", ">AUTH\r\nAUTH PLAIN\r\n"}, [2][]string{{"pop3.incorrect_argument_count"}}},
		{"pop3", []string{"<+OK\r\n", ">AUTH LOGIN\r\n", "<+ \r\n", ">YQ==\r\n", "<+ \r\n", ">aGFp\r\n"}, [2][]string{{"pop3.unknown_command"}}},
		{"pop3", []string{"<+OK\r\n", ">RETR " + strings.Repeat("1 ", 140) + "\r\n"}, [2][]string{{"pop3.incorrect_argument_count", "pop3.request_too_long"}}},
		{"pop3", []string{"<+OK\r\n", ">RETR\r\nTOP 1\r\n"}, [2][]string{{"pop3.incorrect_argument_count", "pop3.incorrect_argument_count"}}},
		{"pop3", []string{"<+OK\r\n", ">USER " + strings.Repeat("a", 250) + "\r\n"}, [2][]string{{"pop3.request_too_long"}}},
		{"pop3", []string{"<+OK " + strings.Repeat("a", 600) + "\r\n"}, [2][]string{nil, {"pop3.response_too_long"}}},
		{"smtp", []string{"<220 a SMTP\r\n", ">EHLO a\r\n", "<250 a\r\n", ">MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"}, [2][]string{}},
		{"smtp", []string{"<220 a SMTP\r\n", ">EHLO a\r\nHELO a\r\n"}, [2][]string{{"smtp.duplicate_fields"}}},
		{"smtp", []string{"<220 a SMTP\r\n", ">MAIL FROM:<a@b>\r\nMAIL FROM:<c@b>\r\n"}, [2][]string{{"smtp.duplicate_fields"}}},
		{"smtp", []string{"<220 a SMTP\r\n", ">DATA\r\nNOOP\r\n"}, [2][]string{{"smtp.invalid_pipelined_sequence"}}},
		{"smtp", []string{"<220 a SMTP\r\n", ">DATA\r\nDATA\r\n"}, [2][]string{{"smtp.unparsable_content", "smtp.invalid_pipelined_sequence"}}},
		{"smtp", []string{"<220 a SMTP\r\n", ">BDAT 4\r\nabcdQUIT\r\n"}, [2][]string{{"smtp.bdat_chunk_len_exceeded"}}},
		{"smtp", []string{"<220 a SMTP\r\n", ">BDAT 4 LAST\r\nab\r\nQUIT\r\n"}, [2][]string{}},
		{
			"smtp",
			[]string{"<220 a SMTP\r\n", ">BDAT 301 LAST\r\nContent-Type: multipart/mixed; boundary=\"" + strings.Repeat("b", 255) + "\"\r\n\r\n"},
			[2][]string{{"smtp.mime_long_boundary"}},
		},
		{
			"http",
			[]string{">GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nHTTP2-Settings: !!\r\n\r\n", "<HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n"},
			[2][]string{{"http2.invalid_http1_settings"}},
		},
		{
			"http",
			[]string{">GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", "<HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n"},
			[2][]string{},
		},
	} {
		got := parts(c.entry, suricata.BufAppEvent, c.data...)
		for dir := range got {
			if !slices.Equal(got[dir], c.want[dir]) {
				t.Errorf("%s %q: %q from %d, expected %q", c.entry, c.data, got[dir], dir, c.want[dir])
			}
		}
	}
}

// greatest is a reply of negotiation that agrees on reads of 64 KiB and writes of 32 MiB.
var greatest = "A\x00\x00\x00\x02\x02" + strings.Repeat("\x00", 26) + "\x00\x00\x01\x00\x00\x00\x00\x02" + strings.Repeat("\x00", 24)

// smb2 is a message of a command.
func smb2(command, flags, id byte, body string) string {
	m := "\xfeSMB\x40\x00\x00\x00\x00\x00\x00\x00" + string([]byte{command, 0, 1, 0, flags, 0, 0, 0, 0, 0, 0, 0, id}) + strings.Repeat("\x00", 39) + body
	return string([]byte{0, 0, byte(len(m) >> 8), byte(len(m))}) + m
}

// smb1 is a request of version 1 with bytes and no words.
func smb1(command, data string) string {
	m := "\xffSMB" + command + strings.Repeat("\x00", 27) + "\x00" + string([]byte{byte(len(data)), 0}) + data
	return string([]byte{0, 0, byte(len(m) >> 8), byte(len(m))}) + m
}

// ikev2 is a first message with a proposal of one transform of a kind.
func ikev2(kind string, more ...string) string {
	proposal := "\x00\x00\x00\x10\x01\x01\x00\x01" + "\x00\x00\x00\x08" + kind + "\x00\x00\x00"
	body := "\x00\x00\x00" + string([]byte{byte(4 + len(proposal))}) + proposal + strings.Join(more, "")
	return strings.Repeat("\x01", 8) + strings.Repeat("\x00", 8) + "\x21\x20\x22\x08\x00\x00\x00\x00\x00\x00\x00" + string([]byte{byte(28 + len(body))}) + body
}
