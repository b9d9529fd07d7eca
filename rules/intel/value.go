package intel

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// maxValue is the longest value that is looked up, in bytes.
const maxValue = 4096

// Term is one comparison: a value of a kind, or, in a pattern of several terms,
// an operator besides equality.
type Term struct {
	Kind Kind
	Op   Op
	// Value is the value as the indicator's author wrote it, defanged marks
	// taken out.
	Value string
	// key is the normal form that is looked up: bytes for addresses and
	// digests, text for names.
	key     string
	number  int64    // of a port or size
	textual *textual // of Like and Matches
}

// Op is how a term compares.
type Op uint8

// Operators; all but Equal, Like and Matches stand beside another term only.
const (
	Equal Op = iota
	NotEqual
	Less
	LessEqual
	Greater
	GreaterEqual
	Like    // the whole text, with % for any characters and _ for one
	Matches // a regular expression, somewhere in the text
)

func (o Op) String() string {
	return [...]string{"=", "!=", "<", "<=", ">", ">=", "LIKE", "MATCHES"}[o]
}

// newTerm reads a value of a kind in its normal form. What is expected is said
// in the error, which does not repeat the value.
func newTerm(kind Kind, value string) (Term, error) {
	value = strings.TrimSpace(value)
	t := Term{Kind: kind, Value: value}
	if value == "" {
		return t, fmt.Errorf("the value is empty")
	}
	if len(value) > maxValue {
		return t, fmt.Errorf("the value has %d bytes, more than the %d that are looked up", len(value), maxValue)
	}
	var err error
	switch kind {
	case Address, Source, Destination, Network:
		err = t.address()
	case Domain, Tree, Below:
		err = t.domain()
	case URL, BareURL:
		t.Value = refang(value)
		err = t.url()
	case MD5, JA3, JA3S, HASSH, HASSHServer:
		err = t.digest(16)
	case SHA1, CertSHA1:
		err = t.digest(20)
	case SHA256, CertSHA256:
		err = t.digest(32)
	case Email, Sender, Recipient:
		t.Value = refang(value)
		t.key = strings.ToLower(t.Value)
		if at := strings.LastIndexByte(t.key, '@'); at < 1 || at == len(t.key)-1 || strings.ContainsAny(t.key, " <>,") {
			err = fmt.Errorf("it is no e-mail address")
		}
	case JA4:
		t.key = strings.ToLower(value)
		if !isJA4(t.key) {
			err = fmt.Errorf("it is no JA4; expected a form as t13d1516h2_8daaf6152771_b186095e22b6")
		}
	case CertSerial:
		t.key = serial(value)
		if t.key == "" {
			err = fmt.Errorf("it is no serial number in hexadecimal")
		}
	case FileName:
		t.key = value[strings.LastIndexAny(value, `/\`)+1:]
		if t.key == "" {
			err = fmt.Errorf("it is no name of a file")
		}
	default: // texts that are compared as they are
		t.key = value
	}
	return t, err
}

func (t *Term) digest(size int) error {
	s := t.Value
	if strings.Contains(s, ":") { // AA:BB:.. as certificates are shown
		s = strings.ReplaceAll(s, ":", "")
	}
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != size {
		return fmt.Errorf("it is no digest of %d hexadecimal digits", 2*size)
	}
	t.key = string(b)
	return nil
}

// address reads an address or a network; which of both it is, the value says.
func (t *Term) address() error {
	t.Value = refang(t.Value)
	if a, err := netip.ParseAddr(t.Value); err == nil {
		if a.Zone() != "" {
			return fmt.Errorf("an address with a zone is known to one host only")
		}
		if t.Kind == Network {
			t.Kind = Address
		}
		t.key = addressKey(a)
		return nil
	}
	p, err := netip.ParsePrefix(t.Value)
	switch {
	case err != nil && strings.Contains(t.Value, "-"):
		return fmt.Errorf("a range is not read; write it as networks (192.0.2.0/24)")
	case err != nil:
		return fmt.Errorf("it is no address and no network")
	case p.Addr().Is4In6():
		return fmt.Errorf("it is a network of IPv4 addresses inside IPv6; write it as IPv4")
	case p.IsSingleIP():
		if t.Kind == Network {
			t.Kind = Address
		}
		t.key = addressKey(p.Addr())
		return nil
	case t.Kind == Source || t.Kind == Destination:
		return fmt.Errorf("a network on one side only is not looked up; leave the side open")
	case p.Bits() == 0:
		return fmt.Errorf("a network of all addresses says nothing")
	}
	t.Kind, t.key = Network, networkKey(p.Addr(), p.Bits())
	return nil
}

func addressKey(a netip.Addr) string {
	a = a.Unmap()
	if a.Is4() {
		b := a.As4()
		return string(b[:])
	}
	b := a.As16()
	return string(b[:])
}

// networkKey is the length of a prefix and the bytes of its address.
func networkKey(a netip.Addr, bits int) string {
	p, _ := a.Prefix(bits)
	return string([]byte{byte(bits)}) + addressKey(p.Addr())
}

// profile turns names with letters of other scripts into the form that stands
// in DNS (RFC 5891).
var profile = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// domain reads a name; "*.name" and ".name" mean the name and all below it.
func (t *Term) domain() error {
	s := refang(t.Value)
	switch {
	case strings.HasPrefix(s, "*."):
		s = s[2:]
	case strings.HasPrefix(s, "."):
		s = s[1:]
	default:
		s, _ = strings.CutSuffix(s, ".")
		t.Value = s
		return t.name(s)
	}
	if t.Kind == Domain {
		t.Kind = Tree
	}
	s, _ = strings.CutSuffix(s, ".")
	t.Value = s
	return t.name(s)
}

func (t *Term) name(s string) error {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			var err error
			if s, err = profile.ToASCII(s); err != nil {
				return fmt.Errorf("it is no name that can stand in DNS")
			}
			break
		}
	}
	s = strings.ToLower(s)
	if !isName(s) {
		return fmt.Errorf("it is no domain name")
	}
	if !strings.Contains(s, ".") && t.Kind != Domain {
		return fmt.Errorf("a top-level domain with all below it says nothing")
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return fmt.Errorf("it is an address, not a domain name")
	}
	t.key = s
	return nil
}

// isName reports whether s, in lower case, can be a name in DNS or a host's:
// labels of 1 to 63 letters, digits, hyphens and underscores.
func isName(s string) bool {
	if len(s) == 0 || len(s) > 253 {
		return false
	}
	label := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			if label == 0 {
				return false
			}
			label = 0
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
			if label++; label > 63 {
				return false
			}
		default:
			return false
		}
	}
	return label > 0
}

// isJA4 tells the form of JA4 (FoxIO, technical details of JA4): ten
// characters and two pieces of twelve hexadecimal digits.
func isJA4(s string) bool {
	if len(s) != 36 || s[10] != '_' || s[23] != '_' || strings.IndexByte("tqd", s[0]) < 0 || s[3] != 'd' && s[3] != 'i' {
		return false
	}
	for _, c := range []byte(s[11:23] + s[24:]) {
		if !isHex(c) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

// serial is a serial number in upper-case hexadecimal without separators and
// leading zeros; empty if it is none.
func serial(s string) string {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	s = strings.ToUpper(strings.NewReplacer(":", "", " ", "", "-", "").Replace(s))
	for i := 0; i < len(s); i++ {
		if !isHex(s[i]) {
			return ""
		}
	}
	if s != "" {
		if s = strings.TrimLeft(s, "0"); s == "" {
			s = "0"
		}
	}
	return s
}

// refang takes out the marks by which indicators are made harmless in reports:
// hxxp, [.], (.), [:], [@].
func refang(s string) string {
	if !strings.ContainsAny(s, "[({") && !strings.HasPrefix(s, "hx") && !strings.HasPrefix(s, "HX") {
		return s
	}
	s = fangs.Replace(s)
	if len(s) > 4 && strings.EqualFold(s[:4], "hxxp") {
		s = "http" + s[4:]
	}
	return s
}

var fangs = strings.NewReplacer("[.]", ".", "(.)", ".", "{.}", ".", "[.", ".", ".]", ".", "[dot]", ".", "(dot)", ".", "[:]", ":", "[://]", "://", "[@]", "@", "(at)", "@", "[at]", "@")
