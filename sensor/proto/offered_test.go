package proto

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"testing"

	"saksi/rules/suricata"
)

// recorder is a Host that notes what is offered to rules of one buffer.
type recorder struct {
	host
	buf  suricata.Buffer
	seen [2][]string
}

func (r *recorder) Matching() bool { return true }

func (r *recorder) Wants(suricata.Buffer) bool { return true }

func (r *recorder) Offer(tx suricata.Tx, dir Dir) {
	for i := range tx.NBuf(r.buf) {
		s := string(tx.BufAt(r.buf, i))
		if len(s) == 8 && s[0] == 0 { // a number
			s = strconv.FormatUint(binary.BigEndian.Uint64([]byte(s)), 10)
		}
		r.seen[dir] = append(r.seen[dir], s)
	}
}

// TestOffered proves what rules see of each protocol, by sample and direction.
func TestOffered(t *testing.T) {
	for _, c := range []struct {
		sample         string
		buf            suricata.Buffer
		client, server []string
	}{
		{"http_get.txt", suricata.BufHTTPMethod, []string{"GET", "GET"}, nil},
		{"http_post.txt", suricata.Frame("http1.request"), nil, nil},
		{"http_get.txt", suricata.BufFileName, nil, nil},
		{"http_form.txt", suricata.BufFileName, []string{"ic.jpg", "borang.txt"}, nil},
		{"http_form.txt", suricata.BufFileData, []string{"\xff\xd8\xff\xe0gambar\r\n--bukan sempadan\r\n\xff\xd9", "isi borang\n"}, nil},
		{"http_form.txt", suricata.BufFileSize, []string{"32", "11"}, nil},
		{"http2.txt", suricata.BufHTTPURI, []string{"/fail.txt", "/hantar?id=7"}, nil},
		{"http2.txt", suricata.BufHTTPHost, []string{"contoh.test", "contoh.test"}, nil},
		{"http2.txt", suricata.BufHTTPRequestBody, []string{"satu dua"}, nil},
		{"http2.txt", suricata.BufHTTPStatCode, nil, []string{"200"}},
		{"http2.txt", suricata.BufHTTP2ErrorCode, nil, []string{"2", "0"}},
		{"http2.txt", suricata.BufHTTPRequestLine, []string{"GET /fail.txt HTTP/2", "POST /hantar?id=7 HTTP/2"}, nil},
		{"ftp.txt", suricata.BufFTPCommand, []string{"USER", "PASS", "EPSV", "RETR", "DELE", "QUIT"}, nil},
		{"ftp.txt", suricata.BufFTPCommandData, []string{"ali", "rahsia123", "laporan.pdf", "x"}, nil},
		{"ftp.txt", suricata.BufFTPDynamicPort, nil, []string{"40001"}},
		{"ftp.txt", suricata.BufFTPCompletionCode, nil, []string{"220", "220", "331", "230", "229", "150", "226", "550"}},
		{"ftpdata.txt", suricata.BufFileData, nil, []string{"-rw-r--r-- 1 ali ali 1164 laporan.txt\r\n"}},
		{"smtp_mime.txt", suricata.BufFileData, []string{"isi laporan"}, nil},
		{"smtp_mime.txt", suricata.BufFileName, []string{"laporan.bin"}, nil},
		{"smtp_mime.txt", suricata.BufSMTPRcptTo, []string{"siti@agensi.example"}, nil},
		{"smtp_mime.txt", suricata.BufEmailSubject, []string{"lampiran"}, nil},
		{"smtp.txt", suricata.BufSMTPHelo, []string{"pc-ali.agensi.example"}, nil},
		{"smb1_write.txt", suricata.BufSMBShare, []string{`\pelayan\awam`}, nil},
		{"smb2_files.txt", suricata.BufSMBShare, []string{`\\192.0.2.20\awam`}, nil},
		{"ssh.txt", suricata.BufSSHSoftware, []string{"OpenSSH_9.2p1", "OpenSSH_9.2p1"}, []string{"OpenSSH_9.2p1", "OpenSSH_9.2p1"}},
		{"dns_udp.txt", suricata.BufDNSRcode, []string{"0"}, []string{"0"}},
		{"dns_udp.txt", suricata.BufDNSAdditionalName, nil, []string{}}, // OPT has no name
		{"smb1_write.txt", suricata.BufFileData, []string{"isi laporan"}, nil},
		{"smb1_write.txt", suricata.BufFileSize, []string{"11"}, nil},
		{"ftpdata.txt", suricata.BufFileSize, nil, []string{"39"}},
		{"smtp_mime.txt", suricata.BufFileSize, []string{"11"}, nil},
		{"http2.txt", suricata.BufFileSize, []string{"8"}, []string{"8"}},
		{"smb1_write.txt", suricata.BufFileName, []string{`\laporan.txt`}, nil},
		{"mqtt.txt", suricata.BufMQTTType, []string{"1", "2", "1", "8", "3", "3", "14"}, []string{"9", "4"}}, // CONNECT, then with CONNACK
		{"mqtt.txt", suricata.BufMQTTPassword, []string{"rahsia", "rahsia"}, nil},
		{"mqtt.txt", suricata.BufMQTTPublishMessage, []string{"27", "33"}, nil},
		{"mqtt.txt", suricata.BufAppEvent, nil, nil},
		{"mqtt_hostile.txt", suricata.BufAppEvent, nil, []string{"mqtt.missing_publish", "mqtt.missing_subscribe", "mqtt.unassigned_msg_type", "mqtt.invalid_qos_level", "mqtt.missing_msg_id"}},
		{"snmp.txt", suricata.BufSNMPCommunity, []string{"public", "s3cret", "public", "public", "public"}, []string{"public", "s3cret"}},
		{"snmp.txt", suricata.BufSNMPVersion, []string{"2", "2", "2", "1", "2"}, []string{"2", "2"}},
		{"snmp.txt", suricata.BufSNMPPDUType, []string{"0", "3", "5", "4", "7"}, []string{"2", "2"}},
		{"ntp.txt", suricata.BufNTPMode, []string{"3", "3", "3"}, []string{"4", "4"}},
		{"ntp.txt", suricata.BufNTPVersion, []string{"4", "4", "4"}, []string{"4", "4"}},
		{"ntp.txt", suricata.BufNTPStratum, []string{"0", "0", "0"}, []string{"2", "0"}},
		{"sip_udp.txt", suricata.BufSIPFrom, []string{"<sip:ali@contoh.test>;tag=1"}, []string{"<sip:ali@contoh.test>;tag=1"}},
		{"sip_tcp.txt", suricata.BufSIPRequestLine, []string{"INVITE sip:siti@contoh.test SIP/2.0"}, nil},
		{"sip_tcp.txt", suricata.BufSIPStatMsg, nil, []string{"Ringing"}},
		{"rfb.txt", suricata.BufRFBSecType, []string{"2"}, []string{"2", "2"}}, // chosen by the client
		{"rfb.txt", suricata.BufRFBSecResult, nil, []string{"0", "0"}},
		{"rfb.txt", suricata.BufRFBName, nil, []string{"meja"}},
		{"nfs_tcp.txt", suricata.BufNFSVersion, []string{"3"}, nil},
		{"nfs_tcp.txt", suricata.BufNFSProcedure, []string{"7"}, nil},
		{"nfs4.txt", suricata.BufNFSProcedure, []string{"4294967334", "4294967334", "4294967302", "4294967324", "4294967321"}, nil},
		{"nfs_udp.txt", suricata.BufNFSVersion, []string{"3", "2", "3"}, nil},
		{"snmp_v3.txt", suricata.BufSNMPUser, nil, nil},
		{"dcerpc_tcp.txt", suricata.BufDCERPCStub, []string{"satudua!"}, []string{"\x04\x00\x00\x00\x00\x00\x00\x00tiga"}},
		{"dcerpc_udp.txt", suricata.BufDCERPCOpnum, []string{"3"}, nil},
		{"dns_udp.txt", suricata.BufDNSOpcode, nil, nil},
		{"tls13.txt", suricata.BufTLSALPN, nil, nil},
		{"quic_v1.txt", suricata.BufTLSSNI, nil, nil},
		{"quic_v1.txt", suricata.BufJA3Hash, nil, nil},
	} {
		var entry *Entry
		for _, e := range Default().Entries() {
			if slices.Contains(append(e.Samples, e.Hostile...), c.sample) {
				entry = e
			}
		}
		r := &recorder{buf: c.buf, host: host{entry: entry}}
		ctx := &Context{Host: r}
		tr := entry.transport(c.sample)
		p := entry.New(tr)
		var tail [2][]byte
		for i, x := range readSample(t, c.sample) {
			ctx.Number = uint64(i + 1)
			tail[x.dir] = append(tail[x.dir], x.data...)
			n := p.Data(ctx, x.dir, tail[x.dir])
			if n < 0 {
				break
			}
			tail[x.dir] = tail[x.dir][n:]
		}
		p.Close(ctx)
		if c.client == nil && c.server == nil && c.buf != suricata.BufAppEvent { // it is there, whatever it is
			if len(r.seen[0])+len(r.seen[1]) == 0 {
				t.Errorf("%s: %v is not offered", c.sample, c.buf)
			}
			continue
		}
		if !slices.Equal(r.seen[0], c.client) || !slices.Equal(r.seen[1], c.server) {
			t.Errorf("%s: %v is %q and %q, expected %q and %q", c.sample, c.buf, r.seen[0], r.seen[1], c.client, c.server)
		}
	}
}

// TestMalformed proves that rules are told of data that can't be read.
func TestMalformed(t *testing.T) {
	for app, want := range malformed {
		for dir, name := range want {
			tx := Malformed(app, Dir(dir), 7)
			if tx == nil || tx.App() != app || string(tx.BufAt(suricata.BufAppEvent, 0)) != name || !slices.Contains(AppEvents, name) {
				t.Errorf("%d: %v", app, tx)
			}
		}
	}
	if tx := Malformed(suricata.AppHTTP, FromClient, 7); tx != nil {
		t.Errorf("%v", tx)
	}
}

// TestSSHEvents proves the events of SSH (RFC 4253 section 4.2 and 6).
func TestSSHEvents(t *testing.T) {
	long := "SSH-2.0-"
	for range 300 {
		long += "x"
	}
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"SSH-2.0-OpenSSH_9.6\r\n", nil},
		{"hello\r\n", []string{"ssh.invalid_banner"}},
		{long + "\r\n", []string{"ssh.long_banner"}},
		{"SSH-2.0-x\r\n\x00\x00\x00\x01\x00\x14", []string{"ssh.invalid_record"}},
		{"SSH-2.0-x\r\n\xff\xff\xff\xff\x00\x14", []string{"ssh.long_kex_record"}},
	} {
		r := &recorder{buf: suricata.BufAppEvent, host: host{entry: Default().ByName("ssh")}}
		(&ssh{}).Data(&Context{Host: r}, FromClient, []byte(c.in))
		if !slices.Equal(r.seen[FromClient], c.want) {
			t.Errorf("%.20q: %v, expected %v", c.in, r.seen[FromClient], c.want)
		}
	}
}

// TestFTPBounce proves that a PORT that names another host than the client's is
// told to rules (RFC 2577 section 3).
func TestFTPBounce(t *testing.T) {
	for line, want := range map[string][]string{
		"PORT 192,0,2,1,4,1\r\n": nil, "PORT 192,0,2,9,4,1\r\n": {"1"}, "port 10,0,0,1,0,25\r\n": {"1"}, "PORT 192,0,2,9\r\n": nil,
		"EPRT |1|192.0.2.9|1025|\r\n": nil,
	} {
		r := &recorder{buf: suricata.BufFTPBounce, host: host{entry: Default().ByName("ftp")}}
		(&ftp{}).Data(&Context{Host: r, Client: netip.MustParseAddr("192.0.2.1")}, FromClient, []byte(line))
		if !slices.Equal(r.seen[FromClient], want) {
			t.Errorf("%q: %q, expected %q", line, r.seen[FromClient], want)
		}
	}
}
