package suricata

import "testing"

// TestDCERPCOverSMB proves that keywords of DCE/RPC look into the pipes of SMB, in
// rules for dcerpc, smb and tcp (Suricata user guide, "DCERPC Keywords").
func TestDCERPCOverSMB(t *testing.T) {
	call := &tx{app: AppDCERPC, bufs: map[Buffer][]string{BufDCERPCOpnum: numbersOf(4), BufDCERPCStub: {"\x01\x02data"}}}
	for _, c := range []struct {
		rule      string
		pipe, tcp bool // over SMB; over TCP
	}{
		{`alert dcerpc any any -> any any (dcerpc.opnum:4; sid:1;)`, true, true},
		{`alert tcp any any -> any any (dce_opnum:1-4; sid:1;)`, true, true},
		{`alert smb any any -> any any (dcerpc.opnum:4; sid:1;)`, true, false},
		{`alert smb any any -> any any (dcerpc.opnum:5; sid:1;)`, false, false},
		{`alert smb any any -> any any (dce_stub_data; content:"data"; sid:1;)`, true, false},
		{`alert smb any any -> any any (dce_stub_data; byte_test:2,=,0x0102,0,dce; sid:1;)`, true, false},
	} {
		s := must(t, c.rule)
		for app, want := range map[AppProto]bool{AppSMB: c.pipe, AppDCERPC: c.tcp} {
			p := packet(6, "")
			p.App = app
			var st *FlowState
			if got := len(NewEngine(s).Tx(nil, &st, p, call)) == 1; got != want {
				t.Errorf("%s\n in a flow of %s: %v, expected %v", c.rule, appName(app), got, want)
			}
		}
	}
	s := must(t, `alert dcerpc any any -> any any (app-layer-protocol:dcerpc; flow:to_server; sid:1;)`)
	for app, want := range map[AppProto]int{AppSMB: 1, AppDCERPC: 1, AppHTTP: 0} {
		p := packet(6, "")
		p.App = app
		var st *FlowState
		if got := len(NewEngine(s).Packet(nil, &st, p)); got != want {
			t.Errorf("a packet of %d: %d hits, expected %d", app, got, want)
		}
	}
}
