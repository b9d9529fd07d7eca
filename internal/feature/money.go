package feature

import (
	"bytes"
	"crypto/sha256"
	"strings"
)

// ibanLengths are those of the IBAN Registry (SWIFT, ISO 13616), by country.
const ibanLengths = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 " +
	"GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 " +
	"MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30 "

// ibanAt reads an IBAN, whole or in groups of four, with the length of its
// country and the check of ISO 7064 (97-10).
func ibanAt(b []byte, i int) (Found, bool) {
	k := strings.Index(ibanLengths, string(b[i:i+2]))
	if k < 0 || k%5 != 0 {
		return Found{}, false
	}
	want := two(ibanLengths[k+2:])
	var c [34]byte
	n, at := 0, i
	for n < want && at < len(b) {
		if class[b[at]]&(digit|upper) != 0 {
			c[n] = b[at]
			n++
			at++
			continue
		}
		if b[at] == ' ' && n%4 == 0 && at+1 < len(b) && class[b[at+1]]&(digit|upper) != 0 {
			at++
			continue
		}
		return Found{}, false
	}
	if n < want || at < len(b) && class[b[at]] != 0 {
		return Found{}, false
	}
	sum := 0
	for j := range want {
		x := c[(j+4)%want]
		if class[x] == digit {
			sum = (sum*10 + int(x-'0')) % 97
		} else {
			sum = (sum*100 + int(x-'A') + 10) % 97
		}
	}
	return Found{i, at, IBAN, string(b[i : i+2])}, sum == 1
}

const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// isBase58Address checks a bitcoin address of version 0 or 5 by its digest
// (Base58Check).
func isBase58Address(b []byte) bool {
	var raw [25]byte
	for _, c := range b {
		carry := strings.IndexByte(base58, c)
		if carry < 0 {
			return false
		}
		for j := len(raw) - 1; j >= 0; j-- {
			carry += int(raw[j]) * 58
			raw[j] = byte(carry)
			carry >>= 8
		}
		if carry != 0 {
			return false
		}
	}
	if raw[0] != 0 && raw[0] != 5 {
		return false
	}
	sum := sha256.Sum256(raw[:21])
	sum = sha256.Sum256(sum[:])
	return bytes.Equal(sum[:4], raw[21:])
}

const bech32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// isSegwit checks a bitcoin address of BIP 173 or BIP 350.
func isSegwit(b []byte) bool {
	s := string(b)
	if lower := strings.ToLower(s); lower != s && strings.ToUpper(s) != s {
		return false
	} else if s = lower; !strings.HasPrefix(s, "bc1") {
		return false
	}
	sum := uint32(1)
	step := func(v byte) {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ uint32(v)
		for i, g := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 != 0 {
				sum ^= g
			}
		}
	}
	for _, v := range []byte{3, 3, 0, 'b' & 31, 'c' & 31} { // the human-readable part
		step(v)
	}
	for i := 3; i < len(s); i++ {
		v := strings.IndexByte(bech32, s[i])
		if v < 0 {
			return false
		}
		step(byte(v))
	}
	if s[3] == 'q' {
		return sum == 1
	}
	return sum == 0x2bc830a3
}
