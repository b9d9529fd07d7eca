package libyara

import (
	"bytes"
	"strings"

	goyara "github.com/hillu/go-yara/v4"

	"saksi/rules"
	"saksi/rules/yara"
)

// hints say what to do about a complaint of libyara's compiler, by how it
// begins.
var hints = []struct{ begins, hint string }{
	{"syntax error", "look at what stands before this place, too: a brace, a quote or an operator is missing or too many"},
	{"undefined string", "define the string under strings:, or take it out of the condition"},
	{"unreferenced string", "use the string in the condition, or take it out"},
	{"undefined identifier", "rules that the condition names stand before it in the same file; modules are imported at its top"},
	{"duplicated identifier", "give the rule a name of its own in its file"},
	{"duplicated string identifier", "give each string of the rule a name of its own"},
	{"includes are disabled", "name the included file, too, instead of including it: each file is compiled by itself"},
	{"invalid regular expression", "libyara's expressions know no look-around, no back-references and no named groups"},
	{"invalid hex string", "pairs of hexadecimal digits, ?, jumps such as [2-4] and alternatives in parentheses"},
	{"wrong type", "a number is compared with a number and a text with a text"},
	{"unknown module", "take the import out, or use a libyara built with the module"},
	{"invalid field name", "the module has no such field in this version of libyara"},
}

// problemOf is a complaint of libyara's compiler with its place. libyara tells
// the line; the column is that of the name it complains of, or of what first
// stands on the line. Where it tells no line, the text ended too early.
func problemOf(s *yara.Source, m goyara.CompilerMessage) rules.Problem {
	p := rules.Problem{File: s.Namespace, Line: m.Line, Level: rules.Wrong, Reason: "yara: " + reason(m.Text), Message: m.Text}
	if p.Line < 1 {
		p.Line = 1 + bytes.Count(bytes.TrimRight(s.Text, "\r\n\t "), []byte{'\n'})
		p.Hint = "the file ends within a rule: a brace or a quote is not closed"
	}
	line := s.Text
	for n := 1; n < p.Line; n++ {
		_, line, _ = bytes.Cut(line, []byte{'\n'})
	}
	line, _, _ = bytes.Cut(line, []byte{'\n'})
	at := bytes.Index(line, []byte(quoted(m.Text)))
	if at < 0 || quoted(m.Text) == "" {
		at = len(line) - len(bytes.TrimLeft(line, " \t"))
	}
	p.Column = at + 1
	for _, h := range hints {
		if p.Hint == "" && strings.HasPrefix(m.Text, h.begins) {
			p.Hint = h.hint
		}
	}
	return p
}

// quoted is the name between the first quotes of a message.
func quoted(msg string) string {
	_, rest, _ := strings.Cut(msg, `"`)
	name, _, ok := strings.Cut(rest, `"`)
	if !ok {
		return ""
	}
	return name
}
