package libpcap

import (
	"slices"
	"strings"
	"testing"
)

// TestCompile proves that an expression becomes a program, that another link
// type gives another, and that a wrong one is told.
func TestCompile(t *testing.T) {
	ether, err := Compile(1, 262144, "tcp port 80")
	if err != nil || len(ether) < 5 {
		t.Fatalf("%d instructions, %v", len(ether), err)
	}
	raw, err := Compile(101, 262144, "tcp port 80")
	if err != nil || slices.Equal(raw, ether) {
		t.Errorf("raw IP: %d instructions, Ethernet %d, %v", len(raw), len(ether), err)
	}
	for _, bad := range []string{"tcp prot 80", "host", "((", strings.Repeat("a", maxExpression+1)} {
		if _, err := Compile(1, 262144, bad); err == nil || err.Error() == "" {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}
