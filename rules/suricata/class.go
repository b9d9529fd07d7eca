package suricata

import (
	"fmt"
	"strconv"
	"strings"
)

// byteSet is a set of bytes: what a character class or a class escape means in
// the C locale.
type byteSet [256]bool

func setOf(f func(c byte) bool) *byteSet {
	var s byteSet
	for i := range s {
		s[i] = f(byte(i))
	}
	return &s
}

func (s *byteSet) add(o *byteSet) {
	for i, in := range o {
		s[i] = s[i] || in
	}
}

func (s *byteSet) not() *byteSet {
	var n byteSet
	for i, in := range s {
		n[i] = !in
	}
	return &n
}

// write gives the set as a class both engines read the same way.
func (s *byteSet) write(net bool) string {
	var b strings.Builder
	b.WriteByte('[')
	empty := true
	for i := 0; i < 256; i++ {
		if !s[i] {
			continue
		}
		j := i
		for j < 255 && s[j+1] {
			j++
		}
		empty = false
		fmt.Fprintf(&b, `\x%02x`, i)
		if j > i {
			fmt.Fprintf(&b, `-\x%02x`, j)
		}
		i = j
	}
	switch {
	case !empty:
		return b.String() + "]"
	case net:
		return `(?!)`
	}
	return `[^\x00-\x{10FFFF}]`
}

func isSpaceC(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isHorizontal(c byte) bool { return c == ' ' || c == '\t' || c == 0xA0 }

func isVertical(c byte) bool { return c >= '\n' && c <= '\r' || c == 0x85 }

// classEscapes are \d, \w, \s, \h, \v and \N; upper case negates the first
// five (pcre2pattern(3), "Generic character types").
var classEscapes = map[byte]*byteSet{
	'd': setOf(isDigit), 'w': setOf(isWord), 's': setOf(isSpaceC), 'h': setOf(isHorizontal), 'v': setOf(isVertical),
	'D': setOf(isDigit).not(), 'W': setOf(isWord).not(), 'S': setOf(isSpaceC).not(),
	'H': setOf(isHorizontal).not(), 'V': setOf(isVertical).not(),
	'N': setOf(func(c byte) bool { return c != '\n' }),
}

// posixClasses are the names in [:name:] (pcre2pattern(3), "POSIX character classes").
var posixClasses = map[string]*byteSet{
	"alnum": setOf(func(c byte) bool { return isAlpha(c) || isDigit(c) }), "alpha": setOf(isAlpha),
	"ascii": setOf(func(c byte) bool { return c < 0x80 }), "blank": setOf(func(c byte) bool { return c == ' ' || c == '\t' }),
	"cntrl": setOf(func(c byte) bool { return c < 0x20 || c == 0x7F }), "digit": setOf(isDigit),
	"graph": setOf(func(c byte) bool { return c > 0x20 && c < 0x7F }), "lower": setOf(func(c byte) bool { return c >= 'a' && c <= 'z' }),
	"print": setOf(func(c byte) bool { return c >= 0x20 && c < 0x7F }),
	"punct": setOf(func(c byte) bool { return c > 0x20 && c < 0x7F && !isAlpha(c) && !isDigit(c) }),
	"space": setOf(isSpaceC), "upper": setOf(func(c byte) bool { return c >= 'A' && c <= 'Z' }), "word": setOf(isWord),
	"xdigit": setOf(func(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }),
}

// simpleEscapes are escapes of one control character.
var simpleEscapes = map[byte]byte{'a': 7, 'e': 27, 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// byteEscape reads an escape that stands for one byte: t.i is after the
// backslash. ok is false when it stands for something else.
func (t *translator) byteEscape(inClass bool) (c byte, ok bool, err *fault) {
	s := t.src.s
	c = s[t.i]
	if v, found := simpleEscapes[c]; found {
		t.i++
		return v, true, nil
	}
	switch {
	case c == 'x':
		t.i++
		j := t.i
		if j < len(s) && s[j] == '{' {
			end := strings.IndexByte(s[j:], '}')
			if end < 0 {
				return 0, false, t.fail("\\x{ is not closed", "'}'")
			}
			n, e := strconv.ParseUint(s[j+1:j+end], 16, 32)
			if e != nil || n > 255 {
				return 0, false, t.fail("a character above 255", "\\x{0} to \\x{ff}")
			}
			t.i += end + 1
			return byte(n), true, nil
		}
		n := 0
		for j < len(s) && j < t.i+2 && isHex(s[j]) {
			v, _ := strconv.ParseUint(s[j:j+1], 16, 8)
			n = n<<4 | int(v)
			j++
		}
		t.i = j
		return byte(n), true, nil
	case c == '0' || inClass && c >= '1' && c <= '7':
		n, j := 0, t.i
		for j < len(s) && j < t.i+3 && s[j] >= '0' && s[j] <= '7' {
			n = n<<3 | int(s[j]-'0')
			j++
		}
		if n > 255 {
			return 0, false, t.fail("a character above 255", "\\000 to \\377")
		}
		t.i = j
		return byte(n), true, nil
	case c == 'c':
		if t.i+1 >= len(s) {
			return 0, false, t.fail("\\c at the end", "a character")
		}
		x := s[t.i+1]
		if x >= 'a' && x <= 'z' {
			x &^= 0x20
		}
		t.i += 2
		return x ^ 0x40, true, nil
	case !isAlpha(c) && !isDigit(c):
		t.i++
		return c, true, nil
	}
	return 0, false, nil
}

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// class reads [...].
func (t *translator) class() *fault {
	s := t.src.s
	start := t.i
	t.i++
	neg := t.i < len(s) && s[t.i] == '^'
	if neg {
		t.i++
	}
	var set byteSet
	for first := true; ; first = false {
		if t.i >= len(s) {
			t.i = start
			return t.fail("a character class is not closed", "']'")
		}
		if s[t.i] == ']' && !first {
			t.i++
			break
		}
		lo, isSet, err := t.classAtom(&set)
		if err != nil {
			return err
		}
		if isSet {
			continue
		}
		hi := lo
		if t.i+1 < len(s) && s[t.i] == '-' && s[t.i+1] != ']' {
			save := t.i
			t.i++
			var more byteSet
			h, isSet, err := t.classAtom(&more)
			switch {
			case err != nil:
				return err
			case isSet:
				t.i = save
			case h < lo:
				return t.fail("a range runs backwards", "the smaller character first")
			default:
				hi = h
			}
		}
		for c := int(lo); c <= int(hi); c++ {
			set[c] = true
		}
	}
	if t.flags.i {
		for c := 'a'; c <= 'z'; c++ {
			in := set[c] || set[c&^0x20]
			set[c], set[c&^0x20] = in, in
		}
	}
	p := &set
	if neg {
		p = set.not()
	}
	t.emit(p.write(t.net))
	return nil
}

// classAtom reads one member of a class: a byte, or a set that it adds.
func (t *translator) classAtom(set *byteSet) (c byte, isSet bool, err *fault) {
	s := t.src.s
	if s[t.i] == '[' && t.i+1 < len(s) && s[t.i+1] == ':' {
		if end := strings.Index(s[t.i:], ":]"); end > 0 {
			name, neg := strings.CutPrefix(s[t.i+2:t.i+end], "^")
			p, ok := posixClasses[name]
			if ok {
				if neg {
					p = p.not()
				}
				set.add(p)
				t.i += end + 2
				return 0, true, nil
			}
		}
	}
	if s[t.i] != '\\' {
		c = s[t.i]
		t.i++
		return c, false, nil
	}
	t.i++
	if t.i >= len(s) {
		return 0, false, t.fail("the pattern ends in a backslash", "a character after it")
	}
	switch x := s[t.i]; {
	case classEscapes[x] != nil && x != 'N':
		set.add(classEscapes[x])
		t.i++
		return 0, true, nil
	case x == 'b':
		t.i++
		return 8, false, nil
	}
	c, ok, err := t.byteEscape(true)
	if err == nil && !ok {
		err = t.fail(fmt.Sprintf("unknown escape \\%c in a class", s[t.i]), "an escape PCRE2 knows")
	}
	return c, false, err
}

// escape reads a backslash outside a class.
func (t *translator) escape() *fault {
	s := t.src.s
	t.i++
	if t.i >= len(s) {
		return t.fail("the pattern ends in a backslash", "a character after it")
	}
	c := s[t.i]
	if p := classEscapes[c]; p != nil {
		t.i++
		t.emit(p.write(t.net))
		return nil
	}
	switch c {
	case 'b', 'B':
		t.i++
		t.anchored = true
		switch {
		case !t.net:
			t.emit(`\` + string(c))
		case c == 'b':
			t.emit(`(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))`)
		default:
			t.emit(`(?:(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<![0-9A-Za-z_])(?![0-9A-Za-z_]))`)
		}
		return nil
	case 'A':
		t.i++
		t.anchored = true
		t.emit(`\A`)
		return nil
	case 'z':
		t.i++
		t.emit(`\z`)
		return nil
	case 'Z':
		t.i++
		t.dollar(false, false)
		return nil
	case 'R':
		t.i++
		t.backtrack = true
		t.emit(`(?>\r\n|[\n-\r\x85])`)
		return nil
	case 'Q':
		lit, _, found := strings.Cut(s[t.i+1:], `\E`)
		for j := range len(lit) {
			t.literal(lit[j])
		}
		t.i += 1 + len(lit)
		if found {
			t.i += 2
		}
		return nil
	case 'E':
		t.i++
		return nil
	case 'g':
		return t.numberedReference()
	case 'K', 'G', 'C', 'X', 'p', 'P':
		return t.refuse(`\` + string(c))
	case 'k':
		return t.namedReference()
	}
	if c >= '1' && c <= '9' {
		j := t.i
		for j < len(s) && isDigit(s[j]) {
			j++
		}
		n, _ := strconv.Atoi(s[t.i:j])
		if n < 10 || n <= t.ngroups {
			t.i = j
			t.reference(n)
			return nil
		}
		if c >= '8' {
			return t.fail("a reference to a group that does not exist", "a group before it")
		}
	}
	b, ok, err := t.byteEscape(c >= '1' && c <= '7')
	if err == nil && !ok {
		err = t.fail(fmt.Sprintf("unknown escape \\%c", c), "an escape PCRE2 knows")
	}
	if err == nil {
		t.literal(b)
	}
	return err
}

func (t *translator) reference(n int) {
	t.backtrack, t.backrefs = true, true
	t.emit(fmt.Sprintf(`(?:\%d)`, n))
}

// numberedReference reads \gN, \g{N} and \g{-N}.
func (t *translator) numberedReference() *fault {
	rest := t.src.s[t.i+1:]
	body, braced := strings.CutPrefix(rest, "{")
	num := body
	if braced {
		var ok bool
		if num, _, ok = strings.Cut(body, "}"); !ok {
			return t.fail("\\g{ is not closed", "'}'")
		}
	} else {
		for num = body; num != "" && !digits(num); num = num[:len(num)-1] {
		}
	}
	n, err := strconv.Atoi(num)
	if err == nil && n < 0 {
		n += t.ngroups + 1
	}
	if err != nil || n < 1 {
		return t.refuse(`\g`)
	}
	t.i += 1 + len(num)
	if braced {
		t.i += 2
	}
	t.reference(n)
	return nil
}

func (t *translator) namedReference() *fault {
	rest := t.src.s[t.i+1:]
	for _, q := range []struct{ open, end string }{{"<", ">"}, {"'", "'"}, {"{", "}"}} {
		if body, ok := strings.CutPrefix(rest, q.open); ok {
			name, _, ok := strings.Cut(body, q.end)
			n := t.names[name]
			if !ok || n == 0 {
				return t.fail("a reference to a group that does not exist", "a name used before")
			}
			t.i += 3 + len(name)
			t.reference(n)
			return nil
		}
	}
	return t.fail("\\k without a name", "\\k<name>")
}
