package proto

import (
	"strings"
	"testing"

	"saksi/event"
)

// TestICSEVE proves what is told of messages of Modbus and DNP3 that lie in
// their counts, or are cut.
func TestICSEVE(t *testing.T) {
	members := func(x EVE) string {
		var m event.Members
		x.AppendEVE(&m)
		return m.String()
	}
	for b, want := range map[string]string{
		"\x00\x01\x00\x00\x00\x02\x11\x03":                 `"function_raw":3,"function_code":"RdHoldRegs","access_type":"READ | HOLDING","category":"PUBLIC_ASSIGNED","read":{"address":0,"quantity":0}`,
		"\x00\x01\x00\x00\x00\x05\x11\x10\x00\x01\x00":     `"write":{"address":1,"quantity":0,"data":""}`,
		"\x00\x01\x00\x00\x00\x06\x11\x08\x00\x63\x00\x00": `"diagnostic":{"raw":99,"code":"Reserved","data":"\u0000\u0000"}`,
		"\x00\x01\x00\x00\x00\x03\x11\x63\x01":             `"function_raw":99,"function_code":"Unknown","access_type":"NONE"`,
		"\x00\x01\x00\x00\x00\x03\x11\x83\x63":             `"exception":{"raw":99,"code":"Unknown"}`,
	} {
		if have := members(&modbusEVE{eveTx: 1, request: []byte(b)}); !strings.Contains(have, want) {
			t.Errorf("%q: %s, expected %s in it", b, have, want)
		}
	}
	link := []byte("\x05\x64\x05\x44\x01\x00\x0a\x00\x00\x00")
	for b, want := range map[string]string{
		"\xc0\x81\x90\x02":                                     `"function_code":129,"complete":true},"iin":{"indicators":["device_restart","need_time","object_unknown"]}`,
		"\xc0\x81":                                             `"type":"response"`,
		"\xc0\x02\x32\x01\x07\x01\x01\x02":                     `"count":1}],"complete":false}`,
		"\xc0\x02\x0a\x02\x01\xff\xff\x00\x00":                 `"function_code":2,"complete":false}`,
		"\xc0\x02\x0a\x02\x02\x00\x00\x00\x00\xff\xff\xff\xff": `"complete":false}`,
		"\xc0\x01\x3c\x02\x06":                                 `"objects":[{"group":60,"variation":2,"qualifier":6,"prefix_code":0,"range_code":6,"start":0,"stop":0,"count":0}],"complete":true}`,
	} {
		if have := members(newDNP3EVE(1, link, []byte(b))); !strings.Contains(have, want) {
			t.Errorf("%q: %s, expected %s in it", b, have, want)
		}
	}
}
