package suricata

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

func number(n uint64) []string { return []string{string(AppendNumber(nil, n))} }

// TestBuffers proves sticky buffers, the older modifiers and pcre letters, and
// what of a transaction they look at (Suricata user guide, "HTTP Keywords",
// "DNS Keywords", "Multiple Buffer Matching").
func TestBuffers(t *testing.T) {
	request := &tx{app: AppHTTP, bufs: map[Buffer][]string{
		BufHTTPMethod: {"POST"}, BufHTTPURI: {"/a b?q=1"}, BufHTTPURIRaw: {"/a%20b?q=1"}, BufHTTPHost: {"example.org"},
		BufHTTPHeader: {"Host: example.org\r\n"}, BufHTTPRequestHeader: {"Host: example.org", "X: y"}, BufHTTPReferer: {""},
		BufHTTPRequestBody: {"key=value"}, BufFileData: {"first", "second"}, BufFileName: {"a.EXE"}, BufFileSize: number(100), BufStream: {"POST /a%20b"},
	}}
	question := &tx{app: AppDNS, bufs: map[Buffer][]string{
		BufDNSQuery: {"one.example", "two.example"}, BufDNSRRType: {string(AppendNumber(nil, 1)), string(AppendNumber(nil, 16))},
		BufDNSOpcode: number(0), BufAppEvent: {"dns.z_flag_set"},
	}}
	blank := &tx{app: AppHTTP, bufs: map[Buffer][]string{BufHTTPCookie: {""}}}
	http2 := &tx{app: AppHTTP2, bufs: map[Buffer][]string{BufHTTPURI: {"/x"}, BufHTTP2ErrorCode: number(2)}}
	hello := &tx{app: AppTLS, bufs: map[Buffer][]string{BufTLSSNI: {"example.org"}, BufTLSVersion: {"1.2"}}}
	quic := &tx{app: AppQUIC, bufs: map[Buffer][]string{BufTLSSNI: {"example.org"}, BufJA3Hash: {"00000000000000000000000000000000"}}}
	for _, c := range []struct {
		header, options string
		x               *tx
		want            bool
	}{
		{"http", `http.method; content:"POST"; http.uri; content:"/a b"; startswith;`, request, true},
		{"http", `http.method; content:"GET";`, request, false},
		{"http", `http.uri; content:"q=1"; endswith; content:"a"; offset:1; depth:1;`, request, true},
		{"http", `http.uri.raw; content:"%20";`, request, true},
		{"http", `http.uri; content:"%20";`, request, false},
		{"http", `content:"/a b"; http_uri; content:"POST"; http_method;`, request, true},
		{"http", `content:"a b"; http_uri; content:"q"; http_uri; distance:1;`, request, true},
		{"http", `uricontent:"/a"; pcre:"/q=\d/U";`, request, true},
		{"http", `pcre:"/^\/a/U"; uricontent:"b"; within:2;`, request, true},
		{"http", `content:"a"; http_uri; byte_test:1,=,0x62,1,relative;`, request, true},
		{"http", `content:"a"; http_uri; isdataat:!1,relative;`, request, false},
		{"tcp", `http.host; content:"example.org"; bsize:11;`, request, true},
		{"tcp", `http.host; bsize:>11;`, request, false},
		{"http", `http.uri; content:!"a"; endswith;`, request, true},
		{"http", `http.uri; content:!"1"; endswith;`, request, false},
		{"http", `http.host; content:!"e"; endswith;`, request, true}, // the first place counts
		{"http", `filestore;`, request, true},
		{"dns", `filestore;`, question, false},
		{"http", `urilen:!5;`, request, true},
		{"http", `urilen:!8;`, request, false},
		{"http", `urilen:8;`, request, true},
		{"http", `urilen:>9,raw;`, request, true},
		{"http", `urilen:<8;`, request, false},
		{"http", `http.referer; bsize:0;`, request, true},
		{"http", `http.user_agent; absent;`, request, true},
		{"http", `http.host; absent;`, request, false},
		{"dns", `dns.answers.rrname; absent;`, question, false}, // read when the message is whole: never absent
		{"dns", `dns.answers.rrname; absent:or_else; content:"x";`, question, false},
		{"http", `http.cookie; to_md5; content:"|d4 1d|"; startswith;`, blank, false}, // no digest of nothing
		{"http", `http.cookie; to_md5; bsize:0;`, blank, true},
		{"http", `http.user_agent; absent:or_else; content:"x";`, request, true},
		{"http", `http.host; absent:or_else; content:"example";`, request, true},
		{"http", `http.host; absent:or_else; content:"other";`, request, false},
		{"http", `http.request_header; content:"X: y"; startswith; endswith;`, request, true},
		{"http", `http.request_header; content:"Host"; content:"y";`, request, false},
		{"http", `http.request_header; content:"Host"; http.request_header; content:"y";`, request, true},
		{"http", `file.data; content:"first"; file.data; content:"second";`, request, true},
		{"http", `file.data; content:"first"; content:"second";`, request, false},
		{"http", `filename:"a.exe";`, request, true},
		{"http", `fileext:"exe";`, request, true},
		{"http", `fileext:"txt";`, request, false},
		{"http", `filesize:>99;`, request, true},
		{"http", `filesize:10<>99;`, request, false},
		{"http", `http.host; content:"example"; pkt_data; content:"POST /a%20b";`, request, true},
		{"http", `http.host; content:"example"; pkt_data; content:"GET";`, request, false},
		{"quic", `tls.sni; content:"example.org"; ja3.hash; content:"0000";`, quic, true},
		{"udp", `ja3.hash; content:"0000";`, quic, true},
		{"ip", `tls.sni; content:"example.org";`, quic, true},
		{"ip", `tls.sni; content:"example.org";`, hello, true},
		{"tls", `tls.sni; content:"example.org";`, quic, false},
		{"quic", `tls.sni; content:"example.org";`, hello, false},
		{"http1", `http.uri; content:"/";`, request, true},
		{"http2", `http.uri; content:"/";`, request, false},
		{"http", `http.uri; content:"/x";`, http2, true},
		{"http1", `http.uri; content:"/x";`, http2, false},
		{"http2", `http.uri; content:"/x"; http2.errorcode:INTERNAL_ERROR;`, http2, true},
		{"http2", `http2.errorcode:!INTERNAL_ERROR;`, http2, false},
		{"dns", `dns.query; content:"one"; dns.query; content:"two";`, question, true},
		{"dns", `dns.query; content:"one"; content:"two";`, question, false},
		{"dns", `dns_query; content:"one.example"; startswith; endswith;`, question, true},
		{"udp", `dns.query; content:"three";`, question, false},
		{"dns", `dns.rrtype:16;`, question, true},
		{"dns", `dns.rrtype:TXT;`, question, true},
		{"dns", `dns.rrtype:28;`, question, false},
		{"dns", `dns.opcode:!0;`, question, false},
		{"dns", `dns.rcode:0;`, question, false},
		{"dns", `app-layer-event:dns.z_flag_set;`, question, true},
		{"dns", `app-layer-event:dns.malformed_data;`, question, false},
		{"tls", `tls.sni; content:"example.org"; tls.version:1.2;`, hello, true},
		{"tls", `tls.version:!"1.2";`, hello, false},
		{"tls", `tls.version:"1.3";`, hello, false},
	} {
		p := packet(6, "")
		if c.x.app == AppDNS || c.x.app == AppQUIC {
			p.Proto = 17
		}
		b := newBench(t, "alert "+c.header+" any any -> any any ("+c.options+" sid:1;)")
		if got := len(b.tx(p, c.x)) == 1; got != c.want {
			t.Errorf("alert %s (%s): %v, expected %v", c.header, c.options, got, c.want)
		}
	}
}

// TestPartsOnce proves that a transaction offered in parts alerts once a direction.
func TestPartsOnce(t *testing.T) {
	b := newBench(t, `alert tls any any -> any any (tls.version:1.2; sid:1;)`)
	x := &tx{app: AppTLS, id: 1, part: true, bufs: map[Buffer][]string{BufTLSVersion: {"1.2"}}}
	counts := []int{len(b.tx(packet(6, ""), x)), len(b.tx(packet(6, ""), x)), len(b.tx(back(packet(6, "")), x))}
	if !slices.Equal(counts, []int{1, 0, 1}) {
		t.Errorf("alerts %v, expected 1, 0, 1", counts)
	}
	x.id = 2
	if n := len(b.tx(packet(6, ""), x)); n != 1 {
		t.Errorf("the next transaction gives %d alerts", n)
	}
}

// TestTransforms proves each transformation and their chaining (Suricata user
// guide, "Transformations").
func TestTransforms(t *testing.T) {
	var zipped, zlibbed bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte("plain text"))
	z.Close()
	w := zlib.NewWriter(&zlibbed)
	w.Write([]byte("plain text"))
	w.Close()
	packed := base64.StdEncoding.EncodeToString(zipped.Bytes())
	for _, c := range []struct {
		chain, uri, content string
		want                bool
	}{
		{"to_lowercase;", "AbC", "abc", true},
		{"to_uppercase;", "AbC", "ABC", true},
		{"dotprefix;", "example.org", ".example.org", true},
		{"domain;", "www.agensi.Example.co.uk", "Example.co.uk", true},
		{"domain;", "www.agensi.example.co.uk", "agensi", false},
		{"domain;", "co.uk", "co.uk", false},
		{"tld;", "www.example.co.uk", "co.uk", true},
		{"tld;", "www.example.co.uk", "example", false},
		{"dotprefix;", "badexample.org", ".example.org", false},
		{"url_decode;", "a%41+b%zz", "aA b%zz", true},
		{"strip_whitespace;", " a\tb\r\nc ", "abc", true},
		{"compress_whitespace;", "a \t\n b", "a b", true},
		{"to_md5;", "abc", "|900150983cd24fb0d6963f7d28e17f72|", true},
		{"to_sha1;", "abc", "|a9993e364706816aba3e25717850c26c9cd0d89d|", true},
		{"to_sha256;", "abc", "|ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad|", true},
		{`xor:"01";`, "`cb", "abc", true},
		{`xor:"0102";`, "`cb", "abc", false},
		{"header_lowercase;", "Host: Example\r\nX-Y: Z\r\n", "host: Example|0d 0a|x-y: Z|0d 0a|", true},
		{"strip_pseudo_headers;", ":method: GET\r\nhost: a\r\n", "host: a|0d 0a|", true},
		{`pcrexform:"id=(\d+)";`, "/x?id=123&b=4", "123", true},
		{`pcrexform:"no=(\d+)";`, "/x?id=123", "/x?id=123", true},
		{"from_base64;", "aGVsbG8=", "hello", true},
		{"from_base64:offset 2;", "x=aGVsbG8=", "hello", true},
		{"from_base64:bytes 4, offset 0;", "aGVsbG8=", "hel", true},
		{"from_base64:mode rfc4648;", "aGVs bG8=", "hel", true},
		{"from_base64:mode rfc2045;", "aGVs bG8=", "hello", true},
		{"from_base64:mode strict;", "aGVs bG8=", "hello", false},
		{"from_base64:mode strict;", "aGVsbG8=", "hello", true},
		{"gunzip;", zipped.String(), "plain text", true},
		{"gunzip:max-size 5;", zipped.String(), "plain", true},
		{"gunzip;", "no gzip", "no gzip", false},
		{"zlib_deflate;", zlibbed.String(), "plain text", true},
		{"from_base64; gunzip; to_uppercase;", packed, "PLAIN TEXT", true},
		{"to_lowercase; dotprefix;", "EXAMPLE", ".example", true},
	} {
		b := newBench(t, `alert http any any -> any any (http.uri; `+c.chain+` content:"`+c.content+`"; startswith; endswith; sid:1;)`)
		got := len(b.tx(packet(6, ""), &tx{app: AppHTTP, bufs: map[Buffer][]string{BufHTTPURI: {c.uri}}})) == 1
		if got != c.want {
			t.Errorf("%s on %q: %v, expected %v", c.chain, c.uri, got, c.want)
		}
	}
}

// TestOffer proves that rules for what the caller does not supply are refused.
func TestOffer(t *testing.T) {
	src := []Source{{Name: "t", Data: []byte(`alert tls any any -> any any (sid:1;)
alert http any any -> any any (http.uri; content:"x"; sid:2;)
alert http any any -> any any (http.host; content:"x"; sid:3;)
alert tcp any any -> any any (stream_size:both,>,1; sid:4;)`)}}
	s, problems := Load(src, Config{Offer: &Offer{Buffers: []Buffer{BufHTTPURI}, Apps: []AppProto{AppHTTP}}})
	if s.Len() != 1 || s.Rules()[0].SID != 2 || len(problems) != 3 {
		t.Errorf("%d rules run, %d are refused", s.Len(), len(problems))
	}
	for i := range problems {
		if problems[i].Reason == "" || strings.Contains(problems[i].Reason, "sid") {
			t.Errorf("reason %q", problems[i].Reason)
		}
	}
}

// FuzzLoad proves that any text compiles or is refused, without a panic and in
// bounded time, and that what compiles can be run on packets, streams and
// transactions.
func FuzzLoad(f *testing.F) {
	for _, s := range []string{
		`alert tcp any any -> any any (msg:"x"; content:"a"; nocase; depth:3; sid:1;)`,
		`alert http $HOME_NET any <> [1.1.1.1,!2.2.2.0/24] ![80,90:] (http.uri; content:"|41|"; pcre:"/(a+)+$/R"; sid:2;)`,
		`drop udp any any -> any any (byte_extract:1,0,n; byte_math:bytes 1,offset n,oper *,rvalue n,result r; content:"x"; distance:r; sid:3;)`,
		"alert dns any any -> any any (dns.query; from_base64:mode strict; gunzip; content:\"a\"; \\\n flowint:a,+,b; threshold:type both,track by_src,count 1,seconds 1; sid:4;)",
		`pass ip any any -> any any (vlan.id:1,all; ttl:1-2; xbits:set,a,track ip_pair; tcp.hdr; xor:"00"; content:!"b"; sid:5;)`,
	} {
		f.Add(s, "aAb\x00c")
	}
	f.Fuzz(func(t *testing.T, text, data string) {
		if len(text) > 1<<14 || len(data) > 1<<12 {
			return
		}
		s, problems := Load([]Source{{Name: "fuzz", Data: []byte(text)}}, Config{})
		for i := range problems {
			if p := &problems[i]; p.Line < 1 || p.Column < 1 || p.Message == "" || p.Reason == "" {
				t.Fatalf("a problem without place or words: %+v", p)
			}
		}
		m := NewEngine(s)
		o := NewOrder()
		var st *FlowState
		for _, proto := range []uint8{6, 17, 1, 47} {
			p := packet(proto, data)
			p.Header, p.IPHeader = []byte(data), []byte(data)
			hits := m.Packet(nil, &st, p)
			hits = m.Stream(hits, &st, p, []byte(data))
			for app := AppUnknown; app < AppOther; app++ {
				hits = m.Tx(hits, &st, p, anyTx{app, []byte(data)})
			}
			for i := range hits {
				o.Keep(p, &hits[i])
			}
		}
	})
}

// anyTx has every buffer.
type anyTx struct {
	app  AppProto
	data []byte
}

func (x anyTx) App() AppProto            { return x.app }
func (x anyTx) ID() uint64               { return 1 }
func (x anyTx) NBuf(Buffer) int          { return 1 }
func (x anyTx) BufAt(Buffer, int) []byte { return x.data }

// response is a transaction's second half.
type response struct {
	tx
	request *tx
}

func (r *response) Request() Tx { return r.request }

// TestPair proves rules with "=>": both halves of a transaction, the header as
// for the request, and sides that must be named (Suricata user guide, "Rules
// Format").
func TestPair(t *testing.T) {
	x := &response{
		tx:      tx{app: AppHTTP, bufs: map[Buffer][]string{BufHTTPStatCode: {"200"}, BufHTTPConnection: {"close"}, BufFileSize: number(50)}},
		request: &tx{app: AppHTTP, bufs: map[Buffer][]string{BufHTTPURI: {"/download"}, BufHTTPConnection: {"keep-alive"}}},
	}
	for _, c := range []struct {
		header, options string
		want            bool
	}{
		{"any any => any 80", `http.uri; content:"/download"; http.stat_code; content:"200";`, true},
		{"any any => any 80", `http.uri; content:"/download"; http.stat_code; content:"404";`, false},
		{"any any => any 80", `http.uri; content:"/upload"; http.stat_code; content:"200";`, false},
		{"any 80 => any any", `http.uri; content:"/download"; http.stat_code; content:"200";`, false},
		{"any any => any any", `http.uri; content:"down"; http.connection:to_client; content:"close";`, true},
		{"any any => any any", `http.connection:to_server; content:"close"; http.stat_code; content:"200";`, false},
		{"any any => any any", `http.uri; content:"down"; filesize:to_client,<99;`, true},
	} {
		b := newBench(t, "alert http "+c.header+" ("+c.options+" sid:1;)")
		if got := len(b.tx(back(packet(6, "")), x)) == 1; got != c.want {
			t.Errorf("alert http %s (%s): %v, expected %v", c.header, c.options, got, c.want)
		}
	}
	for rule, want := range map[string]string{
		`alert http any any => any any (http.connection; content:"a"; sid:1;)`:                 "exists on both sides",
		`alert http any any => any any (content:"a"; sid:1;)`:                                  "",
		`alert http any any -> any any (http.connection:to_client; content:"a"; sid:1;)`:       "",
		`alert dns any any => any any (dns.query; content:"a"; sid:1;)`:                        "",
		`alert http any any => any any (http.uri:to_client; content:"a"; sid:1;)`:              "",
		`alert http any any => any any (flow:to_server; http.uri; content:"a"; sid:1; rev:1;)`: "",
	} {
		_, problems := load(rule)
		if len(problems) != 1 || !strings.Contains(problems[0], want) {
			t.Errorf("%s: %q", rule, problems)
		}
	}
}
