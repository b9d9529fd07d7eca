package artifact_test

import (
	"fmt"
	"strings"
	"testing"

	"saksi/event"
)

// TestAuditdArguments proves that no argument of a command goes missing unsaid.
func TestAuditdArguments(t *testing.T) {
	var many, pieces strings.Builder
	for i := range 130 {
		fmt.Fprintf(&many, ` a%d="x"`, i)
	}
	for i := range 5000 {
		fmt.Fprintf(&pieces, ` a0[%d]="x"`, i)
	}
	for _, c := range []struct {
		fields, want string
		truncated    bool
	}{
		{`argc=4 a0="grep" a1="" a2="-r" a3=2F612062`, `grep "" -r /a b`, false},
		{`argc=3 a0="sh" a1_len=6 a1[0]="abc" a1[1]="def" a2="z"`, `sh abcdef z`, false},
		{`argc=2 a0="sh" a1_len=8 a1[0]=6120 a1[1]=6220`, `sh a b `, false},
		{`argc=2 a0="sh" a1_len=9000 a1[0]="abc"`, `sh abc`, true},
		{`argc=3 a0="sh" a2="z"`, `sh z`, true},
		{`a3="y" a4="z"`, `y z`, true},
		{`argc=-1 a0="sh"`, ``, true},
		{`argc=130` + many.String(), strings.TrimSuffix(strings.Repeat("x ", 128), " "), true},
		{`argc=128` + many.String(), strings.TrimSuffix(strings.Repeat("x ", 128), " "), false},
		{`argc=1` + pieces.String(), strings.Repeat("x", 4096-3), true},
	} {
		events, _, _ := parsed(t, "auditd", "type=EXECVE msg=audit(1767225700.001:202): "+c.fields+"\n", 0)
		got, _ := events[0].GetStr(event.ProcessCommandLine)
		if got != c.want || events[0].Has(event.SaksiTruncated) != c.truncated {
			t.Errorf("%.60s: %.60q (%d), truncated %v", c.fields, got, len(got), events[0].Has(event.SaksiTruncated))
		}
	}
}
