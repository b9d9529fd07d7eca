package suricata

import (
	"fmt"
	"strconv"
	"strings"
)

// kwSigned takes a keyword that compares a signed number, written as two's
// complement: numbers of which one must be it, with ! before them none; types of
// encryption by name, too, and weak for those that are.
func kwSigned(b *builder, o *option) *fault {
	buf := map[string]Buffer{"krb5_err_code": BufKerberosError, "krb5.ticket_encryption": BufKerberosEncryption}[o.key.s]
	list, neg := strings.CutPrefix(strings.TrimSpace(strings.Trim(o.val.s, `"`)), "!")
	var spans []span
	for _, w := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		if buf == BufKerberosEncryption {
			if w == "weak" {
				spans = append(spans, weakEncryption...)
				continue
			}
			if n, ok := encryptionNames[strings.ToLower(strings.ReplaceAll(w, "_", "-"))]; ok {
				spans = append(spans, point(n))
				continue
			}
		}
		n, err := strconv.ParseInt(w, 0, 32)
		if err != nil {
			return wrong(o.val.off, fmt.Sprintf("%q is not a number", w), "whole numbers")
		}
		spans = append(spans, point(uint64(n)))
	}
	if len(spans) == 0 {
		return wrong(o.val.off, o.key.s+" without a number", "whole numbers")
	}
	if neg {
		spans = minus([]span{{key128{}, key128{0, 1<<64 - 1}}}, normalize(spans))
	}
	b.oneOf(buf, spans, o.val.off)
	return nil
}

// weakEncryption are the types of encryption that RFC 6649 and RFC 8429
// deprecate: DES, RC4 and what the registry does not assign.
var weakEncryption = []span{{key128{0, 1}, key128{0, 16}}, {key128{0, 21}, key128{0, 24}}, {key128{0, 1 << 63}, key128{0, 1<<64 - 1}}}

// encryptionNames are names of the IANA registry "Kerberos Encryption Type
// Numbers".
var encryptionNames = map[string]uint64{
	"des-cbc-crc": 1, "des-cbc-md4": 2, "des-cbc-md5": 3, "des3-cbc-md5": 5, "des3-cbc-sha1": 7, "des3-cbc-sha1-kd": 16,
	"aes128-cts-hmac-sha1-96": 17, "aes256-cts-hmac-sha1-96": 18, "aes128-cts-hmac-sha256-128": 19, "aes256-cts-hmac-sha384-192": 20,
	"rc4-hmac": 23, "rc4-hmac-exp": 24, "camellia128-cts-cmac": 25, "camellia256-cts-cmac": 26,
}
