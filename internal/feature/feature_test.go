package feature

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func all(b string, want Set) (out []string) {
	Scan([]byte(b), want, func(x Found) { out = append(out, x.Kind.String()+" "+b[x.Start:x.End]) })
	return out
}

// TestScan proves what is found in texts of both kinds, by published examples.
func TestScan(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"IC 850131-14-5678.", "mykad 850131-14-5678"},
		{"ic=850131145678&", "mykad 850131145678"},
		{"850231-14-5678", ""}, // no 31 February
		{"010229-14-5678", ""}, // 2001 is no leap year
		{"850131-17-5678", ""}, // place code 17 is not in use
		{"8501-3114-5678", ""}, // other groups
		{"x850131145678", ""},  // part of a word
		{"0.850131145678", ""}, // a fraction
		{"850131145678.5", ""}, // the same
		{"850131145678_9", ""}, // part of a name
		{"1850131145678901", ""},
		{"card 4111 1111 1111 1111 exp 12/29", "card 4111 1111 1111 1111"},
		{"5555-5555-5555-4444", "card 5555-5555-5555-4444"},
		{"378282246310005", "card 378282246310005"},
		{"3782 822463 10005", "card 3782 822463 10005"},
		{"4111 1111 1111 1112", ""}, // Luhn
		{"41 11 1111 11111111", ""}, // groups no card has
		{"9111111111111119", ""},    // no issuer
		{"0000000000000000", ""},
		{"from <aminah.binti@jpn.example.my>,", "email aminah.binti@jpn.example.my"},
		{"a@b", ""},
		{"@example.my", ""},
		{"x@y.1", ""},
		{"icon@2x.png", "email icon@2x.png"},
		{"call +60 12-345 6789 or 03-8000 8000", "phone +60 12-345 6789,phone 03-8000 8000"},
		{"012-3456789", "phone 012-3456789"},
		{"0123456789", ""},
		{"+1 202 555 0143", "phone +1 202 555 0143"},
		{"1-300-88-2525", "phone 1-300-88-2525"},
		{"1+123456789012", ""},
		{"see https://www.example.com/a?b=c.", "url https://www.example.com/a?b=c"},
		{"http://user:pw@10.0.0.1:8080/x", "url http://user:pw@10.0.0.1:8080/x"},
		{"xyz://example.com", ""},
		{"http://", ""},
		{"file://a", ""},
		{"IBAN GB82 WEST 1234 5698 7654 32", "iban GB82 WEST 1234 5698 7654 32"},
		{"DE89370400440532013000", "iban DE89370400440532013000"},
		{"DE89370400440532013001", ""},
		{"XX82WEST12345698765432", ""},
		{"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bitcoin 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"},
		{"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", ""},
		{"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bitcoin bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"},
		{"BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "bitcoin BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"},
		{"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", ""},
		{"key AKIAIOSFODNN7EXAMPLE ", "secret AKIAIOSFODNN7EXAMPLE"},
		{"AKIAiosfodnn7example", ""},
		{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "secret eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
		{"eyJhbGciOi.eyJzdWIiOiIxIn0.x", ""},
		{"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n", "secret -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"},
		{"-----BEGIN CERTIFICATE-----", ""},
		{"glpat-XXXXXXXXXXXXXXXXXXXX", ""},
	} {
		if got := strings.Join(all(c.text, All), ","); got != c.want {
			t.Errorf("%q: %q, expected %q", c.text, got, c.want)
		}
	}
}

func pick(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }

func digits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(10))
	}
	return string(b)
}

func signs(r *rand.Rand, alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

const base62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// luhned appends the check digit by the definition: the sum with it ends in 0.
func luhned(d string) string {
	for c := '0'; c <= '9'; c++ {
		if sum := 0; true {
			for i, x := range reverse(d + string(c)) {
				n := int(x - '0')
				if i%2 == 1 {
					n = n*2/10 + n*2%10
				}
				sum += n
			}
			if sum%10 == 0 {
				return d + string(c)
			}
		}
	}
	panic("no digit")
}

func reverse(s string) string {
	b := []byte(s)
	for i := range len(b) / 2 {
		b[i], b[len(b)-1-i] = b[len(b)-1-i], b[i]
	}
	return string(b)
}

func iban(r *rand.Rand) string {
	x := pick(r, "DE22", "NL18", "FR27", "GB22", "SA24")
	n := int(x[2]-'0')*10 + int(x[3]-'0')
	bban := digits(r, n-4)
	if x[:2] == "GB" || x[:2] == "NL" {
		bban = signs(r, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 4) + digits(r, n-8)
	}
	text := ""
	for _, c := range bban + x[:2] + "00" {
		if c >= 'A' {
			text += fmt.Sprint(c - 'A' + 10)
		} else {
			text += string(c)
		}
	}
	v, _ := new(big.Int).SetString(text, 10)
	check := 98 - new(big.Int).Mod(v, big.NewInt(97)).Int64()
	return fmt.Sprintf("%s%02d%s", x[:2], check, bban)
}

func address(r *rand.Rand) string {
	raw := make([]byte, 21)
	for i := 1; i < len(raw); i++ {
		raw[i] = byte(r.IntN(256))
	}
	raw[1] |= 1 // one leading zero only
	sum := sha256.Sum256(raw)
	sum = sha256.Sum256(sum[:])
	v, out := new(big.Int).SetBytes(append(raw, sum[:4]...)), ""
	for m := new(big.Int); v.Sign() > 0; {
		v.DivMod(v, big.NewInt(58), m)
		out = string(base58[m.Int64()]) + out
	}
	return "1" + out
}

// positive makes a feature in one of the ways it is written.
func positive(r *rand.Rand, k Kind) string {
	switch k {
	case MyKad:
		return fmt.Sprintf("%s%02d%02d%s%s%s%04d", digits(r, 2), 1+r.IntN(12), 1+r.IntN(28), "", pick(r, "01", "10", "14", "16", "21", "59", "71", "82"), "", 1+r.IntN(9999))
	case Card:
		x := pick(r, "4", "53", "2720", "6011", "3530")
		d := luhned(x + digits(r, 15-len(x)))
		if r.IntN(2) == 0 {
			return d[:4] + " " + d[4:8] + " " + d[8:12] + " " + d[12:]
		}
		return d
	case Email:
		return signs(r, "abcdefghij", 1+r.IntN(9)) + pick(r, "", ".", "-", "_") + signs(r, "klmnop12", 3) + "@" + signs(r, "abcdef", 5) + pick(r, ".my", ".com.my", ".gov.my", ".org")
	case Phone:
		return pick(r, "+601"+pick(r, "2", "3", "6", "9")+digits(r, 7), "01"+pick(r, "2", "7")+"-"+digits(r, 7), "03-"+pick(r, "2", "8")+digits(r, 3)+" "+digits(r, 4), "+65 "+digits(r, 4)+" "+digits(r, 4), "011-"+digits(r, 4)+" "+digits(r, 4))
	case URL:
		return pick(r, "http", "https", "ftp") + "://" + signs(r, "abcdef", 6) + pick(r, ".com", ".my") + "/" + signs(r, base62, r.IntN(20))
	case IBAN:
		return iban(r)
	case Bitcoin:
		return address(r)
	}
	return pick(r, "AKIA"+signs(r, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16), "ghp_"+signs(r, base62, 36), "AIza"+signs(r, base62, 35), "xoxb-"+digits(r, 12)+"-"+signs(r, base62, 24), "npm_"+signs(r, base62, 36))
}

// negative makes what looks like a feature and is none.
func negative(r *rand.Rand) string {
	switch r.IntN(16) {
	case 0:
		return fmt.Sprintf("%s%02d%02d%s", digits(r, 2), 13+r.IntN(80), 1+r.IntN(28), digits(r, 6)) // no month
	case 1:
		return fmt.Sprintf("0.%s", digits(r, 12))
	case 2:
		d := luhned("4" + digits(r, 14))
		return d[:15] + string('0'+(d[15]-'0'+1+byte(r.IntN(9)))%10) // another check digit
	case 3:
		return fmt.Sprintf("%d.%d.%d.%d", r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256))
	case 4:
		return fmt.Sprintf("20%02d-%02d-%02d %02d:%02d:%02d.%s", r.IntN(30), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), digits(r, 6))
	case 5:
		return signs(r, "0123456789abcdef", 64)
	case 6:
		return "user@" + signs(r, "abcdef", 4) // no domain
	case 7:
		s := []byte(iban(r))
		s[len(s)-1] = '0' + (s[len(s)-1]-'0'+1)%10
		return string(s)
	case 8:
		s := address(r)
		return s[:len(s)-1] + pick(r, "0", "O", "l")
	case 9:
		return "AKIA" + signs(r, "abcdefghij", 16)
	case 10:
		return "ghp_" + signs(r, base62, 20)
	case 11:
		return fmt.Sprintf("17%s", digits(r, 8)) // seconds since 1970
	case 12:
		return fmt.Sprintf("%s-%s-%s-%s-%s", signs(r, "0123456789abcdef", 8), signs(r, "0123456789abcdef", 4), signs(r, "0123456789abcdef", 4), signs(r, "0123456789abcdef", 4), signs(r, "0123456789abcdef", 12))
	case 13:
		return "std::" + signs(r, "abcdef", 5) + "::x"
	case 14:
		return digits(r, 10)
	}
	return "9" + digits(r, 15)
}

// TestPrecisionRecall measures both on a seeded set: features of each kind in
// each place among what only looks like one.
func TestPrecisionRecall(t *testing.T) {
	const n, least = 4000, 0.95
	r := rand.New(rand.NewPCG(17, 3))
	var right, wrong, missed [kinds]int
	for i := range n {
		k := Kind(i % int(kinds))
		truth := positive(r, k)
		before, after := pick(r, "", " ", "x=", "\x00", "(", "\n"), pick(r, "", " ", ",", "\x00", ")", "\r\n", ". Dan")
		text := negative(r) + "\t" + before + truth + after + "\t" + negative(r)
		hit := false
		Scan([]byte(text), All, func(x Found) {
			if x.Kind == k && text[x.Start:x.End] == truth {
				hit = true
				right[k]++
			} else {
				wrong[x.Kind]++
			}
		})
		if !hit {
			missed[k]++
			if missed[k] < 4 {
				t.Logf("missed %s in %q", k, text)
			}
		}
	}
	for k := range kinds {
		precision, recall := float64(right[k])/float64(right[k]+wrong[k]), float64(right[k])/float64(right[k]+missed[k])
		t.Logf("%-8s precision %.3f, recall %.3f of %d", k, precision, recall, right[k]+missed[k])
		if precision < least || recall < least {
			t.Errorf("%s: precision %.3f, recall %.3f, expected %.2f", k, precision, recall, least)
		}
	}
}

// TestBounds proves that what is found lies in order inside any bytes.
func TestBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`([0-9a-zA-Z@.:/+ \-]{0,30}(eyJ|-----BEGIN |AKIA|bc1|://|\+60|GB82 |AIza|SG\.)?){0,4}`).Draw(t, "s")
		at := 0
		Scan([]byte(s), All, func(x Found) {
			if x.Start < at || x.End <= x.Start || x.End > len(s) {
				t.Fatalf("%q: %v after %d", s, x, at)
			}
			at = x.End
		})
	})
}

func BenchmarkScan(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	var text []byte
	for len(text) < 1<<20 {
		text = append(text, negative(r)+" the quick brown fox, func main() { return x[i] }\n"...)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Scan(text, All, func(Found) {})
	}
}
