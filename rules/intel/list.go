package intel

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"saksi/rules"
)

// maxLine is the longest line of a list that is read, in bytes.
const maxLine = 64 << 10

// lines reads a CSV file with a header, or a list of one value a line.
func (r *reading) lines(head []byte) error {
	src, err := r.b.newSource(source{file: r.path})
	if err != nil {
		return err
	}
	l := &list{r: r, src: src, x: Indicator{Confidence: -1, source: src}}
	for number := 1; ; number++ {
		line, err := r.in.ReadSlice('\n')
		switch {
		case len(line) > 0 && errors.Is(err, io.EOF), err == nil:
			if lerr := l.line(bytes.TrimRight(line, "\r\n"), number); lerr != nil {
				return lerr
			}
		case errors.Is(err, io.EOF):
			return nil
		default: // the line is longer than the buffer, or can't be read
			for err != nil && !errors.Is(err, io.EOF) {
				if _, err = r.in.ReadSlice('\n'); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
					return err
				}
			}
			r.problem(rules.Problem{Line: number, Column: 1, Level: rules.Wrong, Reason: "intel: line too long", Message: fmt.Sprintf("the line has more than %d bytes", maxLine)})
		}
	}
}

// list reads lines.
type list struct {
	r       *reading
	src     uint32
	columns map[string]int // nil: one value a line
	comma   byte
	started bool
	fields  []string
	term    [2]Term
	one     [1][]Term
	x       Indicator
	sources map[string]uint32
}

// columnNames are the columns of CSV files we read, with the names others give
// them.
var columnNames = map[string]string{
	"type": "type", "ioc_type": "type", "indicator_type": "type", "kind": "type",
	"value": "value", "indicator": "value", "ioc": "value", "ioc_value": "value", "observable": "value",
	"source": "source", "provider": "source", "reporter": "source",
	"valid_from": "valid_from", "valid_until": "valid_until", "expires": "valid_until", "expiration": "valid_until",
	"tlp": "tlp", "description": "description", "comment": "description", "name": "name", "malware_printable": "name", "threat": "name",
	"id": "id", "uuid": "id", "ioc_id": "id", "confidence": "confidence", "confidence_level": "confidence", "severity": "severity", "reference": "reference",
	"attack": "attack", "technique": "attack", "techniques": "attack", "to_ids": "to_ids",
}

func (l *list) line(b []byte, number int) error {
	text := strings.TrimSpace(string(b))
	if !l.started {
		if l.header(text) {
			l.started = true
			return nil
		}
		l.started = text != "" && !comment(text)
	}
	if text == "" || comment(text) {
		return nil
	}
	l.x = Indicator{Confidence: -1, source: l.src, Line: number}
	if l.columns != nil {
		return l.row(text, number)
	}
	if i := strings.IndexByte(text, '#'); i > 0 && (text[i-1] == ' ' || text[i-1] == '\t') {
		text = strings.TrimSpace(text[:i])
	}
	terms, err := guess(text, &l.term)
	if err != nil {
		l.wrong(number, "value", err)
		return nil
	}
	l.one[0] = terms
	l.x.Patterns = l.one[:]
	return l.r.take(&l.x)
}

func comment(s string) bool {
	return s[0] == '#' || s[0] == ';' || strings.HasPrefix(s, "//")
}

func (l *list) wrong(line int, column string, err error) {
	l.r.problem(rules.Problem{Line: line, Column: 1, Level: rules.Wrong, Reason: "intel: wrong " + column, Message: column + ": " + err.Error()})
}

// header reads the names of columns; a header may stand behind '#'.
func (l *list) header(text string) bool {
	text = strings.TrimSpace(strings.TrimLeft(text, "#"))
	for _, comma := range []byte{',', ';', '\t'} {
		fields, err := split(nil, text, comma)
		if err != nil {
			return false
		}
		columns := map[string]int{}
		for i, f := range fields {
			if name := columnNames[strings.ToLower(strings.TrimSpace(f))]; name != "" {
				if _, twice := columns[name]; !twice {
					columns[name] = i
				}
			}
		}
		_, value := columns["value"]
		if value && (len(fields) > 1 || strings.EqualFold(strings.TrimSpace(text), "value")) {
			l.columns, l.comma = columns, comma
			return true
		}
	}
	return false
}

// split takes a line of CSV apart (RFC 4180, but a line ends its record).
func split(dst []string, s string, comma byte) ([]string, error) {
	for {
		s = strings.TrimLeft(s, " ")
		if s == "" || s[0] != '"' {
			i := strings.IndexByte(s, comma)
			if i < 0 {
				return append(dst, strings.TrimSpace(s)), nil
			}
			dst = append(dst, strings.TrimSpace(s[:i]))
			s = s[i+1:]
			continue
		}
		var b strings.Builder
		i := 1
		for ; ; i++ {
			if i == len(s) {
				return dst, errors.New("a quoted field does not end on its line")
			}
			if s[i] != '"' {
				b.WriteByte(s[i])
				continue
			}
			if i+1 == len(s) || s[i+1] != '"' {
				break
			}
			b.WriteByte('"')
			i++
		}
		dst = append(dst, b.String())
		s = strings.TrimLeft(s[i+1:], " ")
		if s == "" {
			return dst, nil
		}
		if s[0] != comma {
			return dst, errors.New("text follows a quoted field")
		}
		s = s[1:]
	}
}

func (l *list) column(name string) string {
	if i, ok := l.columns[name]; ok && i < len(l.fields) {
		return l.fields[i]
	}
	return ""
}

// row reads a line of a file with columns. An indicator of which a limit can't
// be read is not taken: it would be looked for when it must not.
func (l *list) row(text string, number int) error {
	var err error
	if l.fields, err = split(l.fields[:0], text, l.comma); err != nil {
		l.wrong(number, "line", err)
		return nil
	}
	x := &l.x
	if s := l.column("to_ids"); s == "0" || strings.EqualFold(s, "false") {
		l.r.without["to_ids is not set"]++
		return nil
	}
	if x.From, err = readTime(l.column("valid_from"), false); err != nil {
		l.wrong(number, "valid_from", err)
		return nil
	}
	if x.Until, err = readTime(l.column("valid_until"), true); err != nil {
		l.wrong(number, "valid_until", err)
		return nil
	}
	if x.Until != 0 && x.From >= x.Until {
		l.wrong(number, "valid_until", errors.New("it is not after valid_from"))
		return nil
	}
	if s := l.column("tlp"); s != "" {
		var ok bool
		if x.TLP, ok = ParseTLP(s); !ok {
			l.wrong(number, "tlp", errors.New("it is no marking; expected CLEAR, GREEN, AMBER, AMBER+STRICT or RED"))
			return nil
		}
	}
	if s := l.column("confidence"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > 100 {
			l.wrong(number, "confidence", errors.New("it is no number from 0 to 100"))
			return nil
		}
		x.Confidence = n
	}
	if s := l.column("severity"); s != "" {
		var ok bool
		if x.Severity, ok = rules.SeverityByName(s); !ok {
			l.wrong(number, "severity", errors.New("it is none; expected low, medium, high or critical"))
			return nil
		}
	}
	x.ID, x.Name, x.Description, x.Reference = l.column("id"), l.column("name"), l.column("description"), l.column("reference")
	for _, t := range strings.FieldsFunc(l.column("attack"), func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r == '|' }) {
		x.Techniques = rules.AddTechnique(x.Techniques, t)
	}
	if x.source, err = l.source(l.column("source")); err != nil {
		return err
	}
	patterns, reason, err := l.typed(l.column("type"), l.column("value"))
	switch {
	case err != nil && reason == "":
		l.wrong(number, "value", err)
		return nil
	case err != nil:
		l.r.problem(rules.Problem{Line: number, Column: 1, Level: rules.Refused, Rule: x.ID, Reason: "intel: type " + reason, Message: err.Error()})
		return nil
	}
	x.Patterns = patterns
	return l.r.take(x)
}

// source is the number of a provider.
func (l *list) source(provider string) (uint32, error) {
	if provider == "" {
		return l.src, nil
	}
	n, ok := l.sources[provider]
	if !ok {
		var err error
		if n, err = l.r.b.newSource(source{file: l.r.path, provider: provider}); err != nil {
			return 0, err
		}
		if l.sources == nil {
			l.sources = map[string]uint32{}
		}
		l.sources[strings.Clone(provider)] = n
	}
	return n, nil
}

// typed reads a value of a named type; an empty name has it guessed. reason is
// set where the type is what can't be honored.
func (l *list) typed(name, value string) (patterns [][]Term, reason string, err error) {
	name = strings.ToLower(strings.TrimSpace(name))
	if name == "" || name == "ip:port" {
		l.one[0], err = guess(value, &l.term)
		return l.one[:], "", err
	}
	if k, ok := listKinds[name]; ok {
		l.term[0], err = newTerm(k, value)
		l.one[0] = l.term[:1]
		return l.one[:], "", err
	}
	if pair := mispTypes[name]; pair != nil && strings.Contains(name, "|") {
		patterns, err = pair(value)
		return patterns, "", err
	}
	return nil, short(name), fmt.Errorf("indicators of type %q are not looked for", short(name))
}

// guess tells what a value is by its form: an address, a network, an address
// with a port, a digest, a URL, an e-mail address, JA4, a domain name, or a
// line of a hosts file.
func guess(s string, room *[2]Term) ([]Term, error) {
	if a, name, ok := strings.Cut(strings.ReplaceAll(s, "\t", " "), " "); ok { // 0.0.0.0 evil.example
		if _, err := netip.ParseAddr(a); err != nil {
			return nil, errors.New("there is more than one value")
		}
		s = strings.TrimSpace(name)
		if strings.Contains(s, " ") {
			return nil, errors.New("there is more than one value")
		}
	}
	k := kindNone
	switch {
	case s == "":
		return nil, errors.New("the value is empty")
	case len(s) == 32 && allHex(s):
		k = MD5
	case len(s) == 40 && allHex(s):
		k = SHA1
	case len(s) == 64 && allHex(s):
		k = SHA256
	case len(s) == 36 && isJA4(strings.ToLower(s)):
		k = JA4
	}
	if k != kindNone {
		var err error
		room[0], err = newTerm(k, s)
		return room[:1], err
	}
	s = refang(s)
	if c := s[0]; c >= '0' && c <= '9' || c == ':' || c == '[' || strings.Count(s, ":") > 1 && !strings.Contains(s, "/") {
		if ap, err := netip.ParseAddrPort(s); err == nil {
			room[0], err = newTerm(Destination, ap.Addr().String())
			room[1] = Term{Kind: DestinationPort, Value: strconv.Itoa(int(ap.Port())), number: int64(ap.Port())}
			return room[:2], err
		}
		if t, err := newTerm(Address, s); err == nil {
			room[0] = t
			return room[:1], nil
		} else if net, bits, ok := strings.Cut(s, "/"); ok && len(bits) <= 3 && allDigits(bits) {
			if _, aerr := netip.ParseAddr(net); aerr == nil {
				return nil, err
			}
		}
	}
	switch {
	case strings.Contains(s, "/"):
		k = URL
	case strings.Contains(s, "@"):
		k = Email
	default:
		k = Domain
		if host, port, ok := strings.Cut(s, ":"); ok && allDigits(port) {
			pair, err := withPort(Domain, DestinationPort)(host + "|" + port)
			if err != nil {
				return nil, err
			}
			return pair[0], nil
		}
		if !strings.Contains(strings.TrimPrefix(s, "."), ".") {
			return nil, errors.New("it is no address, digest, URL, e-mail address or domain name")
		}
	}
	var err error
	room[0], err = newTerm(k, s)
	return room[:1], err
}

func allHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isHex(s[i]) {
			return false
		}
	}
	return true
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// readTime reads a time as lists write it; no zone is UTC. An end that is a
// date alone is the end of that day.
func readTime(s string, end bool) (int64, error) {
	if s == "" {
		return 0, nil
	}
	if allDigits(s) && len(s) >= 9 && len(s) <= 10 {
		n, err := strconv.ParseInt(s, 10, 64)
		return n * 1e9, err
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		if end {
			t = t.AddDate(0, 0, 1)
		}
		return bounded(t)
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05 UTC", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			return bounded(t)
		}
	}
	return 0, errors.New("it is no time; expected a form as 2026-01-31T08:00:00Z or 2026-01-31")
}

// bounded refuses what Unix nanoseconds can't hold; 0 stands for no time.
func bounded(t time.Time) (int64, error) {
	if y := t.Year(); y < 1970 || y > 2261 {
		return 0, errors.New("its year lies outside 1970 to 2261")
	}
	return max(t.UnixNano(), 1), nil
}

// IsHeader reports whether a line names the columns of a CSV file of indicators.
func IsHeader(line string) bool { return (&list{}).header(strings.TrimPrefix(line, string(bom))) }
