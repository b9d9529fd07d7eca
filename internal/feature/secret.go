package feature

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// tokens are keys that providers mark by a prefix, with the number of signs
// that follow at least and the signs besides letters and digits.
var tokens = []struct {
	prefix, more string
	least, most  int
	name         string
}{
	{"AKIA", "", 16, 16, "aws access key"},
	{"ASIA", "", 16, 16, "aws access key"},
	{"ghp_", "", 36, 36, "github token"},
	{"gho_", "", 36, 36, "github token"},
	{"ghu_", "", 36, 36, "github token"},
	{"ghs_", "", 36, 36, "github token"},
	{"ghr_", "", 36, 76, "github token"},
	{"github_pat_", "_", 82, 82, "github token"},
	{"glpat-", "-_", 20, 40, "gitlab token"},
	{"npm_", "", 36, 36, "npm token"},
	{"xoxb-", "-", 20, 90, "slack token"},
	{"xoxp-", "-", 20, 90, "slack token"},
	{"xoxa-", "-", 20, 90, "slack token"},
	{"xoxs-", "-", 20, 90, "slack token"},
	{"sk_live_", "", 24, 99, "stripe key"},
	{"rk_live_", "", 24, 99, "stripe key"},
	{"AIza", "-_", 35, 35, "google key"},
	{"SG.", "-_.", 66, 66, "sendgrid key"},
	{"hvs.", "-_", 90, 120, "vault token"},
	{"dop_v1_", "", 64, 64, "digitalocean token"},
	{"AGE-SECRET-KEY-1", "", 58, 58, "age key"},
}

func tokenAt(b []byte, i int) (Found, bool) {
	if b[i] == 'e' {
		return jwtAt(b, i)
	}
	if b[i] == 'P' && bytes.HasPrefix(b[i:], []byte("PuTTY-User-Key-File-")) {
		stop := bytes.IndexByte(b[i:min(len(b), i+80)], '\n')
		if stop > 0 {
			return Found{i, i + stop, Secret, "private key (PuTTY)"}, true
		}
	}
	if strings.IndexByte("AagnxsrSdh", b[i]) < 0 {
		return Found{}, false
	}
	for k := range tokens {
		t := &tokens[k]
		if t.prefix[0] != b[i] || !bytes.HasPrefix(b[i:], []byte(t.prefix)) {
			continue
		}
		at := i + len(t.prefix)
		end := at
		for ; end < len(b) && end-at <= t.most && (class[b[end]] != 0 || strings.IndexByte(t.more, b[end]) >= 0); end++ {
			if t.prefix[1] == 'K' && class[b[end]] == lower { // AWS: capitals and digits
				return Found{}, false
			}
		}
		if n := end - at; n < t.least || n > t.most || sameSigns(b[at:end]) {
			return Found{}, false
		}
		return Found{i, end, Secret, t.name}, true
	}
	return Found{}, false
}

// sameSigns says that a token is a placeholder such as XXXXXXXX.
func sameSigns(b []byte) bool {
	var seen [256]bool
	n := 0
	for _, c := range b {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n < 6
}

func isBase64URL(c byte) bool { return class[c] != 0 || c == '-' || c == '_' }

// jwtAt reads a JSON web token (RFC 7519): its header must decode to an object
// with "alg".
func jwtAt(b []byte, i int) (Found, bool) {
	// What only goes on from signs of its alphabet is no beginning: each sign is
	// looked at a few times, whatever the bytes.
	if !bytes.HasPrefix(b[i:], []byte("eyJ")) || i > 0 && isBase64URL(b[i-1]) {
		return Found{}, false
	}
	at := i
	var dots [2]int
	n := 0
	for ; at < len(b) && at-i < maxFeature; at++ {
		if b[at] == '.' && n < 2 {
			dots[n] = at
			n++
		} else if !isBase64URL(b[at]) {
			break
		}
	}
	if n < 2 || dots[1]-dots[0] < 4 || dots[0]-i > 1024 {
		return Found{}, false
	}
	header, err := base64.RawURLEncoding.DecodeString(string(b[i:dots[0]]))
	return Found{i, at, Secret, "json web token"}, err == nil && bytes.Contains(header, []byte(`"alg"`)) && at-dots[1] > 20
}

// pemAt reads a private key in the form of RFC 7468 or of OpenPGP's armor, to its
// end line where that is near.
func pemAt(b []byte, i int) (Found, bool) {
	const begin, private = "-----BEGIN ", "PRIVATE KEY"
	if !bytes.HasPrefix(b[i:], []byte(begin)) {
		return Found{}, false
	}
	line := b[i:min(len(b), i+80)]
	k := bytes.Index(line, []byte(private))
	if k < 0 || bytes.IndexByte(line[:k], '\n') >= 0 {
		return Found{}, false
	}
	rest := line[k+len(private):]
	rest = bytes.TrimPrefix(rest, []byte(" BLOCK"))
	if !bytes.HasPrefix(rest, []byte("-----")) {
		return Found{}, false
	}
	end := i + len(line) - len(rest) + 5
	name := strings.TrimSpace(strings.ToLower(string(line[len(begin):k])) + " private key")
	body := b[end:min(len(b), i+maxFeature)]
	if n := bytes.Index(body, []byte("-----END ")); n >= 0 {
		if m := bytes.IndexByte(body[n+9:], '-'); m >= 0 && m < 60 {
			end += n + 9 + m + 5
			end = min(end, len(b))
		}
	} else {
		// A key of which only the first line is there is none to use.
		name += ", end not near"
	}
	return Found{i, end, Secret, name}, true
}
