package suricata

import (
	"strings"
	"testing"
)

// TestASN1 proves what asn1 asks of objects: the example of X.690, annex A.3, and
// objects that are wrong (Suricata user guide, "asn1").
func TestASN1(t *testing.T) {
	person := "\x60\x81\x85\x61\x10\x1a\x04John\x1a\x01P\x1a\x05Smith\xa0\x0a\x1a\x08Director\x42\x01\x33\xa1\x0a\x43\x0819710917" +
		"\xa2\x12\x61\x10\x1a\x04Mary\x1a\x01T\x1a\x05Smith\xa3\x42\x31\x1f\x61\x11\x1a\x05Ralph\x1a\x01T\x1a\x05Smith\xa0\x0a\x43\x0819571111" +
		"\x31\x1f\x61\x11\x1a\x05Susan\x1a\x01B\x1a\x05Jones\xa0\x0a\x43\x0819590717"
	within := "\x30\x05\x04\x03abc\x30\x03\x03\x01\xff"
	for _, c := range []struct {
		options, payload string
		want             bool
	}{
		{"asn1:oversize_length 132, absolute_offset 0;", person, true},
		{"asn1:oversize_length 133, absolute_offset 0;", person, false},
		{"asn1:oversize_length 132;", person[:60], false}, // it is not whole
		{"asn1:oversize_length 4;", within, true},
		{"asn1:oversize_length 5;", within, false},
		{"asn1:bitstring_overflow;", "\x03\x01\xff", true},
		{"asn1:bitstring_overflow;", "\x03\x01\x07", false},
		{"asn1:bitstring_overflow oversize_length 500;", within, true},
		{"asn1:bitstring_overflow, absolute_offset 7;", within, true},
		{"asn1:bitstring_overflow, absolute_offset 700;", within, false},
		{`content:"abc"; asn1:bitstring_overflow, relative_offset 0;`, within, true},
		{`content:"abc"; asn1:bitstring_overflow, relative_offset 1;`, within, false},
		{`content:"abc"; asn1:bitstring_overflow, relative_offset -7;`, within, true},
		{"asn1:double_overflow;", "\x09\x82\x01\x01" + strings.Repeat("\x05", 257), true},
		{"asn1:double_overflow;", "\x09\x82\x01\x00" + strings.Repeat("\x05", 256), false},
		{"asn1:double_overflow;", "\x09\x82\x01\x01" + strings.Repeat("\x85", 257), false},
		{"asn1:oversize_length 0;", strings.Repeat("\x30\x80", 40), false},
		{"asn1:oversize_length 0;", strings.Repeat("\x02\x01\x00", 31), false}, // too many
	} {
		if got := matches(t, c.options, c.payload); got != c.want {
			t.Errorf("%s on %q: %v, expected %v", c.options, c.payload, got, c.want)
		}
	}
}
