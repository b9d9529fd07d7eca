// Package feature finds what identifies people, money and access in bytes:
// MyKad and card numbers, e-mail addresses, phone numbers, URLs, IBANs, bitcoin
// addresses, keys and tokens. It is one hand-written pass without regular
// expressions; what has a check digit is checked. Start with Scan; the checks
// are exported for those who mask.
package feature

import (
	"bytes"
	"strings"
)

// Kind is what a feature is.
type Kind uint8

// Kinds of features. The values are part of the worker protocol.
const (
	MyKad Kind = iota
	Card
	Email
	Phone
	URL
	IBAN
	Bitcoin
	Secret
	kinds
)

var names = [kinds]string{"mykad", "card", "email", "phone", "url", "iban", "bitcoin", "secret"}

func (k Kind) String() string {
	if k < kinds {
		return names[k]
	}
	return "unknown"
}

// Names are those of all kinds, in their order.
func Names() []string { return names[:] }

// Set is a set of kinds.
type Set uint32

// All is every kind.
const All Set = 1<<kinds - 1

// Has reports whether a kind is in the set.
func (s Set) Has(k Kind) bool { return s>>k&1 != 0 }

// ByName gives the kind of a name.
func ByName(name string) (Kind, bool) {
	for i, n := range names {
		if n == name {
			return Kind(i), true
		}
	}
	return 0, false
}

// Found is one feature in a text, by byte offsets.
type Found struct {
	Start, End int
	Kind       Kind
	Detail     string // issuer, country or kind of secret, where it is known
}

// Bytes of content that Scan looks at of one feature, at most.
const maxFeature = 16 << 10

const (
	digit = 1 << iota
	upper
	lower
	word = digit | upper | lower
)

var class = func() (t [256]uint8) {
	for c := '0'; c <= '9'; c++ {
		t[c] = digit
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c], t[c+32] = upper, lower
	}
	return t
}()

// Scan gives f the features of the kinds in want, in their order and without
// overlap.
func Scan(b []byte, want Set, f func(Found)) {
	last := 0 // end of what was found last
	for i := 0; i < len(b); {
		c := b[i]
		k := class[c]
		var x Found
		ok := false
		switch {
		case k != 0: // the start of a word
			end := i + 1
			for end < len(b) && class[b[end]] != 0 {
				end++
			}
			if i >= last {
				x, ok = atWord(b, i, end, want)
			}
			if !ok {
				i = end
				continue
			}
		case c == '@' && want.Has(Email):
			var start, end int
			if start, end, ok = EmailAt(b, i); ok && start >= last && hostPart(b[i+1:end]) {
				x = Found{Start: start, End: end, Kind: Email}
			} else {
				ok = false
			}
		case c == ':' && want.Has(URL) && i+3 < len(b) && b[i+1] == '/' && b[i+2] == '/':
			x, ok = urlAt(b, i)
			ok = ok && x.Start >= last
		case c == '+' && want.Has(Phone):
			x, ok = international(b, i)
		case c == '-' && want.Has(Secret) && i+10 < len(b) && b[i+1] == '-' && b[i+2] == '-':
			x, ok = pemAt(b, i)
		}
		if !ok {
			i++
			continue
		}
		f(x)
		i, last = x.End, x.End
	}
}

// atWord looks at the word b[i:end], which letters and digits end nowhere else.
func atWord(b []byte, i, end int, want Set) (Found, bool) {
	if class[b[i]] == digit && (want&(1<<MyKad|1<<Card|1<<Phone)) != 0 {
		if x, ok := digitsAt(b, i, want); ok {
			return x, true
		}
	}
	n := end - i
	if want.Has(Bitcoin) && (b[i] == '1' || b[i] == '3') && n >= 26 && n <= 35 && isBase58Address(b[i:end]) {
		return Found{i, end, Bitcoin, "base58check"}, true
	}
	if want.Has(Bitcoin) && (b[i] == 'b' || b[i] == 'B') && n >= 14 && n <= 90 && isSegwit(b[i:end]) {
		return Found{i, end, Bitcoin, "bech32"}, true
	}
	if want.Has(IBAN) && n >= 4 && class[b[i]] == upper && class[b[i+1]] == upper && class[b[i+2]] == digit && class[b[i+3]] == digit {
		if x, ok := ibanAt(b, i); ok {
			return x, true
		}
	}
	if want.Has(Secret) {
		return tokenAt(b, i)
	}
	return Found{}, false
}

// text is what the checks take.
type text interface{ ~string | ~[]byte }

// EmailAt reads the address around the '@' at a place: RFC 5321, section 4.1.2,
// ASCII only, without quoted local parts.
func EmailAt[T text](s T, at int) (start, end int, ok bool) {
	start = at
	for start > 0 && at-start < 64 && (class[s[start-1]] != 0 || strings.IndexByte(".!#$*+-_~", s[start-1]) >= 0) {
		start--
	}
	dot := false
	for end = at + 1; end < len(s) && end-at < 255 && (class[s[end]] != 0 || s[end] == '-' || s[end] == '.'); end++ {
		dot = dot || s[end] == '.' && end > at+1
	}
	for end > at && (s[end-1] == '.' || s[end-1] == '-') {
		end--
	}
	inside := false
	for i := at; i < end; i++ {
		inside = inside || s[i] == '.'
	}
	return start, end, start < at && end >= at+4 && dot && inside
}

// hostPart says whether a domain has labels and ends in a top-level name of
// letters: what only looks like an address in binary data does not.
func hostPart(d []byte) bool {
	label, letters := 0, 0
	for i, c := range d {
		switch {
		case c == '.':
			if label == 0 || d[i-1] == '-' {
				return false
			}
			label, letters = 0, 0
			continue
		case class[c] == digit:
		case class[c] != 0:
			letters++
		case label == 0: // a hyphen first
			return false
		}
		label++
	}
	return label >= 2 && label <= 24 && letters == label
}

// urlAt reads the URL around "://": RFC 3986 with schemes that lead to a host.
func urlAt(b []byte, colon int) (Found, bool) {
	start := colon
	for start > 0 && colon-start < 8 && class[b[start-1]] != 0 {
		start--
	}
	switch strings.ToLower(string(b[start:colon])) {
	case "http", "https", "ftp", "ftps", "sftp", "ssh", "smb", "ws", "wss", "ldap", "ldaps", "rtsp", "hxxp", "hxxps", "git", "rdp", "vnc", "tftp":
	default:
		return Found{}, false
	}
	// The host first: what has none is not read on.
	from := colon + 3
	end := from
	for end < len(b) && end-from < 320 && b[end] > ' ' && b[end] < 0x7f && strings.IndexByte("\"<>`{}|\\^'/?#", b[end]) < 0 {
		end++
	}
	if !isHost(b[from:end]) {
		return Found{}, false
	}
	for end < len(b) && end-start < 2048 && b[end] > ' ' && b[end] < 0x7f && strings.IndexByte("\"<>`{}|\\^'", b[end]) < 0 {
		end++
	}
	for end > from && strings.IndexByte(".,;:!?)]*", b[end-1]) >= 0 {
		end--
	}
	return Found{start, end, URL, ""}, true
}

// isHost checks the authority of a URL: a name with a dot, localhost or an
// address, behind a user and before a port.
func isHost(host []byte) bool {
	if i := bytes.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if len(host) > 3 && host[0] == '[' {
		return bytes.IndexByte(host, ']') > 2
	}
	if i := bytes.IndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	host = bytes.TrimRight(host, ".,;!)")
	letters, dots := 0, 0
	for i, c := range host {
		switch {
		case class[c] != 0:
			letters++
		case c == '.' && i > 0 && host[i-1] != '.':
			dots++
		case c != '-' && c != '_':
			return false
		}
	}
	return letters >= 3 && (dots > 0 || string(host) == "localhost")
}

// Personal reports whether features of a kind are personal data or give access,
// so that they MUST NOT be stored as they are.
func (k Kind) Personal() bool { return k != URL && k != Bitcoin }

// Mask writes a feature so that people can tell it from others and nobody can
// use it: the end of a number, the domain of an address.
func (k Kind) Mask(value string) string {
	tail := func(n int) string { return "[" + k.String() + "]" + value[max(0, len(value)-n):] }
	switch k {
	case URL, Bitcoin:
		return value
	case Email:
		if i := strings.IndexByte(value, '@'); i >= 0 {
			return "[email]" + value[i:]
		}
	case Card, MyKad:
		return tail(4)
	case Phone:
		return tail(2)
	case IBAN:
		return value[:min(2, len(value))] + tail(2)
	}
	return "[" + k.String() + "]"
}
