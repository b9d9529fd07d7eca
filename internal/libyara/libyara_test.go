package libyara

import (
	"strings"
	"testing"
	"time"

	"saksi/rules/yara"
)

const ruleText = `// rule comment { not one }
import "pe"
private rule helper { strings: $a = "mark{er" condition: $a }
rule good : T1105 tag {
  meta: attack = "T1027" score = 80 flag = true
  strings: $m = "marker}" wide ascii $r = /ab[\/}]c/ $h = { 6d 61 [2-4] 72 }
  condition: any of them
}
rule syntax { condition: ) }
rule needs_syntax { condition: syntax }
rule undefined { condition: $x }
rule named { condition: extension == ".bin" and filename == "a.bin" }
`

// TestCompile proves that wrong rules are named with their line and that the
// others run.
func TestCompile(t *testing.T) {
	set, problems, err := Compile([]yara.Source{{Namespace: "a.yar", Text: []byte(ruleText)}, {Namespace: "b.yar", Text: []byte(`include "/etc/passwd"
rule x { condition: true }`)}})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	got := map[string]int{}
	for _, p := range problems {
		got[p.File+" "+p.Rule] = p.Line
		t.Log(p.Error())
	}
	for rule, line := range map[string]int{"a.yar syntax": 9, "a.yar needs_syntax": 10, "a.yar undefined": 11, "b.yar ": 1, "b.yar x": 2} {
		if got[rule] != line {
			t.Errorf("%s: line %d, expected %d", rule, got[rule], line)
		}
	}
	if set.Len() != 3 || len(got) != 5 {
		t.Errorf("%d rules run and %d problems, expected 3 and 5", set.Len(), len(got))
	}
	sc, err := set.NewScanner()
	if err != nil {
		t.Fatal(err)
	}
	defer sc.Close()
	m, err := sc.Scan(&yara.Content{Path: "/x/a.bin", Data: []byte("..marker}..ab/c")}, time.Second)
	if err != nil || len(m) != 2 || m[0].Rule != "good" || len(m[0].Strings) != 3 || m[0].Strings[0].Offset != 2 || m[1].Rule != "named" {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := sc.Scan(&yara.Content{Path: "/x/b.exe", Data: []byte("nothing")}, time.Second); err != nil || len(m) != 0 {
		t.Errorf("%+v, %v", m, err)
	}
	if v := Version(); !strings.HasPrefix(v, "4.") {
		t.Errorf("version %q", v)
	}
}
