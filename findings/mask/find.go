package mask

import "strings"

// Found is one piece of personal data or a credential in a text, by byte
// offsets.
type Found struct {
	Start, End int
	Kind       string // mykad, card, email or credential
}

// Find returns what must not be stored, in order and without overlap.
//
//   - mykad: twelve digits YYMMDD-PB-#### with a real month and day and a place
//     code that is in use (National Registration Department's list of place
//     codes), with or without hyphens.
//   - card: 13 to 19 digits with a known first digit that pass Luhn's check
//     (ISO/IEC 7812-1, annex B), in groups or not.
//   - email: an address in the sense of RFC 5321, section 4.1.2, ASCII only.
//   - credential: the value of a parameter whose name says it is one, and a JSON
//     Web Token wherever it stands (RFC 7519: both parts begin as an object does
//     in base64url).
func Find(s string) []Found {
	var out []Found
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= '0' && c <= '9' && (i == 0 || !digitOrLetter(s[i-1])):
			end, digits := number(s, i)
			kind := ""
			switch {
			case len(digits) == 12 && isMyKad(digits):
				kind = "mykad"
			case len(digits) >= 13 && isCard(digits):
				kind = "card"
			}
			if kind != "" {
				out = append(out, Found{i, end, kind})
			}
			i = end
		case c == '@':
			if f, ok := email(s, i); ok && (len(out) == 0 || out[len(out)-1].End <= f.Start) {
				out = append(out, f)
				i = f.End
			} else {
				i++
			}
		case c == 'e' && (i == 0 || !digitOrLetter(s[i-1])) && strings.HasPrefix(s[i:], objectStart):
			end := webToken(s, i)
			if end > i {
				out = append(out, Found{i, end, "credential"})
				i = end
			} else {
				i++
			}
		case c == '=' || c == ':':
			if f, ok := credential(s, i); ok {
				out = append(out, f)
				i = f.End
			} else {
				i++
			}
		default:
			i++
		}
	}
	return out
}

// objectStart is how `{"` looks in base64url.
const objectStart = "eyJ"

// webToken is the end of a JSON Web Token that begins at i; i when none does.
func webToken(s string, i int) int {
	part := func(i int) int {
		for i < len(s) && (digitOrLetter(s[i]) || s[i] == '_' || s[i] == '-') {
			i++
		}
		return i
	}
	head := part(i)
	if head-i < 8 || head >= len(s) || s[head] != '.' || !strings.HasPrefix(s[head+1:], objectStart) {
		return i
	}
	body := part(head + 1)
	if body-head < 8 {
		return i
	}
	if body < len(s) && s[body] == '.' {
		return part(body + 1)
	}
	return body
}

// number reads digits in groups joined by one space, hyphen or their URL
// forms; it stops after 19 digits, the longest card number.
func number(s string, i int) (end int, digits string) {
	var d [19]byte
	n := 0
	end = i
	for i < len(s) && n < len(d) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			d[n] = c
			n++
			i++
			end = i
		case (c == '-' || c == ' ' || c == '+') && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9':
			i++
		default:
			return end, trim(s, end, d[:n])
		}
	}
	return end, trim(s, end, d[:n])
}

// trim returns no digits when a letter or another digit follows: the number
// is part of something else.
func trim(s string, end int, d []byte) string {
	if end < len(s) && digitOrLetter(s[end]) {
		return ""
	}
	return string(d)
}

func digitOrLetter(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func two(s string) int { return int(s[0]-'0')*10 + int(s[1]-'0') }

func isMyKad(d string) bool {
	month, day, place := two(d[2:]), two(d[4:]), two(d[6:])
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return false
	}
	// Places without a code in use; all others are states (01-59), unknown
	// (82) or foreign countries.
	switch place {
	case 0, 17, 18, 19, 20, 69, 70, 73, 80, 81, 94, 95, 96, 97:
		return false
	}
	return true
}

func isCard(d string) bool {
	if d[0] < '2' || d[0] > '6' {
		return false
	}
	sum, same := 0, true
	for i := range d {
		n := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
		same = same && d[i] == d[0]
	}
	return sum%10 == 0 && !same
}

func email(s string, at int) (Found, bool) {
	start := at
	for start > 0 && at-start < 64 && (digitOrLetter(s[start-1]) || strings.IndexByte(".!#$*+-_~", s[start-1]) >= 0) {
		start--
	}
	end, dot := at+1, false
	for end < len(s) && end-at < 255 && (digitOrLetter(s[end]) || s[end] == '-' || s[end] == '.') {
		dot = dot || s[end] == '.' && end > at+1
		end++
	}
	for end > at && (s[end-1] == '.' || s[end-1] == '-') {
		end--
	}
	if start == at || end < at+4 || !dot || !strings.Contains(s[at:end], ".") {
		return Found{}, false
	}
	return Found{start, end, "email"}, true
}

// credentialNames are the parameter names whose values are secrets, lower case.
var credentialNames = []string{
	"password", "passwd", "pwd", "pass", "passphrase", "secret", "client_secret", "token", "access_token", "refresh_token",
	"id_token", "api_key", "apikey", "authorization", "sessionid", "session", "jsessionid", "phpsessid", "otp", "katalaluan",
	"jwt", "id_token_hint", "client_assertion", "assertion", "samlresponse", "pin", "cvv", "cvv2", "cvc", "cvc2",
}

// credential looks back from '=' or ':' for a name that says a secret follows;
// the value ends at the next separator.
func credential(s string, sep int) (Found, bool) {
	start := sep
	for start > 0 && (digitOrLetter(s[start-1]) || s[start-1] == '_' || s[start-1] == '-') && sep-start < 32 {
		start--
	}
	name := strings.ReplaceAll(strings.ToLower(s[start:sep]), "-", "_")
	known := false
	for _, n := range credentialNames {
		known = known || name == n
	}
	if !known {
		return Found{}, false
	}
	from := sep + 1
	for from < len(s) && s[from] == ' ' {
		from++
	}
	// "Authorization: Basic xyz": the scheme stays, what follows is the secret.
	if name == "authorization" {
		if i := strings.IndexByte(s[from:], ' '); i > 0 && i < 16 {
			from += i + 1
		}
	}
	end := from
	for end < len(s) && strings.IndexByte("&;, \t\r\n\"'", s[end]) < 0 {
		end++
	}
	return Found{from, end, "credential"}, end > from && s[from:end] != "[credential]"
}
