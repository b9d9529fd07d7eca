package suricata

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func numbersOf(list ...uint64) (out []string) {
	for _, n := range list {
		out = append(out, number(n)...)
	}
	return out
}

// TestSpecialKeywords proves keywords that compare numbers in ways of their own,
// which of several numbers a rule means, and what data keep (Suricata user
// guide, "Integer Keywords" and the keywords of each protocol).
func TestSpecialKeywords(t *testing.T) {
	ldap := &tx{app: AppLDAP, bufs: map[Buffer][]string{BufLDAPResponseOp: numbersOf(4, 4, 5), BufLDAPResponseCode: numbersOf(0), BufLDAPResponseCount: numbersOf(3)}}
	socket := &tx{app: AppWebSocket, bufs: map[Buffer][]string{BufWebSocketFlags: numbersOf(0x80), BufWebSocketOpcode: numbersOf(9), BufWebSocketPayload: {"hai"}}}
	modbus := &tx{app: AppModbus, bufs: map[Buffer][]string{BufModbus: {string(AppendModbus(nil, &ModbusRequest{
		Unit: 1, Function: 16, Sub: -1, Write: ModbusRange{Table: ModbusHolding, Start: 99, Count: 2, Typed: true}, Values: []uint16{7, 300},
	}))}}}
	diagnose := &tx{app: AppModbus, bufs: map[Buffer][]string{BufModbus: {string(AppendModbus(nil, &ModbusRequest{Unit: 2, Function: 8, Sub: 4}))}}}
	cip := &tx{app: AppENIP, bufs: map[Buffer][]string{BufCIPService: {string(AppendCIP(nil, 16, []uint32{246}, []uint32{6}))}}}
	dnp3 := &tx{app: AppDNP3, bufs: map[Buffer][]string{BufDNP3Function: numbersOf(129), BufDNP3Indication: numbersOf(0x8000), BufDNP3Object: numbersOf(12<<8 | 1)}}
	ticket := &tx{app: AppKerberos, bufs: map[Buffer][]string{BufKerberosEncryption: numbersOf(1<<64 - 128), BufKerberosError: numbersOf(6), BufKerberosServer: {"krbtgt", "CONTOH"}}}
	cert := &tx{app: AppTLS, bufs: map[Buffer][]string{
		BufTLSNotBefore: numbersOf(CertTime(time.Date(1999, 5, 1, 0, 0, 0, 0, time.UTC))), BufTLSNotAfter: numbersOf(CertTime(time.Date(2001, 5, 1, 0, 0, 0, 0, time.UTC))),
		BufTLSRecordVersion: numbersOf(0x0303), BufTLSState: numbersOf(TLSClientHello | TLSServerHello),
	}}
	http2 := &tx{app: AppHTTP2, bufs: map[Buffer][]string{BufHTTP2Setting: numbersOf(2<<32, 1<<32|8192), BufHTTP2SizeUpdate: numbersOf(4096)}}
	nfs := &tx{app: AppNFS, bufs: map[Buffer][]string{BufNFSProcedure: numbersOf(NFSProcedure(4, 9))}}
	ssh := &tx{app: AppSSH, bufs: map[Buffer][]string{BufSSHVersion: {"1.99"}, BufSSHSoftware: {"OpenSSH_9.2"}}}
	ike := &tx{app: AppIKE, bufs: map[Buffer][]string{BufIKEAttribute: {"alg_enc=7", "sa_key_length=128"}}}
	for _, c := range []struct {
		header, options string
		x               *tx
		want            bool
	}{
		{"ldap", `ldap.responses.operation:search_result_entry;`, ldap, true},
		{"ldap", `ldap.responses.operation:search_result_entry,all;`, ldap, false},
		{"ldap", `ldap.responses.operation:search_result_done,-1;`, ldap, true},
		{"ldap", `ldap.responses.operation:search_result_done,0;`, ldap, false},
		{"ldap", `ldap.responses.operation:!bind_response,all;`, ldap, true},
		{"ldap", `ldap.responses.operation:4,nb>1;`, ldap, true},
		{"ldap", `ldap.responses.operation:4,nb=1;`, ldap, false},
		{"ldap", `ldap.responses.operation:4,all,0:2;`, ldap, true},
		{"ldap", `ldap.responses.operation:5,oob_or 7;`, ldap, true},
		{"ldap", `ldap.responses.operation:count 3;`, ldap, true},
		{"ldap", `ldap.responses.operation:count >3;`, ldap, false},
		{"ldap", `ldap.responses.result_code:success; ldap.responses.count:>=3;`, ldap, true},
		{"krb5", `krb5.ticket_encryption:!17,18;`, ticket, true},
		{"krb5", `krb5.ticket_encryption:!weak;`, ticket, false},
		{"krb5", `krb5.ticket_encryption:rc4-hmac -128;`, ticket, true},
		{"krb5", `krb5.ticket_encryption:aes256_cts_hmac_sha1_96;`, ticket, false},
		{"websocket", `websocket.flags:fin,!comp;`, socket, true},
		{"websocket", `websocket.flags:comp;`, socket, false},
		{"websocket", `websocket.flags:&0xc0=0x80;`, socket, true},
		{"websocket", `websocket.flags:&0xc0!=0x80;`, socket, false},
		{"websocket", `websocket.opcode:ping; websocket.payload; content:"ha"; startswith;`, socket, true},
		{"modbus", `modbus: function 16;`, modbus, true},
		{"modbus", `modbus: function !reserved;`, modbus, true},
		{"modbus", `modbus: function user;`, modbus, false},
		{"modbus", `modbus: unit 1, access write holding, address 101, value >200;`, modbus, true},
		{"modbus", `modbus: access write holding, address 100, value >200;`, modbus, false},
		{"modbus", `modbus: access read;`, modbus, false},
		{"modbus", `modbus: access write coils;`, modbus, false},
		{"modbus", `modbus: function 8, subfunction 4;`, diagnose, true},
		{"enip", `cip_service:16,246,6;`, cip, true},
		{"enip", `cip_service:16,245;`, cip, false},
		{"dnp3", `dnp3_func:response; dnp3_ind:need_time,device_restart;`, dnp3, true},
		{"dnp3", `dnp3_obj:12,2;`, dnp3, false},
		{"krb5", `krb5.ticket_encryption:weak;`, ticket, true},
		{"krb5", `krb5.ticket_encryption:-128,23;`, ticket, true},
		{"krb5", `krb5_err_code:6; krb5_sname; content:"krbtgt";`, ticket, true},
		{"tls", `tls_cert_expired;`, cert, true},
		{"tls", `tls_cert_valid;`, cert, false},
		{"tls", `tls_cert_notbefore:1998-05-01<>2008-05-01;`, cert, true},
		{"tls", `tls_cert_notafter:>2015;`, cert, false},
		{"tls", `ssl_version:sslv3,tls1.2;`, cert, true},
		{"tls", `ssl_version:!tls1.2;`, cert, false},
		{"tls", `ssl_state:client_keyx|server_hello;`, cert, true},
		{"tls", `ssl_state:client_hello,!server_hello;`, cert, false},
		{"tls", `ssl_state:client_hello|!client_keyx;`, cert, true},
		{"tls", `ssl_version:tls1.1,tls1.2,!tls1.2;`, cert, false},
		{"tls", `ssl_version:tls1.2,!tls1.1;`, cert, true},
		{"http2", `http2.settings:SETTINGS_ENABLE_PUSH=0;`, http2, true},
		{"http2", `http2.settings:SETTINGS_HEADER_TABLE_SIZE>8192;`, http2, false},
		{"http2", `http2.size_update:4kb;`, http2, true},
		{"nfs", `nfs_procedure:getattr;`, nfs, true},
		{"nfs", `nfs_procedure:setattr;`, nfs, false},
		{"nfs", `nfs_procedure:9-10;`, nfs, true},
		{"ssh", `ssh.protoversion:2_compat;`, ssh, true},
		{"ssh", `ssh.softwareversion:"openssh";`, ssh, true},
		{"ike", `ike.chosen_sa_attribute:alg_enc=7;`, ike, true},
		{"ike", `ike.chosen_sa_attribute:alg_enc=12;`, ike, false},
	} {
		for _, dir := range []bool{true, false} {
			p := packet(6, "")
			if p.ToServer = dir; c.x.app == AppIKE {
				p.Proto = 17
			}
			got := len(newBench(t, fmt.Sprintf("alert %s any any -> any any (%s sid:1;)", c.header, c.options)).tx(p, c.x)) == 1
			toClient := strings.Contains(c.options, "responses") || strings.Contains(c.options, "tls_cert_") || strings.Contains(c.options, "dnp3_ind") || strings.Contains(c.options, "ike.chosen") || strings.Contains(c.options, "krb5.") || strings.Contains(c.options, "krb5_sname")
			if want := c.want && !(dir && toClient); got != want && !(strings.Contains(c.options, "nfs") && !dir) {
				t.Errorf("%s to server %v: %v", c.options, dir, got)
			}
		}
	}
}

// TestMoreOfPackets proves entropy, IP options, RPC, addresses and what a flow
// has sent (Suricata user guide, "Flow Keywords", "ipopts", "rpc", "entropy").
func TestMoreOfPackets(t *testing.T) {
	for _, c := range []struct {
		options string
		change  func(p *Packet)
		want    bool
	}{
		{`content:"ab"; entropy:value = 1;`, nil, true},
		{`content:"ab"; entropy:bytes 1, value > 0.5;`, nil, false},
		{`content:"ab"; entropy:2-3;`, nil, false},
		{`flow.pkts:toserver,>2;`, func(p *Packet) { p.ClientPackets = 3 }, true},
		{`flow.pkts:both,>2;`, func(p *Packet) { p.ClientPackets = 3 }, false},
		{`flow.bytes:either,>1kb;`, func(p *Packet) { p.ServerFrames = 2000 }, true},
		{`flow.age:>3600;`, func(p *Packet) { p.Age = int64(2 * time.Hour) }, true},
		{`flow.age:>3600;`, func(p *Packet) { p.Age = int64(time.Second) }, false},
		{`flow:only_frag;`, func(p *Packet) { p.Reassembled = true }, true},
		{`flow:no_frag;`, func(p *Packet) { p.Reassembled = true }, false},
		{`ipopts:rr;`, func(p *Packet) { p.IPHeader = append(make([]byte, 20), 1, 7, 3, 4) }, true},
		{`ipopts:ssrr;`, func(p *Packet) { p.IPHeader = append(make([]byte, 20), 1, 7, 3, 4) }, false},
		{`ipopts:any;`, func(p *Packet) { p.IPHeader = make([]byte, 20) }, false},
		{`rpc:100009,*,*;`, func(p *Packet) {
			p.Payload = []byte("\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01\x86\xa9\x00\x00\x00\x01\x00\x00\x00\x01")
		}, true},
		{`rpc:100009,2,*;`, func(p *Packet) {
			p.Payload = []byte("\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01\x86\xa9\x00\x00\x00\x01\x00\x00\x00\x01")
		}, false},
		{`ip.src; content:"|0a 00 00 01|"; startswith; endswith;`, func(p *Packet) { p.Src = netip.MustParseAddr("10.0.0.1") }, true},
		{`ip.dst; content:"|0a 00 00 01|"; startswith; endswith;`, func(p *Packet) { p.Src = netip.MustParseAddr("10.0.0.1") }, false},
	} {
		p := packet(17, "abab")
		if c.change != nil {
			c.change(p)
		}
		if got := len(newBench(t, "alert udp any any -> any any ("+c.options+" sid:1;)").packet(p)) == 1; got != c.want {
			t.Errorf("%s: %v", c.options, got)
		}
	}
}

// TestUniquePorts proves that detection_filter counts distinct ports.
func TestUniquePorts(t *testing.T) {
	b := newBench(t, "alert udp any any -> any any (detection_filter:track by_src,count 2,seconds 60,unique_on dst_port; content:\"a\"; sid:1;)")
	got := 0
	for _, port := range []uint16{1, 1, 1, 2, 2, 3, 3} {
		p := packet(17, "a")
		p.DstPort = port
		got += len(b.packet(p))
	}
	if got != 2 {
		t.Errorf("%d alerts, expected 2: behind the second distinct port", got)
	}
}

// TestDatasets proves sets read from files of each type and format, sets that
// rules change, and that they are kept between runs (Suricata user guide,
// "Datasets").
func TestDatasets(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"names.lst": base64.StdEncoding.EncodeToString([]byte("evil.example")) + "\n", "md5.lst": "900150983cd24fb0d6963f7d28e17f72\n",
		"ip.lst": "10.0.0.1\n2001:db8::1\n", "rep.lst": base64.StdEncoding.EncodeToString([]byte("evil.example")) + ",201\n",
		"hosts.json": `{"response":{"threats":[{"host":"evil.example","year":2005},{"host":"evil.example","year":2006},{"other":1}]}}`,
		"lines.json": "{\"ip\":\"10.0.0.1\",\"by\":\"kami\"}\n", "bad.lst": "!!\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	compile := func(rule string) (*Set, []string) {
		set, problems := Load([]Source{{Name: filepath.Join(dir, "uji.rules"), Data: []byte(rule)}}, Config{DataDir: filepath.Join(dir, "data")})
		var out []string
		for i := range problems {
			out = append(out, problems[i].Message)
		}
		return set, out
	}
	query := func(name string) *tx { return &tx{app: AppDNS, bufs: map[Buffer][]string{BufDNSQuery: {name}}} }
	for _, c := range []struct {
		options string
		name    string
		want    bool
		context string
	}{
		{"dns.query; dataset:isset,a,type string,load names.lst;", "evil.example", true, ""},
		{"dns.query; dataset:isset,a,type string,load names.lst;", "good.example", false, ""},
		{"dns.query; dataset:isnotset,a,type string,load names.lst,memcap 10mb,hashsize 1024;", "good.example", true, ""},
		{"dns.query; to_md5; dataset:isset,a,type md5,load md5.lst;", "abc", true, ""},
		{"dns.query; datarep:a,>,200,load rep.lst,type string;", "evil.example", true, ""},
		{"dns.query; datarep:a,>,201,load rep.lst,type string;", "evil.example", false, ""},
		{"dns.query; dataset:isset,a,type string,load hosts.json,format json,enrichment_key bad,value_key host,array_key response.threats;", "evil.example", true, `{"host":"evil.example","year":2005}`},
		{"dns.query; dataset:isset,a,type string,load hosts.json,format json,context_key bad,value_key host,array_key response.threats,remove_key;", "evil.example", true, `{"year":2005}`},
		{"dns.query; content:\"x\"; ip.src; dataset:isset,a,type ip,load ip.lst;", "x", true, ""},
		{"ip.dst; dataset:isset,a,type ipv4,load lines.json,format jsonline,value_key ip,context_key who; dns.query; content:\"x\";", "x", false, ""},
		{"ip.src; dataset:isset,a,type ipv4,load lines.json,format jsonline,value_key ip,context_key who; dns.query; content:\"x\";", "x", true, `{"by":"kami","ip":"10.0.0.1"}`},
	} {
		set, problems := compile("alert dns any any -> any any (" + c.options + " sid:1;)")
		if len(problems) > 0 {
			t.Errorf("%s: %q", c.options, problems)
			continue
		}
		p := packet(17, "")
		p.App, p.Src, p.Dst = AppDNS, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
		hits := NewEngine(set).Tx(nil, new(*FlowState), p, query(c.name))
		if (len(hits) == 1) != c.want {
			t.Errorf("%s: %d hits", c.options, len(hits))
		} else if c.context != "" && (len(hits[0].Context) != 1 || hits[0].Context[0].JSON != c.context) {
			t.Errorf("%s: context %v", c.options, hits[0].Context)
		}
	}
	for rule, want := range map[string]string{
		"dns.query; dataset:isset,a,type string,load bad.lst;":  `reading a data set's file "bad.lst": line 1 is no value of the set's type`,
		"dns.query; dataset:isset,a,type string,load none.lst;": `reading a data set's file "none.lst": no such file or directory`,
		"dns.query; dataset:isset,a;":                           "the set a has no type",
		"dns.query; dataset:set,a,type string,state ../../x;":   "a data set kept outside of the folder of data",
		"dns.query; dataset:set,a,type string; flowbits:set,b;": "a data set that rules change, in a rule that sets flowbits or flowint",
		"content:\"a\"; dataset:isset,a,type string;":           "dataset without a sticky buffer",
		"dns.query; content:\"a\"; iprep:src,CnC,>,30;":         "iprep without files of reputation",
		"filemd5:none.md5;": `reading a list of digests "none.md5": no such file or directory`,
	} {
		if _, problems := compile("alert dns any any -> any any (" + rule + " sid:1;)"); !slices.Equal(problems, []string{want}) {
			t.Errorf("%s: %q", rule, problems)
		}
	}

	const keep = "alert dns any any -> any any (dns.query; dataset:set,seen,type string,state seen.lst; sid:1;)"
	set, _ := compile(keep)
	m, o, got := NewEngine(set), NewOrder(), 0
	for i, n := range []string{"a", "b", "a", "b", "c"} {
		p := packet(17, "")
		p.Number = uint64(i + 1)
		hits := m.Tx(nil, new(*FlowState), p, query(n))
		if len(hits) == 1 && o.Keep(p, &hits[0]) {
			got++
		}
	}
	if got != 3 {
		t.Errorf("%d values were new, expected 3", got)
	}
	if err := o.Save(filepath.Join(dir, "data")); err != nil {
		t.Fatal(err)
	}
	set, _ = compile(keep)
	if hits := NewEngine(set).Tx(nil, new(*FlowState), packet(17, ""), query("a")); len(hits) != 1 || NewOrder().Keep(packet(17, ""), &hits[0]) {
		t.Error("a value seen in an earlier run is new again")
	}
}

// TestReputation proves iprep (Suricata user guide, "IP Reputation Keyword").
func TestReputation(t *testing.T) {
	dir := t.TempDir()
	categories, scores := filepath.Join(dir, "categories.txt"), filepath.Join(dir, "scores.list")
	for path, text := range map[string]string{categories: "1,CnC,command\n2,Scan,scanner\n", scores: "# address\n10.0.0.1,1,100\n10.0.0.0/24,1,20\n2001:db8::/32,2,7\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rep, err := LoadReputation(categories, []string{scores})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		option, src string
		want        bool
	}{
		{"src,CnC,>,30", "10.0.0.1", true},
		{"src,CnC,>,30", "10.0.0.2", false},
		{"any,CnC,=,20", "10.0.0.2", true},
		{"dst,CnC,>,1", "10.0.0.1", false},
		{"both,CnC,>,1", "10.0.0.1", false},
		{"src,Scan,isset", "2001:db8::9", true},
		{"src,Scan,isnotset", "10.0.0.1", true},
		{"src,Scan,<,8", "10.0.0.1", false},
	} {
		set, problems := Load([]Source{{Name: "uji.rules", Data: []byte("alert ip any any -> any any (iprep:" + c.option + "; sid:1;)")}}, Config{Reputation: rep})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		p := packet(17, "")
		p.Src, p.Dst = netip.MustParseAddr(c.src), netip.MustParseAddr("192.0.2.1")
		if hits := NewEngine(set).Packet(nil, new(*FlowState), p); (len(hits) == 1) != c.want {
			t.Errorf("iprep:%s from %s: %d hits", c.option, c.src, len(hits))
		}
	}
	if err := os.WriteFile(scores, []byte("10.0.0.1,1,200\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadReputation(categories, []string{scores}); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a wrong score is taken: %v", err)
	}
}
