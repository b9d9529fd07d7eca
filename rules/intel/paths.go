package intel

import (
	"strconv"
	"strings"
)

// stixPaths are the object paths of STIX 2.1 that our events tell, without
// quotes.
var stixPaths = map[string]Kind{
	"ipv4-addr:value": Address, "ipv6-addr:value": Address,
	"domain-name:value": Domain, "domain-name:resolves_to_refs[*].value": Address,
	"url:value": URL, "email-addr:value": Email,
	"email-message:from_ref.value": Sender, "email-message:sender_ref.value": Sender,
	"email-message:to_refs[*].value": Recipient, "email-message:cc_refs[*].value": Recipient, "email-message:bcc_refs[*].value": Recipient,
	"email-message:subject": Subject,
	"file:hashes.MD5":       MD5, "file:hashes.SHA-1": SHA1, "file:hashes.SHA-256": SHA256,
	"artifact:hashes.MD5": MD5, "artifact:hashes.SHA-1": SHA1, "artifact:hashes.SHA-256": SHA256,
	"process:image_ref.hashes.MD5": MD5, "process:image_ref.hashes.SHA-1": SHA1, "process:image_ref.hashes.SHA-256": SHA256,
	"file:name": FileName, "file:size": FileSize,
	"x509-certificate:hashes.SHA-1": CertSHA1, "x509-certificate:hashes.SHA-256": CertSHA256, "x509-certificate:serial_number": CertSerial,
	"network-traffic:src_ref.value": Source, "network-traffic:dst_ref.value": Destination,
	"network-traffic:src_port": SourcePort, "network-traffic:dst_port": DestinationPort,
	"network-traffic:protocols[*]":                                             Protocol,
	"network-traffic:extensions.http-request-ext.request_method":               Method,
	"network-traffic:extensions.http-request-ext.request_value":                Path,
	"network-traffic:extensions.http-request-ext.request_header.User-Agent":    UserAgent,
	"network-traffic:extensions.http-request-ext.request_header.User-Agent[*]": UserAgent,
	"software:user_agent": UserAgent,
}

// hashNames are writings of the names of digests besides STIX's own.
var hashNames = strings.NewReplacer("hashes.md5", "hashes.MD5", "hashes.SHA1", "hashes.SHA-1", "hashes.sha1", "hashes.SHA-1", "hashes.sha-1", "hashes.SHA-1", "hashes.SHA256", "hashes.SHA-256", "hashes.sha256", "hashes.SHA-256", "hashes.sha-256", "hashes.SHA-256")

// comparing is one comparison under work.
type comparing struct {
	p      *patternParser
	at     int
	path   string
	not    bool
	op     string
	opAt   int
	values []token
}

// alternatives gives the terms of the comparison: one, or one for each value of
// a set.
func (c *comparing) alternatives() ([][]placed, *patternError) {
	p := c.p
	path := hashNames.Replace(strings.ReplaceAll(c.path, "[0]", "[*]"))
	if path == "network-traffic:src_ref.type" || path == "network-traffic:dst_ref.type" {
		return c.family(path)
	}
	kind, ok := stixPaths[path]
	if !ok {
		object, _, _ := strings.Cut(c.path, ":")
		return nil, p.refused(c.at, "object "+short(object), "%s is told by no event of ours", short(c.path))
	}
	var terms []placed
	for _, v := range c.values {
		t, err := c.term(kind, v)
		if err != nil {
			return nil, err
		}
		terms = append(terms, placed{Term: t, at: c.at, path: path})
	}
	if len(terms) == 0 {
		return nil, p.wrong(c.opAt, "empty set", "the set is empty")
	}
	if c.op == "IN" && c.not || c.op == "!=" { // none of them
		for i := range terms {
			terms[i].Op = NotEqual
		}
		if len(terms) > maxTerms {
			return nil, p.refused(c.opAt, "terms", "more than %d comparisons must hold together", maxTerms)
		}
		return [][]placed{terms}, nil
	}
	if len(terms) > maxAlternatives {
		return nil, p.refused(c.opAt, "alternatives", "the set has more than %d values", maxAlternatives)
	}
	var out [][]placed
	for _, t := range terms {
		out = append(out, []placed{t})
	}
	return out, nil
}

// family asks for the family of an address, which is told by its kind. That a
// reference is a name asks nothing: its value says so.
func (c *comparing) family(path string) ([][]placed, *patternError) {
	name := map[string]string{"ipv4-addr": "ipv4", "ipv6-addr": "ipv6", "domain-name": "domain"}[c.values[0].text]
	switch {
	case c.op != "=" || c.not || name == "":
		return nil, c.p.refused(c.opAt, "reference type", "the type of a reference is only compared with 'ipv4-addr', 'ipv6-addr' or 'domain-name'")
	case name == "domain":
		return [][]placed{{}}, nil
	}
	t := Term{Kind: Protocol, Value: name, key: name}
	return [][]placed{{{Term: t, at: c.at, path: path}}}, nil
}

// term reads one value by the comparison's operator.
func (c *comparing) term(kind Kind, v token) (Term, *patternError) {
	p := c.p
	value, op := v.text, Equal
	if v.kind == tokOther {
		return Term{}, p.refused(v.at, "value", "a fraction, time, hexadecimal, binary or truth value is compared with nothing of ours")
	}
	switch c.op {
	case "=", "IN":
	case "!=":
		if c.not {
			return Term{}, p.wrong(c.opAt, "syntax", "NOT does not stand before !=")
		}
	case "<", "<=", ">", ">=":
		op = map[string]Op{"<": Less, "<=": LessEqual, ">": Greater, ">=": GreaterEqual}[c.op]
		if kind != SourcePort && kind != DestinationPort && kind != FileSize {
			return Term{}, p.refused(c.opAt, "order", "only ports and sizes are compared by %s", c.op)
		}
	case "LIKE":
		if !strings.ContainsAny(value, "%_") {
			break
		}
		if name, ok := strings.CutPrefix(value, "%."); ok && kind == Domain && !strings.ContainsAny(name, "%_") {
			kind, value = Below, name
			break
		}
		return c.textual(kind, Like, v)
	case "MATCHES":
		return c.textual(kind, Matches, v)
	case "ISSUBSET":
		if kind != Address {
			return Term{}, p.refused(c.opAt, "ISSUBSET", "ISSUBSET is honored for addresses on either side only")
		}
	case "ISSUPERSET":
		return Term{}, p.refused(c.opAt, c.op, "%s is not honored", c.op)
	default:
		return Term{}, p.wrong(c.opAt, "syntax", "%q is no operator", short(c.op))
	}
	if c.not && c.op != "IN" {
		return Term{}, p.refused(c.opAt, "NOT", "NOT is honored before IN only")
	}
	switch kind {
	case SourcePort, DestinationPort, FileSize:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return Term{}, p.wrong(v.at, "value", "it is no whole number")
		}
		return Term{Kind: kind, Op: op, Value: value, number: n}, nil
	}
	t, err := newTerm(kind, value)
	if err != nil && (kind == Source || kind == Destination) { // the other end may be known by its name
		if name, nerr := newTerm(Domain, value); nerr == nil {
			t, err = name, nil
		}
	}
	if err != nil {
		return Term{}, p.wrong(v.at, "value", "%v", err)
	}
	return t, nil
}

// textual reads a text that a value is held against.
func (c *comparing) textual(kind Kind, op Op, v token) (Term, *patternError) {
	switch {
	case c.not:
		return Term{}, c.p.refused(c.opAt, "NOT", "NOT is honored before IN only")
	case !textKind(kind):
		return Term{}, c.p.refused(c.opAt, c.op, "%s compares texts, which %s is not here", c.op, short(c.path))
	}
	text, err := newTextual(kind, op, v.text)
	if err != nil {
		return Term{}, c.p.refused(v.at, c.op, "%s: %v", c.op, err)
	}
	return Term{Kind: kind, Op: op, Value: v.text, key: v.text, textual: text}, nil
}
