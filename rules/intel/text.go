package intel

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"saksi/event"
	"saksi/internal/required"
)

// Bounds of what LIKE and MATCHES compare with.
const (
	maxExpression   = 1024   // bytes
	maxInstructions = 10_000 // of the engine, of one
	// maxScanned is how many alternatives that name no value to look up may be held
	// against every event.
	maxScanned = 1000
)

// textual is what LIKE and MATCHES compare with (STIX 2.1, section 9.6.1), run
// in linear time.
type textual struct {
	re    *regexp.Regexp
	needs []string // in lower case; what matches has one of them. None: not known
}

// textKind reports whether values of a kind are texts to LIKE and MATCHES.
func textKind(k Kind) bool {
	switch k {
	case Domain, URL, Email, Sender, Recipient, Subject, FileName, UserAgent, CertSerial, Method, Path:
		return true
	}
	return false
}

// newTextual reads the text behind LIKE or MATCHES. Names and addresses of mail
// compare without regard to case, as they do elsewhere.
func newTextual(kind Kind, op Op, value string) (*textual, error) {
	if len(value) > maxExpression {
		return nil, fmt.Errorf("it has %d bytes, more than the %d that are read", len(value), maxExpression)
	}
	flags := "(?s)"
	switch kind {
	case Domain, Email, Sender, Recipient, Method:
		flags = "(?is)"
	}
	src := flags + value
	if op == Like {
		var b strings.Builder
		for _, r := range refang(value) {
			switch r {
			case '%':
				b.WriteString(".*")
			case '_':
				b.WriteByte('.')
			default:
				b.WriteString(regexp.QuoteMeta(string(r)))
			}
		}
		src = flags + `\A` + b.String() + `\z`
	}
	tree, err := syntax.Parse(src, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("not expressible in linear time: %w", err)
	}
	tree = tree.Simplify()
	prog, err := syntax.Compile(tree)
	if err != nil {
		return nil, err
	}
	if len(prog.Inst) > maxInstructions {
		return nil, fmt.Errorf("it makes %d steps, more than the %d that are run", len(prog.Inst), maxInstructions)
	}
	re, err := regexp.Compile(src)
	if err != nil {
		return nil, err
	}
	return &textual{re: re, needs: required.Literals(tree)}, nil
}

// holds reports whether a value of an event matches, as it stands or in its
// normal form.
func (t *textual) holds(buf []byte, k Kind, v event.Value) bool {
	s := v.Str()
	if len(s) > maxValue {
		return false
	}
	if t.match(s) {
		return true
	}
	b, ok := appendKey(buf, k, v)
	return ok && string(b) != s && t.match(string(b))
}

func (t *textual) match(s string) bool {
	if len(t.needs) > 0 {
		low := strings.ToLower(s)
		if !slices.ContainsFunc(t.needs, func(n string) bool { return strings.Contains(low, n) }) {
			return false
		}
	}
	return t.re.MatchString(s)
}

// scanned reports whether a pattern has no value that can be looked up, so that
// it is held against every event; at is the term by which.
func scanned(terms []Term) (at int, ok bool) {
	at = -1
	for i := range terms {
		if anchorRank(&terms[i]) >= 0 {
			return 0, false
		}
		if at < 0 && terms[i].textual != nil {
			at = i
		}
	}
	return at, at >= 0
}

// room reports whether there is room for what of the patterns is held against
// every event.
func (b *builder) room(patterns [][]Term) bool {
	n := b.set.scans
	for _, terms := range patterns {
		if _, ok := scanned(terms); ok {
			n++
		}
	}
	return n <= maxScanned
}

// scan holds a value against the patterns that are not looked up.
func (m *scratch) scan(k Kind, v event.Value) {
	for _, i := range m.set.scanned[k] {
		x := &m.set.mixed[i]
		if m.file && len(x.terms) == 1 && !ofFile(k) || !x.terms[x.anchor].textual.holds(m.buf[:0], k, v) || !m.holds(x) {
			continue
		}
		var ok bool
		if m.buf, ok = appendKey(m.buf[:0], k, v); ok {
			m.add(x.entry, i, k, v, m.buf)
		}
	}
}
