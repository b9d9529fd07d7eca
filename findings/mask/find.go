package mask

import (
	"strings"

	"saksi/internal/feature"
)

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
			end, digits := feature.Number(s, i)
			kind := ""
			switch {
			case feature.IsMyKad(digits):
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

func digitOrLetter(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// isCard is wider than what the search for features takes for a card: any
// scheme, since what is not masked is stored.
func isCard(d string) bool { return d[0] >= '2' && d[0] <= '6' && feature.Luhn(d) }

func email(s string, at int) (Found, bool) {
	start, end, ok := feature.EmailAt(s, at)
	return Found{start, end, "email"}, ok
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
