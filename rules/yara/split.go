package yara

import "bytes"

// Span is where one rule stands in the text of a file, by byte offsets, from
// its first modifier to its closing brace.
type Span struct {
	Name       string
	Start, End int
	Line       int // of Start, from 1
	Private    bool
	Global     bool
}

// Split finds the rules of a file (YARA 4.2 manual, "Writing YARA rules")
// without understanding them: it follows comments, strings, regular
// expressions and braces. A broken rule ends where the braces balance, or at
// the end of the text.
func Split(text []byte) []Span {
	var out []Span
	s := splitter{text: text, line: 1}
	modifiers := -1 // where "private" or "global" began
	modifiersLine, private, global := 0, false, false
	for s.at < len(text) {
		if s.skip() {
			continue
		}
		start, line := s.at, s.line
		word := s.word()
		switch word {
		case "":
			s.step()
			modifiers, private, global = -1, false, false
		case "private", "global":
			if modifiers < 0 {
				modifiers, modifiersLine = start, line
			}
			private, global = private || word == "private", global || word == "global"
		case "rule":
			span := Span{Start: start, Line: line, Private: private, Global: global}
			if modifiers >= 0 {
				span.Start, span.Line = modifiers, modifiersLine
			}
			modifiers, private, global = -1, false, false
			for s.at < len(text) && s.skip() {
				continue
			}
			span.Name = s.word()
			s.body()
			span.End = s.at
			out = append(out, span)
		default:
			modifiers, private, global = -1, false, false
		}
	}
	return out
}

// Blank overwrites a span with spaces, so that lines keep their numbers.
func Blank(text []byte, s Span) {
	for i := s.Start; i < s.End; i++ {
		if text[i] != '\n' {
			text[i] = ' '
		}
	}
}

type splitter struct {
	text []byte
	at   int
	line int
}

func (s *splitter) step() {
	if s.text[s.at] == '\n' {
		s.line++
	}
	s.at++
}

func (s *splitter) to(end int) {
	s.line += bytes.Count(s.text[s.at:end], []byte{'\n'})
	s.at = end
}

// skip passes white space, one comment or one string.
func (s *splitter) skip() bool {
	rest := s.text[s.at:]
	switch c := rest[0]; {
	case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		s.step()
	case bytes.HasPrefix(rest, []byte("//")):
		s.until("\n", 2)
	case bytes.HasPrefix(rest, []byte("/*")):
		s.until("*/", 2)
	case c == '"':
		s.literal('"')
	case c == '/':
		s.literal('/')
	default:
		return false
	}
	return true
}

func (s *splitter) until(end string, from int) {
	i := bytes.Index(s.text[s.at+from:], []byte(end))
	if i < 0 {
		s.to(len(s.text))
		return
	}
	s.to(s.at + from + i + len(end))
}

// literal passes a string or regular expression; neither spans lines.
func (s *splitter) literal(end byte) {
	i := s.at + 1
	for i < len(s.text) && s.text[i] != end && s.text[i] != '\n' {
		if s.text[i] == '\\' && i+1 < len(s.text) && s.text[i+1] != '\n' {
			i++
		}
		i++
	}
	s.to(min(i+1, len(s.text)))
}

func (s *splitter) word() string {
	i := s.at
	for i < len(s.text) && (s.text[i] == '_' || s.text[i] >= '0' && s.text[i] <= '9' || s.text[i]|0x20 >= 'a' && s.text[i]|0x20 <= 'z') {
		i++
	}
	w := string(s.text[s.at:i])
	s.to(i)
	return w
}

// body passes up to the brace that closes the rule.
func (s *splitter) body() {
	depth := 0
	for s.at < len(s.text) {
		if s.skip() {
			continue
		}
		c := s.text[s.at]
		s.step()
		switch c {
		case '{':
			depth++
		case '}':
			depth--
			if depth <= 0 {
				return
			}
		}
	}
}
