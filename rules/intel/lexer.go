package intel

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"saksi/rules"
)

// Kinds of tokens besides the bytes that stand for themselves.
const (
	tokEnd = iota
	tokName
	tokText   // in quotes
	tokNumber // whole
	tokOther  // a value that nothing of ours is compared with: a fraction, a time, hexadecimal, binary, true or false
	tokOp
)

type token struct {
	kind int
	text string
	at   int
}

func (t token) shown() string {
	switch t.kind {
	case tokEnd:
		return "the end"
	case tokText:
		return "'" + short(t.text) + "'"
	}
	return short(t.text)
}

// lexer takes a STIX pattern apart (STIX 2.1, section 9; the grammar of the
// pattern language).
type lexer struct {
	s  string
	at int
}

func (l *lexer) fail(at int, format string, args ...any) (token, *patternError) {
	return token{kind: -1, at: at}, &patternError{at, rules.Wrong, "pattern: syntax", fmt.Sprintf(format, args...)}
}

func (l *lexer) skip() {
	for l.at < len(l.s) {
		rest := l.s[l.at:]
		switch {
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return
			}
			l.at += end + 4
			continue
		case strings.HasPrefix(rest, "//"):
			end := strings.IndexAny(rest, "\r\n")
			if end < 0 {
				end = len(rest)
			}
			l.at += end
			continue
		}
		r, n := utf8.DecodeRuneInString(rest)
		if !unicode.IsSpace(r) {
			return
		}
		l.at += n
	}
}

// token reads the next token.
func (l *lexer) token() (token, *patternError) {
	l.skip()
	at := l.at
	if at == len(l.s) {
		return token{kind: tokEnd, at: at}, nil
	}
	rest := l.s[at:]
	c := rest[0]
	for _, op := range []string{"==", "!=", "<>", "<=", ">=", "=", "<", ">"} {
		if strings.HasPrefix(rest, op) {
			l.at += len(op)
			switch op {
			case "==":
				op = "="
			case "<>":
				op = "!="
			}
			return token{tokOp, op, at}, nil
		}
	}
	switch {
	case strings.IndexByte("[]()*.,:", c) >= 0 && !(c == '.' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9'):
		l.at++
		return token{int(c), rest[:1], at}, nil
	case c == '\'':
		return l.quoted(at)
	case c == '"':
		return l.identifier(at)
	case (c == 't' || c == 'h' || c == 'b') && len(rest) > 1 && rest[1] == '\'':
		l.at++
		if _, err := l.quoted(at + 1); err != nil {
			return token{kind: -1, at: at}, err
		}
		return token{tokOther, l.s[at:l.at], at}, nil
	case c == '-' || c == '+' || c == '.' || c >= '0' && c <= '9':
		kind, n := tokNumber, 0
		if c == '-' || c == '+' {
			n++
		}
		for n < len(rest) && (rest[n] >= '0' && rest[n] <= '9' || rest[n] == '.' && kind == tokNumber) {
			if rest[n] == '.' {
				kind = tokOther
			}
			n++
		}
		l.at += n
		return token{kind, rest[:n], at}, nil
	case c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		n := 1
		for n < len(rest) && (rest[n] == '_' || rest[n] == '-' || rest[n] >= '0' && rest[n] <= '9' || rest[n] >= 'a' && rest[n] <= 'z' || rest[n] >= 'A' && rest[n] <= 'Z') {
			n++
		}
		l.at += n
		if w := rest[:n]; strings.EqualFold(w, "true") || strings.EqualFold(w, "false") {
			return token{tokOther, w, at}, nil
		}
		return token{tokName, rest[:n], at}, nil
	}
	return l.fail(at, "%q has no meaning here", []rune(rest[:min(len(rest), 4)])[0])
}

// quoted reads a text in single quotes, in which \ stands before ' and \.
func (l *lexer) quoted(at int) (token, *patternError) {
	var b strings.Builder
	for i := at + 1; i < len(l.s); i++ {
		switch c := l.s[i]; c {
		case '\\':
			if i++; i < len(l.s) {
				if l.s[i] != '\'' && l.s[i] != '\\' {
					b.WriteByte('\\') // not to the letter of the grammar, but often written
				}
				b.WriteByte(l.s[i])
			}
		case '\'':
			l.at = i + 1
			return token{tokText, b.String(), at}, nil
		default:
			b.WriteByte(c)
		}
	}
	return l.fail(at, "the text does not end")
}

// identifier reads a name in double quotes.
func (l *lexer) identifier(at int) (token, *patternError) {
	end := strings.IndexByte(l.s[at+1:], '"')
	if end < 0 {
		return l.fail(at, "the name does not end")
	}
	l.at = at + 1 + end + 1
	return token{tokName, l.s[at+1 : at+1+end], at}, nil
}
