package suricata

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// The value of pcre (Suricata user guide, "pcre"):
//
//	pcre:[!]"/" regex "/" modifiers
//
// Patterns look at bytes. Go's engine runs in linear time and takes what it can
// express; back references, look-around and atomic groups go to a backtracking
// engine under a time limit, and a match that the limit stops is marked
// incomplete.

// pcreLimit is how long the backtracking engine may take on one buffer.
const pcreLimit = 200 * time.Millisecond

// maxBacktrack is the longest buffer the backtracking engine is given; of a
// longer one it sees the start, and the result is marked incomplete.
const maxBacktrack = 64 << 10

// regex is a compiled pattern; it is compiled when first used.
type regex struct {
	src       string // translated
	backtrack bool
	anchored  bool // has assertions that look at what is before
	fold      bool

	once sync.Once
	re   *regexp.Regexp
	re2  *regexp2.Regexp
}

func (x *regex) compile() {
	if x.backtrack {
		var opt regexp2.RegexOptions
		if x.fold {
			opt = regexp2.IgnoreCase
		}
		x.re2, _ = regexp2.Compile(x.src, opt)
		if x.re2 != nil {
			x.re2.MatchTimeout = pcreLimit
		}
		return
	}
	x.re, _ = regexp.Compile(x.src)
}

// reScratch is what one worker needs to run patterns.
type reScratch struct {
	wide  []byte
	runes []rune
}

// find looks for the first match that starts at or after from; start and end
// are offsets in data.
func (x *regex) find(sc *reScratch, data []byte, from int) (start, end int, ok, incomplete bool) {
	x.once.Do(x.compile)
	if x.backtrack {
		return x.findBacktrack(sc, data, from)
	}
	if x.re == nil || from > len(data) {
		return 0, 0, false, x.re == nil
	}
	in := data[from:]
	ascii := isASCII(in)
	if !ascii {
		// Each byte is one character to the pattern, as to PCRE.
		sc.wide = sc.wide[:0]
		for _, c := range in {
			sc.wide = utf8.AppendRune(sc.wide, rune(c))
		}
		in = sc.wide
	}
	loc := x.re.FindIndex(in)
	if loc == nil {
		return 0, 0, false, false
	}
	if !ascii {
		loc[0], loc[1] = utf8.RuneCount(in[:loc[0]]), utf8.RuneCount(in[:loc[1]])
	}
	return from + loc[0], from + loc[1], true, false
}

func (x *regex) findBacktrack(sc *reScratch, data []byte, from int) (start, end int, ok, incomplete bool) {
	if x.re2 == nil || from > len(data) {
		return 0, 0, false, x.re2 == nil
	}
	cut := len(data) > maxBacktrack
	if cut {
		data = data[:maxBacktrack]
	}
	if from > len(data) {
		return 0, 0, false, true
	}
	sc.runes = sc.runes[:0]
	for _, c := range data {
		sc.runes = append(sc.runes, rune(c))
	}
	m, err := x.re2.FindRunesMatchStartingAt(sc.runes, from)
	if err != nil {
		return 0, 0, false, true
	}
	if m == nil {
		return 0, 0, false, cut
	}
	return m.Index, m.Index + m.Length, true, false
}

func isASCII(b []byte) bool {
	for len(b) >= 8 {
		if (b[0]|b[1]|b[2]|b[3]|b[4]|b[5]|b[6]|b[7])&0x80 != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c&0x80 != 0 {
			return false
		}
	}
	return true
}

// pcreFlags are what the modifiers after a pattern say.
type pcreFlags struct {
	i, s, m, x, a, e, g bool
	relative            bool
	buf                 Buffer // BufPayload unless a letter names one
	vars                []field
}

// parsePCRE takes a pcre value apart.
func parsePCRE(f field) (body field, fl pcreFlags, err *fault) {
	if f.s == "" || f.s[0] != '/' {
		return body, fl, wrong(f.off, "the pattern is not between slashes", `"/pattern/modifiers"`)
	}
	end := -1
	for i := len(f.s) - 1; i > 0; i-- {
		if f.s[i] == '/' && !escaped(f.s, i) {
			end = i
			break
		}
	}
	if end < 1 {
		return body, fl, wrong(f.off+len(f.s), "the pattern is not closed", "'/'")
	}
	body = field{strings.ReplaceAll(f.s[1:end], `\;`, ";"), f.off + 1}
	for i := end + 1; i < len(f.s); i++ {
		c := f.s[i]
		switch c {
		case 'i':
			fl.i = true
		case 's':
			fl.s = true
		case 'm':
			fl.m = true
		case 'x':
			fl.x = true
		case 'A':
			fl.a = true
		case 'E':
			fl.e = true
		case 'G':
			fl.g = true
		case 'R':
			fl.relative = true
		case 'B', 'O', ' ': // no meaning, and the limit is ours
		case ',': // variables to capture into
			if vars := strings.Trim(f.s[i:], ", "); !captures.MatchString(vars) {
				return body, fl, wrong(f.off+i, "no variables to capture into", "flow:NAME or pkt:NAME")
			}
			fl.vars = field{f.s[i+1:], f.off + i + 1}.list()
			return body, fl, nil
		default:
			b, ok := pcreBuffers[c]
			if !ok {
				return body, fl, wrong(f.off+i, fmt.Sprintf("unknown pcre modifier %q", c), "one of i s m x A E G R B O U I P Q H D M C S Y V W Z")
			}
			if fl.buf != BufPayload && fl.buf != b {
				return body, fl, wrong(f.off+i, "two buffers in one pcre", "one letter that names a buffer")
			}
			fl.buf = b
		}
	}
	return body, fl, nil
}

// captures are the variables a pcre may name behind its pattern.
var captures = regexp.MustCompile(`^(?:flow|pkt|alert):\w+(?:\s*,\s*(?:flow|pkt|alert):\w+)*$`)

// escaped reports whether an odd number of backslashes stands before s[i].
func escaped(s string, i int) bool {
	n := 0
	for i--; i >= 0 && s[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

// compilePCRE translates a pattern. exactEnd is set when what follows is
// relative to the end of the match, or a match may have to be looked for again.
func compilePCRE(body field, fl pcreFlags, exactEnd bool) (*regex, *fault) {
	if len(body.s) > maxPattern {
		return nil, wrong(body.off, "the pattern is too long", fmt.Sprintf("at most %d bytes", maxPattern))
	}
	t := &translator{src: body, flags: fl, exactEnd: exactEnd}
	out, err := t.run()
	if err != nil {
		return nil, err
	}
	backtrack := t.backtrack || exactEnd && t.anchored
	if !backtrack {
		if _, e := syntax.Parse(out, syntax.Perl); e != nil {
			backtrack = true
		}
	}
	if backtrack {
		t = &translator{src: body, flags: fl, exactEnd: exactEnd, net: true}
		if out, err = t.run(); err != nil {
			return nil, err
		}
		if _, e := regexp2.Compile(out, 0); e != nil {
			return nil, refused(body.off, "pcre that neither engine can run").detail("the pattern can't be compiled: " + e.Error())
		}
	}
	return &regex{src: out, backtrack: backtrack, anchored: t.anchored, fold: backtrack && fl.i && t.backrefs}, nil
}

// capture is a pattern of which the first group is wanted. It runs where
// buffers are transformed, with state of its own.
type capture struct{ re *regexp2.Regexp }

// compileCapture compiles pcrexform's pattern. The backtracking engine runs it:
// it numbers groups as PCRE does.
func compileCapture(body field) (*capture, *fault) {
	if len(body.s) > maxPattern {
		return nil, wrong(body.off, "the pattern is too long", fmt.Sprintf("at most %d bytes", maxPattern))
	}
	t := &translator{src: body, net: true}
	out, err := t.run()
	if err != nil {
		return nil, err
	}
	if t.ngroups == 0 {
		return nil, wrong(body.off, "pcrexform without a group", "a part of the pattern in parentheses")
	}
	re, e := regexp2.Compile(out, 0)
	if e != nil {
		return nil, refused(body.off, "pcre that neither engine can run").detail("the pattern can't be compiled: " + e.Error())
	}
	re.MatchTimeout = pcreLimit
	return &capture{re}, nil
}

// compileGroups compiles a pattern for what its groups hold. It gives the groups
// that have names, and how many there are.
func compileGroups(body field, fl pcreFlags) (c *capture, named map[string]int, groups int, err *fault) {
	t := &translator{src: body, flags: fl, net: true}
	out, err := t.run()
	if err != nil {
		return nil, nil, 0, err
	}
	re, e := regexp2.Compile(out, 0)
	if e != nil {
		return nil, nil, 0, refused(body.off, "pcre that neither engine can run").detail("the pattern can't be compiled: " + e.Error())
	}
	re.MatchTimeout = pcreLimit
	return &capture{re}, t.names, t.ngroups, nil
}

// all gives what the groups hold in the match that begins at an offset; nil where
// a group took no part. cut is true when a limit stopped it.
func (c *capture) all(data []byte, from int, want []capturing) (out [][]byte, cut bool) {
	in := data[:min(len(data), maxBacktrack)]
	if from > len(in) {
		return nil, true
	}
	runes := make([]rune, len(in))
	for i, b := range in {
		runes[i] = rune(b)
	}
	m, err := c.re.FindRunesMatchStartingAt(runes, from)
	if err != nil || m == nil {
		return nil, true
	}
	out = make([][]byte, len(want))
	for i, w := range want {
		if g := m.GroupByNumber(w.group); g != nil && len(g.Captures) > 0 {
			out[i] = in[g.Index : g.Index+g.Length]
		}
	}
	return out, false
}

// first gives what the first group matched; without a match, all of data.
func (c *capture) first(data []byte) []byte {
	in := data[:min(len(data), maxBacktrack)]
	runes := make([]rune, len(in))
	for i, b := range in {
		runes[i] = rune(b)
	}
	m, err := c.re.FindRunesMatch(runes)
	if err != nil || m == nil {
		return data
	}
	g := m.GroupByNumber(1)
	if g == nil || len(g.Captures) == 0 {
		return data
	}
	return data[g.Index : g.Index+g.Length]
}

const maxPattern = 16 << 10
