package sensor

import (
	"fmt"
	"strings"
	"testing"

	"saksi/event"
	"saksi/rules/suricata"
)

// TestPipes holds rules of DCE/RPC against calls through pipes of SMB 1 and 2: the
// shares of a server and what it is, asked for by impacket's client of its server.
func TestPipes(t *testing.T) {
	const shares, station = "4b324fc8-1670-01d3-1278-5a47bf6ee188", "6bffd098-a112-3610-9833-46c3f87e345a"
	rules := []struct {
		rule string
		want int // a call and its answer count each
	}{
		{`dcerpc any any -> any any (dcerpc.iface:` + shares + `;`, 2},
		{`smb any any -> any any (dcerpc.iface:` + shares + `; dcerpc.opnum:15;`, 2},
		{`tcp any any -> any any (dcerpc.iface:` + shares + `; dcerpc.opnum:15;`, 2},
		{`dcerpc any any -> any any (dcerpc.iface:` + shares + `,=3; dcerpc.opnum:15;`, 2},
		{`dcerpc any any -> any any (dcerpc.iface:` + shares + `,>2,any_frag; dcerpc.opnum:15;`, 2},
		{`dcerpc any any -> any any (dcerpc.iface:` + shares + `,<3; dcerpc.opnum:15;`, 0},
		{`dcerpc any any -> any any (dcerpc.iface:` + shares + `; dcerpc.opnum:0;`, 0},
		{`dcerpc any any -> any any (dcerpc.iface:` + station + `; dcerpc.opnum:0;`, 2},
		{`dcerpc any any -> any any (dcerpc.opnum:0,15;`, 4},
		{`dcerpc any any -> any any (dcerpc.opnum:10-20;`, 2},
		{`smb any any -> any any (dcerpc.stub_data; bsize:>0; flow:to_server;`, 2},
		{`tcp any any -> any 445 (flow:to_server,established; dcerpc.stub_data; byte_test:1,>=,0,0,dce;`, 2},
		{`tcp any any -> any any (flow:to_client; dce_stub_data; content:"A|00|W|00|A|00|M|00|";`, 1},
		{`smb any any -> any any (smb.named_pipe; content:"IPC$"; endswith;`, 2},
	}
	var text strings.Builder
	for i, r := range rules {
		fmt.Fprintf(&text, "alert %s sid:%d;)\n", r.rule, i+1)
	}
	set, problems := suricata.Load([]suricata.Source{{Name: "pipes", Data: []byte(text.String())}}, suricata.Config{Offer: Offer()})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, path := range []string{"testdata/smb1_rpc.pcap", "testdata/smb2_rpc.pcap"} {
		have := map[string]int{}
		for _, e := range alertsOf(t, path, set) {
			have[str(e, event.RuleID)]++
		}
		for i, r := range rules {
			if n := have[itoa(int64(i+1))]; n != r.want {
				t.Errorf("%s: %d alerts by %s, expected %d", path, n, r.rule, r.want)
			}
		}
	}
}
