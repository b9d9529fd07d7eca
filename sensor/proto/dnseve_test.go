package proto

import (
	"bytes"
	"strings"
	"testing"

	"saksi/event"
	"saksi/rules/suricata"
)

// TestDNSEVEHostile proves that what is told of a message is bounded when its
// names are long, loop or point into one another, and that a long one is cut.
func TestDNSEVEHostile(t *testing.T) {
	tell := func(msg []byte) string {
		var m event.Members
		(&dnsEVE{eveTx: 1, app: suricata.AppDNS, msg: msg, record: true}).AppendEVE(&m)
		return m.String()
	}
	long := []byte("\x00\x01\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00" + strings.Repeat("\x3f"+strings.Repeat("a", 63), 20) + "\x00\x00\x01\x00\x01")
	if have := tell(long); !strings.Contains(have, `"rrname_truncated":true`) {
		t.Errorf("a long name is not cut: %.200s", have)
	}
	loop := []byte("\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01")
	if have := tell(loop); !strings.Contains(have, `"queries":[]`) {
		t.Errorf("a name that loops: %s", have)
	}
	// Thousands of empty OPT records, their names in one that never ends.
	many := append([]byte("\x00\x01\x81\x80\x00\x00\x00\x00\x00\x00\xff\xff"), bytes.Repeat([]byte("\x01a"), 8<<10)...)
	many = append(many, 0)
	x := &dnsEVE{eveTx: 1, app: suricata.AppDNS, msg: many}
	if _, _, ok := x.name(12); ok {
		t.Error("a name of 16 KiB is followed to its end")
	}
	if have := tell(many); len(have) > 1<<10 {
		t.Errorf("%d bytes are told", len(have))
	}
}
