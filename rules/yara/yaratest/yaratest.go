// Package yaratest is the contract of rules/yara's Scanner: what every engine
// that runs YARA rules must do, whatever library stands behind it.
package yaratest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"saksi/rules"
	"saksi/rules/yara"
)

// Compile is how an engine under test takes rules.
type Compile func(t *testing.T, sources []yara.Source) (yara.Scanner, []rules.Problem)

// Run holds an engine against the contract.
func Run(t *testing.T, compile Compile) {
	t.Run("match", func(t *testing.T) { match(t, compile) })
	t.Run("names", func(t *testing.T) { names(t, compile) })
	t.Run("bounds", func(t *testing.T) { bounds(t, compile) })
	t.Run("wrong", func(t *testing.T) { wrong(t, compile) })
	t.Run("long", func(t *testing.T) { long(t, compile) })
	t.Run("hostile", func(t *testing.T) { hostile(t, compile) })
}

func one(name, text string) []yara.Source {
	return []yara.Source{{Namespace: name, Text: []byte(text)}}
}

func scan(t *testing.T, s yara.Scanner, path string, data []byte) []yara.Match {
	t.Helper()
	m, err := s.Scan(t.Context(), &yara.Content{Path: path, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func found(list []yara.Match) string {
	var names []string
	for _, m := range list {
		names = append(names, m.Namespace+":"+m.Rule)
	}
	return strings.Join(names, " ")
}

// match proves that rule, namespace, tags, meta, and each place with its offset
// and bytes arrive, that private rules stay private and that nothing carries
// over to the next scan.
func match(t *testing.T, compile Compile) {
	s, problems := compile(t, one("m.yar", `private rule helper { strings: $a = "needle" condition: $a }
rule r : one two { meta: attack = "T1105" score = 70 ok = true strings: $t = "needle" wide ascii $h = { 00 01 [1-3] 04 } condition: helper and all of them }`))
	if len(problems) != 0 {
		t.Fatalf("problems: %v", problems)
	}
	data := append([]byte("a needle n\x00e\x00e\x00d\x00l\x00e\x00 "), 0, 1, 9, 9, 4)
	list := scan(t, s, "a", data)
	if len(list) != 1 {
		t.Fatalf("%d matches: %s", len(list), found(list))
	}
	m := list[0]
	if m.Rule != "r" || m.Namespace != "m.yar" || strings.Join(m.Tags, " ") != "one two" || m.More {
		t.Errorf("%+v", m)
	}
	if want := []yara.Meta{{Name: "attack", Value: "T1105"}, {Name: "score", Value: "70"}, {Name: "ok", Value: "true"}}; fmt.Sprint(m.Metas) != fmt.Sprint(want) {
		t.Errorf("meta %v, expected %v", m.Metas, want)
	}
	places := ""
	for _, p := range m.Strings {
		places += fmt.Sprintf("%s@%d+%d ", p.Name, p.Offset, p.Length)
		if !bytes.Equal(p.Data, data[p.Offset:p.Offset+int64(p.Length)]) {
			t.Errorf("%s: data %q", p.Name, p.Data)
		}
	}
	if want := "$t@2+6 $t@9+12 $h@22+5 "; places != want {
		t.Errorf("places %s, expected %s", places, want)
	}
	large := append(make([]byte, 5<<20), data...)
	if list := scan(t, s, "large", large); len(list) != 1 || list[0].Strings[0].Offset != 5<<20+2 {
		t.Errorf("large content: %+v", list)
	}
	if list := scan(t, s, "b", []byte("nothing")); len(list) != 0 {
		t.Errorf("carried over: %s", found(list))
	}
	if list := scan(t, s, "c", nil); len(list) != 0 {
		t.Errorf("empty content: %s", found(list))
	}
}

// names proves that rules see the content's name and size, and that two files
// of one name, with rules of one name, both run.
func names(t *testing.T, compile Compile) {
	text := `rule r { condition: filename == "b.exe" and filepath == "/a/b.exe" and extension == ".exe" and filesize == 3 }`
	s, problems := compile(t, append(one("n.yar", text), one("n.yar", text)...))
	if len(problems) != 0 {
		t.Fatalf("problems: %v", problems)
	}
	if list := scan(t, s, "/a/b.exe", []byte("abc")); len(list) != 2 {
		t.Errorf("matches %q, expected two", found(list))
	}
	if list := scan(t, s, "/a/b.dll", []byte("abc")); len(list) != 0 {
		t.Errorf("another name matches: %s", found(list))
	}
	s, problems = compile(t, one("v.yar", `rule r { condition: exhibit == "E2" and filesize == 3 and filesize_external == 7 }`))
	if len(problems) != 0 {
		t.Fatalf("problems: %v", problems)
	}
	for _, c := range []struct {
		in   yara.Content
		want int
	}{
		{yara.Content{Exhibit: "E2", Size: 7, Data: []byte("abc")}, 1},
		{yara.Content{Exhibit: "E1", Size: 7, Data: []byte("abc")}, 0},
		{yara.Content{Exhibit: "E2", Data: []byte("abc")}, 0},
	} {
		if list, err := s.Scan(t.Context(), &c.in); err != nil || len(list) != c.want {
			t.Errorf("exhibit %q, size %d: %q, %v", c.in.Exhibit, c.in.Size, found(list), err)
		}
	}
	s, _ = compile(t, append(one("n.yar", text), one("n.yar", text)...))
	if list := scan(t, s, "x\x00/a/b.exe\xff", []byte("abc")); len(list) != 0 {
		t.Errorf("a hostile name matches: %s", found(list))
	}
}

// bounds proves that many and long places are cut at MaxStrings and MaxData,
// and that it is said.
func bounds(t *testing.T, compile Compile) {
	s, _ := compile(t, one("b.yar", `rule r { strings: $a = "ab" $b = /x{200}/ condition: all of them }`))
	list := scan(t, s, "a", append(bytes.Repeat([]byte("x"), 200), bytes.Repeat([]byte("ab"), 10_000)...))
	if len(list) != 1 || !list[0].More || len(list[0].Strings) > 2*yara.MaxStrings {
		t.Fatalf("%d matches", len(list))
	}
	for _, p := range list[0].Strings {
		if len(p.Data) > yara.MaxData {
			t.Errorf("%s: %d bytes kept", p.Name, len(p.Data))
		}
	}
}

// wrong proves that a wrong rule is named by file and line, and with it what
// depends on it, and that all others run.
func wrong(t *testing.T, compile Compile) {
	s, problems := compile(t, one("w.yar", `import "nosuchmodule"
rule good { condition: true }
rule syntax { condition: ) }
rule needs { condition: syntax }
rule module { condition: nosuchmodule.x == 1 }
rule last { condition: true }`))
	got := map[int]string{}
	for i := range problems {
		p := &problems[i]
		if p.File != "w.yar" || p.Message == "" || p.Reason == "" {
			t.Errorf("%+v", p)
		}
		got[p.Line] = p.Rule
	}
	if want := map[int]string{1: "", 3: "syntax", 4: "needs", 5: "module"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("problems %v, expected %v", got, want)
	}
	if got := found(scan(t, s, "a", []byte("x"))); got != "w.yar:good w.yar:last" {
		t.Errorf("matches %q", got)
	}
}

// long proves that a file of several megabytes compiles whole.
func long(t *testing.T, compile Compile) {
	s, problems := compile(t, one("l.yar", "rule first { condition: true }\n"+strings.Repeat("// filling\n", 500_000)+"rule last { condition: true }"))
	if got := found(scan(t, s, "a", []byte("x"))); len(problems) != 0 || got != "l.yar:first l.yar:last" {
		t.Errorf("matches %q, problems %v", got, problems)
	}
}

// endless names the hostile rules that an engine may only be stopped at: the
// scan then ends with an error within the engine's limit.
var endless = map[string]bool{"endless loop": true, "hex jump": true}

// hostile proves that rules made to break an engine cost themselves only, or
// are stopped by a limit.
func hostile(t *testing.T, compile Compile) {
	many := ""
	for i := range 2000 {
		many += fmt.Sprintf("rule bad%d { condition: $no%d }\n", i, i)
	}
	strs := ""
	for i := range 12_000 {
		strs += fmt.Sprintf("$s%d = \"string number %d\" ", i, i)
	}
	for name, text := range map[string]string{
		"parentheses":    "rule r { condition: " + strings.Repeat("(", 100_000) + "true" + strings.Repeat(")", 100_000) + " }",
		"not":            "rule r { condition: " + strings.Repeat("not ", 100_000) + "true }",
		"open brace":     "rule r { condition: true " + strings.Repeat("{", 10_000),
		"open string":    `rule r { strings: $a = "abc condition: $a }`,
		"open comment":   "rule r { condition: true } /* " + strings.Repeat("*", 10_000),
		"regexp nest":    "rule r { strings: $a = /" + strings.Repeat("(", 5000) + "a" + strings.Repeat(")", 5000) + "/ condition: $a }",
		"regexp repeat":  "rule r { strings: $a = /((((a{1,500}){1,500}){1,500}){1,500})/ condition: $a }",
		"long name":      "rule " + strings.Repeat("n", 1<<20) + " { condition: true }",
		"many strings":   "rule r { strings: " + strs + " condition: any of them }",
		"many wrong":     many,
		"include":        "include \"/etc/passwd\"\nrule r { condition: true }",
		"zero bytes":     "rule r { condition: true }\x00rule q { condition: ) }",
		"not text":       string(bytes.Repeat([]byte{0xff, 0xfe, 0x80}, 10_000)),
		"endless loop":   "rule r { condition: for all i in (0..9223372036854775806) : ( i >= 0 ) and false }",
		"hex jump":       "rule r { strings: $a = { 41 " + strings.Repeat("[0-200] 41 ", 500) + "} condition: $a }",
		"self reference": "rule r { condition: r }",
	} {
		t.Run(name, func(t *testing.T) {
			s, problems := compile(t, append(one("hostile.yar", text), one("good.yar", "rule good { condition: true }")...))
			list, err := s.Scan(t.Context(), &yara.Content{Path: "a", Data: bytes.Repeat([]byte("A"), 4096)})
			if endless[name] && err != nil {
				t.Logf("stopped: %v", err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if silent := name == "zero bytes" && len(problems) == 0; silent {
				t.Error("what follows a zero byte is dropped in silence")
			}
			if !strings.Contains(found(list), "good.yar:good") {
				t.Errorf("the good rule did not run: %.100s; problems %.200v", found(list), problems)
			}
			t.Logf("%d problems", len(problems))
		})
	}
}
