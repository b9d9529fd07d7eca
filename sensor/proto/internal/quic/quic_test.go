package quic

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// TestKeys proves the keys of RFC 9001 appendix A.1 and RFC 9369 appendix A.1.
func TestKeys(t *testing.T) {
	dcid := []byte("\x83\x94\xc8\xf0\x3e\x51\x57\x08")
	for _, c := range []struct {
		version         uint32
		secret, key, iv string
	}{
		{1, "c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea", "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c"},
		{0x6b3343cf, "14ec9d6eb9fd7af83bf5a668bc17a7e283766aade7ecd0891f70f9ff7f4bf47b", "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f"},
	} {
		secret, err := hex.DecodeString(c.secret)
		if err != nil {
			t.Fatal(err)
		}
		prefix := schemes(c.version)[0].prefix
		key := expand(secret, prefix, " key", 16)
		if got := hex.EncodeToString(key[:16]); got != c.key {
			t.Errorf("version %x: key %s, expected %s", c.version, got, c.key)
		}
		k := NewKeys(c.version, dcid)[0]
		if got := hex.EncodeToString(k.side(false).iv[:]); got != c.iv {
			t.Errorf("version %x: iv %s, expected %s", c.version, got, c.iv)
		}
	}
}

// TestVarint proves the examples of RFC 9000 appendix A.1.
func TestVarint(t *testing.T) {
	for in, want := range map[string]uint64{
		"\xc2\x19\x7c\x5e\xff\x14\xe8\x8c": 151288809941952652, "\x9d\x7f\x3e\x7d": 494878333, "\x7b\xbd": 15293, "\x25": 37,
	} {
		if v, n := Varint([]byte(in)); v != want || n != len(in) {
			t.Errorf("%x: %d in %d bytes, expected %d", in, v, n, want)
		}
		if _, n := Varint([]byte(in[:len(in)-1])); n != 0 {
			t.Errorf("%x cut: %d bytes", in, n)
		}
	}
}

// TestCYU proves the fingerprint by the values that Salesforce published with it.
func TestCYU(t *testing.T) {
	for _, c := range []struct {
		version    uint32
		tags, hash string
	}{
		{0x51303436, "PAD SNI STK VER CCS NONC AEAD UAID SCID TCID PDMD SMHL ICSL NONP PUBS MIDS SCLS KEXS XLCT CSCT COPT CCRT IRTT CFCW SFCW", "a46560d4548108cf99308319b3b85346"},
		{0x51303433, "PAD SNI VER CCS PDMD ICSL MIDS CFCW SFCW", "e030dea1f2eea44ac7db5fe4de792acd"},
		{0x51303530, "PAD SNI", ""},
	} {
		list := strings.Fields(c.tags)
		b := append([]byte("CHLO"), byte(len(list)), 0, 0, 0)
		for _, tag := range list {
			b = append(append(b, (tag + "\x00")[:4]...), 0, 0, 0, 0)
		}
		h, ok := ParseCHLO(b)
		if !ok {
			t.Fatalf("%s is not read", c.tags)
		}
		got := ""
		if cyu := h.CYU(c.version); cyu != nil {
			got = fmt.Sprintf("%x", md5.Sum(cyu))
		}
		if got != c.hash {
			t.Errorf("%x %s: %s, expected %s", c.version, h.Tags, got, c.hash)
		}
	}
}
