package evidence

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestInterop proves that stock tools verify what is signed here, with nothing
// of ours: openssl a statement over the encoding that printf makes of it, the
// custody log's root over its lines, the checkpoint over that root, and both
// halves of a key; jq reads the log.
func TestInterop(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs openssl and jq: run by make interop")
	}
	dir := t.TempDir()
	key := filepath.Join(dir, "a.key")
	if _, err := GenerateKey(key, KeyECDSA, nil); err != nil {
		t.Fatal(err)
	}
	s, err := LoadSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "bundle"), statement(t, s))
	l := openTest(t, filepath.Join(dir, "custody"), s)
	record(t, l, Entry{Act: "open case", Who: "a <&> \u00e9"}, Entry{Act: "note", Who: "b", Detail: map[string]string{"k": "v"}})
	for _, c := range []struct{ name, script, want string }{
		{"statement", `
			type=$(jq -r .dsseEnvelope.payloadType bundle)
			jq -r .dsseEnvelope.payload bundle | base64 -d >payload
			jq -r '.dsseEnvelope.signatures[0].sig' bundle | base64 -d >sig
			{ printf 'DSSEv1 %d %s %d ' "${#type}" "$type" "$(stat -c %s payload)"; cat payload; } >pae
			openssl dgst -sha256 -verify a.pub -signature sig pae`, "Verified OK"},
		{"statement, one byte changed", `
			printf x >>pae
			! openssl dgst -sha256 -verify a.pub -signature sig pae`, "Verification failure"},
		{"payload", `jq -r '._type, .subject[0].digest.sha256' payload | tr '\n' ' '`, StatementType + " " + strings.Repeat("ab", 32)},
		{"checkpoint", `
			sed '/^$/,$d' custody/checkpoint >text
			tail -n 1 custody/checkpoint | cut -d ' ' -f 3 | base64 -d | tail -c +5 >sig
			openssl dgst -sha256 -verify a.pub -signature sig text`, "Verified OK"},
		// RFC 6962: a leaf is hashed after a zero byte, a node after a one.
		{"root", `
			leaf() { { printf '\0'; sed -n "$1p" custody/entries.ndjson | tr -d '\n'; } | openssl dgst -sha256 -binary; }
			{ printf '\1'; leaf 1; leaf 2; } | openssl dgst -sha256 -binary | base64 >root
			sed -n 3p custody/checkpoint | cmp - root && echo same`, "same"},
		{"log", `jq -r '"\(.seq) \(.act) \(.who)"' custody/entries.ndjson | tr '\n' ';'`, "0 open case a <&> \u00e9;1 note b;"},
		{"private key", `openssl ec -in a.key -pubout 2>/dev/null | cmp - a.pub && echo same`, "same"},
		{"fingerprint", `openssl pkey -pubin -in a.pub -outform DER | sha256sum`, s.Public().Fingerprint()},
	} {
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", c.script)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %s%v; expected %q", c.name, out, err, c.want)
		}
	}
}
