package suricata

import (
	"fmt"
	"strconv"
	"strings"
)

// translator rewrites a PCRE2 pattern in byte mode (pcre2pattern(3)) so that
// Go's regexp, or with net set regexp2, finds the same matches. Each byte is
// one character; case folding is ASCII's, so letters are written out as classes.
type translator struct {
	src      field
	flags    pcreFlags
	exactEnd bool
	net      bool

	i         int
	out       strings.Builder
	atom      int // where the last atom starts in out; -1: nothing to repeat
	groups    []reGroup
	names     map[string]int
	ngroups   int
	backtrack bool // needs regexp2
	backrefs  bool
	anchored  bool
}

// reGroup is an open parenthesis: where it starts in out and the flags to
// restore at its end.
type reGroup struct {
	start int
	flags pcreFlags
	look  bool
}

const maxGroups = 250

func (t *translator) fail(msg, expected string) *fault {
	return wrong(t.src.off+min(t.i, len(t.src.s)), "pcre: "+msg, expected)
}

func (t *translator) refuse(what string) *fault {
	return refused(t.src.off+min(t.i, len(t.src.s)), "pcre with "+what)
}

func (t *translator) run() (string, *fault) {
	t.names = map[string]int{}
	t.atom = -1
	if t.flags.a {
		t.out.WriteString(`\A(?:`)
		t.anchored = true
	}
	for t.i < len(t.src.s) {
		if err := t.step(); err != nil {
			return "", err
		}
	}
	if len(t.groups) > 0 {
		return "", t.fail("a group is not closed", "')'")
	}
	if t.flags.a {
		t.out.WriteByte(')')
	}
	return t.out.String(), nil
}

func (t *translator) emit(s string) {
	t.atom = t.out.Len()
	t.out.WriteString(s)
}

func (t *translator) step() *fault {
	c := t.src.s[t.i]
	if t.flags.x {
		if c == ' ' || c >= '\t' && c <= '\r' {
			t.i++
			return nil
		}
		if c == '#' {
			for t.i < len(t.src.s) && t.src.s[t.i] != '\n' {
				t.i++
			}
			return nil
		}
	}
	switch c {
	case '\\':
		return t.escape()
	case '[':
		return t.class()
	case '(':
		return t.open()
	case ')':
		if len(t.groups) == 0 {
			return t.fail("')' without '('", "an escaped \\)")
		}
		g := t.groups[len(t.groups)-1]
		t.groups = t.groups[:len(t.groups)-1]
		t.flags = g.flags
		t.out.WriteByte(')')
		t.atom = g.start
		t.i++
		return nil
	case '|':
		t.out.WriteByte('|')
		t.atom = -1
		t.i++
		return nil
	case '*', '+', '?':
		t.i++
		return t.quantify(string(c))
	case '{':
		if q, n := quantifier(t.src.s[t.i:]); n > 0 {
			t.i += n
			return t.quantify(q)
		}
	case '.':
		t.i++
		if t.flags.s {
			t.emit(`[\x00-\xff]`)
		} else {
			t.emit(`[^\n]`)
		}
		return nil
	case '^':
		t.i++
		t.anchored = true
		if t.flags.m {
			t.emit(`(?m:^)`)
		} else {
			t.emit(`\A`)
		}
		return nil
	case '$':
		t.i++
		t.dollar(t.flags.m, t.flags.e)
		return nil
	}
	t.i++
	t.literal(c)
	return nil
}

func (t *translator) dollar(multi, endOnly bool) {
	switch {
	case multi:
		t.emit(`(?m:$)`)
	case endOnly:
		t.emit(`\z`)
	case t.net:
		t.emit(`(?=\n?\z)`)
	default:
		t.backtrack = t.backtrack || t.exactEnd
		t.emit(`(?:\n?\z)`)
	}
}

// literal writes one byte.
func (t *translator) literal(c byte) {
	if t.flags.i && isAlpha(c) {
		t.emit(`[` + string(c&^0x20) + string(c|0x20) + `]`)
		return
	}
	t.emit(quoteByte(c))
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool { return isAlpha(c) || isDigit(c) || c == '_' }

func quoteByte(c byte) string {
	if isWord(c) {
		return string(rune(c))
	}
	return fmt.Sprintf(`\x%02x`, c)
}

// quantifier recognizes {n}, {n,} and {n,m} at the start of s and gives its
// length; anything else starting with a brace is literal.
func quantifier(s string) (string, int) {
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return "", 0
	}
	lo, hi, comma := strings.Cut(s[1:end], ",")
	if !digits(lo) || hi != "" && !digits(hi) || comma && lo == "" {
		return "", 0
	}
	return s[:end+1], end + 1
}

func digits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

func (t *translator) quantify(q string) *fault {
	if t.atom < 0 {
		return t.fail("a quantifier with nothing to repeat", "something before it")
	}
	if q[0] == '{' {
		lo, hi, _ := strings.Cut(q[1:len(q)-1], ",")
		n, err1 := strconv.Atoi(lo)
		m := n
		var err2 error
		if hi != "" {
			m, err2 = strconv.Atoi(hi)
		}
		if err1 != nil || err2 != nil || n > 65535 || m > 65535 || m < n {
			return t.fail("a quantifier out of range", "numbers up to 65535, the smaller first")
		}
	}
	lazy, possessive := t.flags.g, false
	if t.i < len(t.src.s) {
		switch t.src.s[t.i] {
		case '?':
			lazy = !lazy
			t.i++
		case '+':
			possessive = true
			t.i++
		}
	}
	atom := t.out.String()[t.atom:]
	if possessive {
		t.backtrack = true
		head := t.out.String()[:t.atom]
		t.out.Reset()
		t.out.WriteString(head)
		t.out.WriteString("(?>" + atom + q + ")")
		return nil
	}
	t.out.WriteString(q)
	if lazy {
		t.out.WriteByte('?')
	}
	// A second quantifier is an error to PCRE2 as well.
	t.atom = -1
	return nil
}

func (t *translator) push(open string, look bool) *fault {
	if len(t.groups) >= maxGroups {
		return t.fail("too many nested groups", fmt.Sprintf("at most %d", maxGroups))
	}
	t.groups = append(t.groups, reGroup{t.out.Len(), t.flags, look})
	t.out.WriteString(open)
	t.atom = -1
	return nil
}

func (t *translator) capture() *fault {
	t.ngroups++
	if t.net {
		return t.push("(", false)
	}
	return t.push("(?:", false)
}

func (t *translator) open() *fault {
	s := t.src.s[t.i:]
	for _, g := range []struct {
		in, out string
		net     bool
		before  bool
	}{
		{"(?:", "(?:", false, false},
		{"(?=", "(?=", true, false},
		{"(?!", "(?!", true, false},
		{"(?<=", "(?<=", true, true},
		{"(?<!", "(?<!", true, true},
		{"(?>", "(?>", true, false},
	} {
		if strings.HasPrefix(s, g.in) {
			t.i += len(g.in)
			t.backtrack = t.backtrack || g.net
			t.anchored = t.anchored || g.before
			return t.push(g.out, g.net)
		}
	}
	switch {
	case strings.HasPrefix(s, "(*"):
		return t.refuse("control verbs")
	case !strings.HasPrefix(s, "(?"):
		t.i++
		return t.capture()
	case strings.HasPrefix(s, "(?#"):
		end := strings.IndexByte(s, ')')
		if end < 0 {
			return t.fail("a comment is not closed", "')'")
		}
		t.i += end + 1
		return nil
	}
	if rest, ok := strings.CutPrefix(s, "(?P="); ok {
		name, _, ok := strings.Cut(rest, ")")
		n := t.names[name]
		if !ok || n == 0 {
			return t.fail("a reference to a group that does not exist", "a name used before")
		}
		t.i += len("(?P=") + len(name) + 1
		t.reference(n)
		return nil
	}
	for _, p := range []struct{ in, end string }{{"(?P<", ">"}, {"(?<", ">"}, {"(?'", "'"}} {
		if rest, ok := strings.CutPrefix(s, p.in); ok {
			name, _, ok := strings.Cut(rest, p.end)
			if !ok || name == "" {
				return t.fail("a group's name is not closed", p.end)
			}
			t.i += len(p.in) + len(name) + 1
			t.names[name] = t.ngroups + 1
			return t.capture()
		}
	}
	return t.inlineFlags(s)
}

// inlineFlags reads (?i), (?i-s) and (?i:...).
func (t *translator) inlineFlags(s string) *fault {
	fl := t.flags
	on := true
	for j := 2; j < len(s); j++ {
		switch s[j] {
		case '-':
			on = false
		case 'i':
			fl.i = on
		case 's':
			fl.s = on
		case 'm':
			fl.m = on
		case 'x':
			fl.x = on
		case 'U':
			fl.g = on
		case ')':
			t.i += j + 1
			t.flags = fl
			t.atom = -1
			return nil
		case ':':
			t.i += j + 1
			err := t.push("(?:", false)
			t.flags = fl
			return err
		case '|', 'R', '(', '&', 'P', '+', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			return t.refuse("recursion, conditions or branch resets")
		default:
			t.i += j
			return t.fail("unknown group", "one of (?: (?= (?! (?<= (?<! (?> (?i)")
		}
	}
	return t.fail("a group is not closed", "')'")
}
