package suricata

import (
	"bytes"
	"strings"

	"saksi/rules"
)

// Source is one file of rules.
type Source struct {
	Name string // as problems and rule.ruleset name it
	Data []byte
}

// maxRule is the longest rule accepted, in bytes. The longest of ET Open has
// 9,000; address lists make some packs longer.
const maxRule = 1 << 18

// ruleText is one rule as the grammar sees it: its lines joined where a
// backslash ends them, with the way back to the file.
type ruleText struct {
	file string
	text string
	segs []segment
}

// segment says where the text from an offset on stands in the file.
type segment struct{ off, line, col int }

// pos gives line and column, from 1, of an offset in the text.
func (t *ruleText) pos(off int) (line, col int) {
	s := t.segs[0]
	for _, n := range t.segs[1:] {
		if n.off > off {
			break
		}
		s = n
	}
	return s.line, s.col + off - s.off
}

// splitRules cuts a file into rules: one a line, comments and empty lines left
// out, a backslash at the end of a line joining the next one.
func splitRules(src Source, yield func(*ruleText)) {
	line := 0
	var cur *ruleText
	var b strings.Builder
	flush := func() {
		if cur != nil {
			cur.text = b.String()
			if strings.TrimSpace(cur.text) != "" {
				yield(cur)
			}
			cur = nil
			b.Reset()
		}
	}
	data := bytes.TrimPrefix(src.Data, []byte("\xEF\xBB\xBF"))
	for len(data) > 0 {
		var raw []byte
		raw, data, _ = bytes.Cut(data, []byte("\n"))
		line++
		raw = bytes.TrimSuffix(raw, []byte("\r"))
		if cur == nil {
			lead := len(raw) - len(bytes.TrimLeft(raw, " \t"))
			raw = raw[lead:]
			if len(raw) == 0 || raw[0] == '#' {
				continue
			}
			cur = &ruleText{file: src.Name, segs: []segment{{0, line, lead + 1}}}
		} else {
			cur.segs = append(cur.segs, segment{b.Len(), line, 1})
		}
		if bytes.HasSuffix(raw, []byte("\\")) {
			b.Write(raw[:len(raw)-1])
			continue
		}
		b.Write(raw)
		flush()
	}
	flush()
}

// fault is why a rule is not compiled, at an offset of its text.
type fault struct {
	off      int
	level    rules.Level
	reason   string // constant, for counting
	msg      string
	expected string
	hint     string
	skipped  bool // the rule itself says that it is not for this version
}

// wrong is a rule that breaks the grammar at off.
func wrong(off int, msg, expected string) *fault {
	return &fault{off: off, level: rules.Wrong, reason: msg, msg: msg, expected: expected}
}

// refused is a valid rule that cannot be honored exactly. reason is what
// problems are counted by; it names the keyword and nothing of the rule.
func refused(off int, reason string) *fault {
	return &fault{off: off, level: rules.Refused, reason: reason, msg: reason, hint: "the rule does not run; the others do"}
}

func (f *fault) detail(msg string) *fault { f.msg = msg; return f }

func (f *fault) tip(hint string) *fault { f.hint = hint; return f }

// problem places a fault in its file.
func (f *fault) problem(t *ruleText, id string) rules.Problem {
	line, col := t.pos(min(f.off, len(t.text)))
	return rules.Problem{
		File: t.file, Line: line, Column: col, Level: f.level, Rule: id,
		Reason: f.reason, Message: f.msg, Expected: f.expected, Hint: f.hint,
	}
}
