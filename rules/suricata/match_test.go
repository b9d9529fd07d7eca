package suricata

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

var (
	client = netip.MustParseAddr("10.0.0.1")
	server = netip.MustParseAddr("203.0.113.5")
)

// packet makes one from client to server.
func packet(proto uint8, payload string) *Packet {
	return &Packet{
		Number: 1, Time: 1_700_000_000e9, Proto: proto, Src: client, Dst: server, SrcPort: 40000, DstPort: 80, TTL: 64,
		Payload: []byte(payload), ToServer: true, Established: true,
	}
}

// back turns a packet's direction.
func back(p *Packet) *Packet {
	p.Src, p.Dst, p.SrcPort, p.DstPort, p.ToServer = p.Dst, p.Src, p.DstPort, p.SrcPort, false
	return p
}

// bench runs packets of one flow through engine and ordered stage, and through
// a second engine of which every rule is traced: it must find the same.
type bench struct {
	t      testing.TB
	m      *Matcher
	o      *Order
	st     *FlowState
	n      uint64
	clock  int64
	traced *Matcher
	state  *FlowState // of traced
	trials []*Trial   // of the last call
}

func newBench(t testing.TB, text string) *bench {
	b := &bench{t: t, m: NewEngine(must(t, text)), o: NewOrder(), clock: 1_700_000_000e9}
	set := must(t, text)
	for _, r := range set.rules {
		set.Trace(r.SID, func(x *Trial) { b.trials = append(b.trials, x) })
	}
	b.traced = NewEngine(set)
	return b
}

// agree proves that what the traced engine finds and tells is what the other
// found.
func (b *bench) agree(hits, traced []Hit, matched uint64) {
	b.t.Helper()
	if len(hits) != len(traced) {
		b.t.Errorf("%d hits, and %d when traced", len(hits), len(traced))
	}
	found := uint64(0)
	for _, x := range b.trials {
		stopped := x.Stopped()
		switch {
		case x.Found:
			found++
			if stopped != nil {
				b.t.Errorf("a match has an unmet condition: %+v", x)
			}
		case stopped == nil:
			b.t.Errorf("nothing says why there is no match: %+v", x)
		}
	}
	if found != matched {
		b.t.Errorf("%d matches are told of %d", found, matched)
	}
}

// both runs a call on both engines.
func (b *bench) both(call func(m *Matcher, st **FlowState) []Hit) []Hit {
	b.t.Helper()
	before := b.m.Stats().Matched
	hits := call(b.m, &b.st)
	b.trials = nil
	b.agree(hits, call(b.traced, &b.state), b.m.Stats().Matched-before)
	return hits
}

// keep gives the sids of the hits that become alerts.
func (b *bench) keep(p *Packet, hits []Hit) []int64 {
	var out []int64
	for i := range hits {
		if b.o.Keep(p, &hits[i]) {
			out = append(out, hits[i].Rule.SID)
		}
	}
	slices.Sort(out)
	return out
}

func (b *bench) next(p *Packet) *Packet {
	b.n++
	b.clock += int64(time.Millisecond)
	p.Number, p.Time, p.Seen = b.n, b.clock, b.n > 1
	return p
}

func (b *bench) packet(p *Packet) []int64 {
	b.next(p)
	return b.keep(p, b.both(func(m *Matcher, st **FlowState) []Hit { return m.Packet(nil, st, p) }))
}

func (b *bench) stream(p *Packet, window string, tail int) []int64 {
	b.next(p)
	p.StreamTail = tail
	return b.keep(p, b.both(func(m *Matcher, st **FlowState) []Hit { return m.Stream(nil, st, p, []byte(window)) }))
}

func (b *bench) tx(p *Packet, x Tx) []int64 {
	b.next(p)
	p.App = x.App()
	return b.keep(p, b.both(func(m *Matcher, st **FlowState) []Hit { return m.Tx(nil, st, p, x) }))
}

// tx is a transaction of listed buffers.
type tx struct {
	app  AppProto
	id   uint64
	bufs map[Buffer][]string
	part bool
}

func (x *tx) App() AppProto                { return x.app }
func (x *tx) ID() uint64                   { return x.id }
func (x *tx) Again() bool                  { return x.part }
func (x *tx) NBuf(b Buffer) int            { return len(x.bufs[b]) }
func (x *tx) BufAt(b Buffer, i int) []byte { return []byte(x.bufs[b][i]) }

// matches reports whether a rule with these options alerts on a UDP payload.
func matches(t testing.TB, options, payload string) bool {
	t.Helper()
	return len(newBench(t, fmt.Sprintf("alert udp any any -> any any (%s sid:1;)", options)).packet(packet(17, payload))) == 1
}

// TestContent proves each content keyword by a hit and a miss (Suricata user
// guide, "Payload Keywords").
func TestContent(t *testing.T) {
	for _, c := range []struct{ options, hit, miss string }{
		{`content:"abc";`, "xxabcxx", "xxabdxx"},
		{`content:"abc";`, "abc", "ABC"},
		{`content:"aBc"; nocase;`, "xAbC", "xAb"},
		{`content:"|00 ff|a|0A|";`, "\x00\xffa\n", "\x00\xffa\r"},
		{`content:!"abc";`, "abd", "xabc"},
		{`content:!"abc"; nocase;`, "abd", "xABC"},
		{`content:"abc"; depth:3;`, "abcd", "xabc"},
		{`content:"abc"; offset:2;`, "xxabc", "abcxx"},
		{`content:"abc"; offset:1; depth:4;`, "xxabcx", "xxxabc"},
		{`content:"abc"; startswith;`, "abcx", "xabc"},
		{`content:"abc"; endswith;`, "abcabc", "abcx"},
		{`content:"abc"; startswith; endswith;`, "abc", "abcabc"},
		{`content:!"abc"; endswith;`, "abcx", "xabc"},
		{`content:"ab"; content:"cd"; distance:0;`, "abxxcd", "cdab"},
		{`content:"ab"; content:"cd"; distance:2;`, "abxxcd", "abxcd"},
		{`content:"ab"; content:"cd"; within:2;`, "abcd", "abxcd"},
		{`content:"ab"; content:"cd"; distance:1; within:3;`, "abxxcd", "abxxxcd"},
		{`content:"cd"; content:"ab"; distance:-4; within:2;`, "abcd", "xxcdab"},
		{`content:"ab"; content:!"cd"; within:4;`, "abxxxcd", "abxcd"},
		{`content:"ab"; content:!"cd"; distance:2;`, "abcdx", "abxxcd"},
		// A chain looks for another place of an earlier content.
		{`content:"ab"; content:"cd"; distance:1; within:2;`, "ab abxcd", "abxxcd abcd"},
		{`content:"a"; content:"b"; distance:0; within:1; content:"c"; distance:0; within:1;`, "aab abx abc", "ab bc ac"},
		{`content:"one"; content:"two";`, "two one", "two on"},
		{`content:"ab"; fast_pattern; content:"c"; fast_pattern:0,1;`, "c ab", "ab"},
		{`content:"ab"; isdataat:2,relative;`, "abxx", "abx"},
		{`content:"ab"; isdataat:!1,relative;`, "xab", "abx"},
		{`isdataat:4;`, "12345", "1234"},
		{`isdataat:!4;`, "1234", "12345"},
		{`dsize:3;`, "abc", "ab"},
		{`dsize:>3; content:"a";`, "abcd", "abc"},
		{`dsize:2<>5;`, "abc", "abcde"},
		{`dsize:!0;`, "a", ""},
		{`content:"a|3b|b";`, "a;b", "a:b"},
		{`content:"a\;\:\"\\b";`, `a;:"\b`, "a;b"},
		{`content:"x"; rawbytes;`, "x", "y"},
	} {
		if !matches(t, c.options, c.hit) {
			t.Errorf("%s misses %q", c.options, c.hit)
		}
		if matches(t, c.options, c.miss) {
			t.Errorf("%s hits %q", c.options, c.miss)
		}
	}
}

// TestPCRE proves flags, anchors, relative matches and negation of pcre, in the
// linear engine and in the backtracking one (Suricata user guide, "pcre").
func TestPCRE(t *testing.T) {
	for _, c := range []struct{ options, hit, miss string }{
		{`pcre:"/a[bc]d/";`, "xacd", "xaed"},
		{`pcre:"/aBc/i";`, "AbC", "AbD"},
		{`pcre:!"/abc/";`, "abd", "abc"},
		{`pcre:"/^abc/";`, "abcx", "x\nabc"},
		{`pcre:"/^abc/m";`, "x\nabc", "xabc"},
		{`pcre:"/a.c/";`, "abc", "a\nc"},
		{`pcre:"/a.c/s";`, "a\nc", "ac"},
		{`pcre:"/a b c/x";`, "abc", "a b c"},
		{`pcre:"/abc$/";`, "abc\n", "abcx"},
		{`pcre:"/abc$/E";`, "abc", "abc\n"},
		{`pcre:"/abc/A";`, "abcx", "xabc"},
		{`content:"ab"; pcre:"/^cd/R";`, "abcd", "cdab"},
		{`content:"ab"; pcre:"/^cd/R"; content:"e"; within:1;`, "abx abcde", "abcdxe"},
		{`pcre:"/su/"; content:"no"; within:2;`, "su x suno", "su no"},
		{`pcre:"/(a+)\1b/";`, "aaaab", "ab"},
		{`pcre:"/a(?=b)/";`, "ab", "ac"},
		{`pcre:"/(?<!x)ab/";`, "yab", "xab"},
		{`pcre:"/\xff\x00/";`, "\xff\x00", "\xff\x01"},
		{`pcre:"/[\x80-\xff]{2}/";`, "\x80\xfe", "\x80a"},
		{`pcre:"/a\/b\;c/";`, "a/b;c", "a/bc"},
		{`pcre:"/\d{3}\-\w/";`, "123-a", "12-a"},
		{`pcre:"/a++b/";`, "aab", "aa"},
		{`pcre:"/^\s*$/";`, " \t", "x"},
	} {
		if !matches(t, c.options, c.hit) {
			t.Errorf("%s misses %q", c.options, c.hit)
		}
		if matches(t, c.options, c.miss) {
			t.Errorf("%s hits %q", c.options, c.miss)
		}
	}
}

// TestBytes proves byte_test, byte_jump, byte_extract, byte_math and
// base64_decode (Suricata user guide, "byte_test" and the sections after it,
// "Base64 keywords").
func TestBytes(t *testing.T) {
	for _, c := range []struct{ options, hit, miss string }{
		{`byte_test:2,=,258,0;`, "\x01\x02", "\x02\x01"},
		{`byte_test:2,=,258,0,little;`, "\x02\x01", "\x01\x02"},
		{`byte_test:1,>,5,1;`, "\x00\x06", "\x06\x05"},
		{`byte_test:1,!=,5,0;`, "\x06", "\x05"},
		{`byte_test:1,<=,5,0;`, "\x05", "\x06"},
		{`byte_test:1,&,0x0f,0;`, "\x18", "\xf0"},
		{`byte_test:1,!&,0x0f,0;`, "\xf0", "\x18"},
		{`byte_test:4,=,2,0,bitmask 0xff00;`, "\x00\x00\x02\x00", "\x00\x00\x00\x02"},
		{`byte_test:3,=,123,0,string,dec;`, "123", "124"},
		{`byte_test:4,=,0xff,0,string,hex;`, "00ff", "0ff0"},
		{`byte_test:3,=,8,0,string,oct;`, "010", "008"},
		{`content:"L"; byte_test:1,=,3,1,relative;`, "xLy\x03", "xL\x03y"},
		{`content:"L"; byte_test:1,=,3,-2,relative;`, "\x03L", "\x04L"},
		{`byte_jump:1,0; content:"ab"; within:2;`, "\x02xxab", "\x01xxab"},
		{`byte_jump:1,0,multiplier 2; content:"ab"; within:2;`, "\x01xxab", "\x02xxab"},
		{`byte_jump:1,0,align; content:"ab"; within:2;`, "\x01xxxxab", "\x01xab"},
		{`byte_jump:1,0,from_beginning; content:"ab"; within:2;`, "\x03xxab", "\x02xxab"},
		{`byte_jump:1,0,from_end,post_offset -2; content:"ab"; within:2;`, "\x00xxab", "\x00abxx"},
		{`byte_jump:1,0,post_offset 1; content:"ab"; within:2;`, "\x01xxab", "\x01xab"},
		{`content:"L"; byte_jump:1,0,relative; isdataat:!1,relative;`, "L\x02ab", "L\x02abc"},
		{`byte_extract:1,0,n; content:"ab"; offset:n;`, "\x03abab", "\x03abxx"},
		{`byte_extract:1,0,n; content:"ab"; depth:n;`, "\x03ab", "\x02xab"},
		{`byte_extract:1,0,n; content:"a"; content:"b"; distance:n; within:1;`, "\x02axxb", "\x02axb"},
		{`byte_extract:1,0,n; byte_test:1,=,n,1;`, "\x07\x07", "\x07\x08"},
		{`byte_extract:1,0,n,multiplier 2; byte_test:1,=,n,1;`, "\x04\x08", "\x04\x04"},
		{`byte_extract:2,0,n,string,dec; byte_test:1,=,n,2;`, "10\x0a", "10\x0b"},
		{`byte_extract:1,0,n; isdataat:n;`, "\x02ab", "\x03ab"},
		{`byte_math:bytes 1,offset 0,oper +,rvalue 2,result r; byte_test:1,=,r,1;`, "\x05\x07", "\x05\x08"},
		{`byte_math:bytes 1,offset 0,oper -,rvalue 2,result r; byte_test:1,=,r,1;`, "\x05\x03", "\x05\x02"},
		{`byte_math:bytes 1,offset 0,oper *,rvalue 3,result r; byte_test:1,=,r,1;`, "\x05\x0f", "\x05\x0e"},
		{`byte_math:bytes 1,offset 0,oper /,rvalue 2,result r; byte_test:1,=,r,1;`, "\x06\x03", "\x06\x04"},
		{`byte_math:bytes 1,offset 0,oper <<,rvalue 1,result r; byte_test:1,=,r,1;`, "\x05\x0a", "\x05\x05"},
		{`byte_math:bytes 1,offset 0,oper >>,rvalue 1,result r; byte_test:1,=,r,1;`, "\x06\x03", "\x06\x06"},
		{`byte_extract:1,0,n; byte_math:bytes 1,offset 1,oper +,rvalue n,result r; byte_test:1,=,r,2;`, "\x01\x02\x03", "\x01\x02\x04"},
		{`byte_math:bytes 1,offset 0,oper +,rvalue 1,result r,bitmask 0xf0; byte_test:1,=,r,1;`, "\x4f\x05", "\x4f\x04"}, // the mask is put on the result
		{`byte_math:bytes 1,offset 0,oper +,rvalue 1,result r; content:"ab"; distance:0; within:2;`, "\x01ab", "\x01xab"},
		{`content:"ab"; replace:"xy";`, "ab", "xy"},
		{`base64_decode; base64_data; content:"hello";`, "aGVsbG8=", "aGVsbA=="},
		{`content:"x"; base64_decode:bytes 8,offset 1,relative; base64_data; content:"hello";`, "x:aGVsbG8=", "x:xaGVsbG8"},
		{`base64_decode; base64_data; content:"he"; content:"lo"; distance:1;`, "aGVsbG8", "bG9oZQ"},
	} {
		if !matches(t, c.options, c.hit) {
			t.Errorf("%s misses %q", c.options, c.hit)
		}
		if matches(t, c.options, c.miss) {
			t.Errorf("%s hits %q", c.options, c.miss)
		}
	}
}
