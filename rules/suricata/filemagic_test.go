package suricata

import (
	"errors"
	"strings"
	"testing"
)

// TestFileMagic proves what the name of a file is compared with, that it is asked
// for once however many rules look at it, and how a rule is refused without what
// names files.
func TestFileMagic(t *testing.T) {
	opened, asked := 0, 0
	give := func() (func([]byte) string, error) {
		opened++
		return func(head []byte) string {
			asked++
			if strings.HasPrefix(string(head), "%PDF-") {
				return "PDF document, version 1.4"
			}
			return "data"
		}, nil
	}
	text := ""
	cases := []struct {
		options   string
		pdf, data bool
	}{
		{`filemagic:"pdf DOCUMENT"`, true, false},
		{`filemagic:!"PDF document"`, false, true},
		{`filemagic:"1.4|00|"`, false, false}, // the name has no end that is seen
		{`file.magic; content:"PDF document"; startswith`, true, false},
		{`file.magic; content:"pdf document"`, false, false},
		{`file.magic; content:"data"; bsize:4`, false, true},
		{`file.magic; to_uppercase; content:"PDF DOC"`, true, false},
		{`file.magic; content:!"PDF"; file.data; content:"x"`, false, true},
		{`file.magic; pcre:"/version 1\.[0-9]$/"; file.name; content:"a"`, true, false},
	}
	for i, c := range cases {
		text += "alert http any any -> any any (" + c.options + "; sid:" + itoa(int64(i+1)) + ";)\n"
	}
	s, problems := Load([]Source{{Name: "t", Data: []byte(text)}}, Config{Magic: give})
	if len(problems) > 0 || opened != 1 {
		t.Fatalf("%d times opened: %v", opened, problems)
	}
	for _, content := range []string{"%PDF-1.4 x", "x"} {
		var st *FlowState
		asked = 0
		hits := NewEngine(s).Tx(nil, &st, packet(6, ""), &tx{app: AppHTTP, bufs: map[Buffer][]string{BufFileData: {content}, BufFileName: {"a"}}})
		got := map[int64]bool{}
		for i := range hits {
			got[hits[i].Rule.SID] = true
		}
		for i, c := range cases {
			want := c.data
			if content != "x" {
				want = c.pdf
			}
			if got[int64(i+1)] != want {
				t.Errorf("%s on %q: %v", c.options, content, !want)
			}
		}
		if asked > 2 { // one of them before to_uppercase
			t.Errorf("%q was asked for %d times", content, asked)
		}
	}
	if s.FileMagic() == nil {
		t.Error("the set names no files")
	}
	const one = `alert http any any -> any any (filemagic:"a"; sid:1;)` + "\n" + `alert http any any -> any any (file.magic; content:"a"; sid:2;)`
	tries := 0
	broken := func() (func([]byte) string, error) { tries++; return nil, errors.New("no worker") }
	for why, magic := range map[string]func() (func([]byte) string, error){"filemagic: no worker": broken, "filemagic without libmagic, which saksi-worker has": nil} {
		s, problems := Load([]Source{{Name: "t", Data: []byte(one)}}, Config{Magic: magic})
		if len(problems) != 2 || problems[0].Message != why || s.FileMagic() != nil {
			t.Errorf("%s: %v", why, problems)
		}
	}
	if tries != 1 {
		t.Errorf("%d tries", tries)
	}
	for _, bad := range []string{"filemagic", "filemagic:", `filemagic:""`, `file.magic:"a"`} {
		if _, problems := Load([]Source{{Name: "t", Data: []byte("alert http any any -> any any (" + bad + "; sid:1;)")}}, Config{Magic: give}); len(problems) != 1 {
			t.Errorf("%s: %v", bad, problems)
		}
	}
}
