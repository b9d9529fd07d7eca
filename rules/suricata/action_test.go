package suricata

import "testing"

// TestActions proves actions, how far a pass reaches, and the hooks of packets
// (Suricata user guide, "Firewall Mode Design").
func TestActions(t *testing.T) {
	first, later, answer := packet(6, "abc"), packet(6, "abc"), back(packet(6, "abc"))
	later.Seen, later.Number, answer.Number = true, 2, 3
	for _, c := range []struct {
		rules string
		want  [3]int // hits on the three packets
	}{
		{`drop:flow tcp any any -> any any (ack:!4294967295; sid:1;)`, [3]int{1, 1, 1}},
		{`REJECT tcp any any -> any any (ack:!4294967295; sid:1;)`, [3]int{1, 1, 1}},
		{`alert tcp:all any any -> any any (sid:1;)`, [3]int{1, 1, 1}},
		{`alert tcp:flow_start any any -> any any (sid:1;)`, [3]int{1, 0, 1}},
		{`alert ip:flow_start any any -> any any (sid:1;)`, [3]int{1, 0, 1}},
		{`alert tcp:flow_start any any -> any any (content:"b"; flow:to_server; sid:1;)`, [3]int{1, 0, 0}},
		{`alert udp:flow_start any any -> any any (sid:1;)`, [3]int{0, 0, 0}},
		{"pass:packet tcp:flow_start any any -> any any (sid:1;)\nalert tcp any any -> any any (ttl:64; sid:9;)", [3]int{0, 1, 0}},
		{"pass:flow tcp:flow_start any any -> any any (sid:1;)\nalert tcp any any -> any any (ttl:64; sid:9;)", [3]int{0, 0, 0}},
		{"pass tcp any any -> any any (dsize:3; flow:to_server; sid:1;)\nalert tcp any any -> any any (ttl:64; sid:9;)", [3]int{0, 0, 1}},
	} {
		s := must(t, c.rules)
		m := NewEngine(s)
		var st *FlowState
		for i, p := range []*Packet{first, later, answer} {
			if n := len(m.Packet(nil, &st, p)); n != c.want[i] {
				t.Errorf("%s\n packet %d: %d hits, expected %d", c.rules, i+1, n, c.want[i])
			}
		}
	}
}

// TestEventKeywords proves the events that rules name, under older names and with
// their layer, and those that exist and never come.
func TestEventKeywords(t *testing.T) {
	offer := &Offer{
		Buffers:      []Buffer{BufAppEvent},
		DecodeEvents: []string{"ipv4.trunc_pkt", "udp.len_invalid"}, StreamEvents: []string{"fin_syn", "3whs_synack_resend_with_different_ack"},
		AppEvents: []string{"http.range_invalid"}, Never: []string{"afp.trunc_pkt", "wrong_thread", "smb.internal_error"},
	}
	p := packet(17, "")
	p.Events, p.StreamEvents = 2, 2
	for _, c := range []struct {
		options string
		want    int // -1: refused
	}{
		{"decode-event:udp.len_invalid", 1},
		{"decode-event:udp.hlen_invalid", 1},
		{"decode-event:decoder.UDP.len_invalid", 1},
		{"engine-event:udp.len_invalid", 1},
		{"decode-event:ipv4.trunc_pkt", 0},
		{"decode-event:afp.trunc_pkt", 0},
		{"decode-event:tcp.none", -1},
		{"stream-event:3whs_synack_resend_with_diff_ack", 1},
		{"stream-event:stream.fin_syn", 0},
		{"stream-event:wrong_thread", 0},
		{"stream-event:none", -1},
		{"app-layer-event:smb.internal_error", 0},
		{"app-layer-event:smb.none", -1},
	} {
		s, problems := Load([]Source{{Name: "t", Data: []byte("alert ip any any -> any any (" + c.options + "; sid:1;)")}}, Config{Offer: offer})
		if (c.want < 0) != (len(problems) > 0) {
			t.Errorf("%s: %v", c.options, problems)
			continue
		}
		if c.want < 0 {
			continue
		}
		var st *FlowState
		if n := len(NewEngine(s).Packet(nil, &st, p)); n != c.want {
			t.Errorf("%s: %d hits, expected %d", c.options, n, c.want)
		}
	}
}
