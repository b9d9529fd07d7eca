package casefile

import (
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/evidence"
)

// TestInterop proves that sha256sum checks a case's exhibits and jq reads its
// custody log and the statement, with nothing of ours.
func TestInterop(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs sha256sum and jq: run by make interop")
	}
	s, _ := key(t)
	dir := makeCase(t, s)
	for _, c := range []struct{ script, want string }{
		{`jq -r 'select(.act == "add exhibit") | "\(.sha256)  \(.where)"' custody/entries.ndjson | sha256sum -c`, "data/exhibits/E1-one.pcap: OK\ndata/exhibits/E2-two.E01: OK\n"},
		{`jq -r .dsseEnvelope.payload data/statements/*.json | base64 -d | jq -r '.subject[] | "\(.digest.sha256)  \(.name)"' | sha256sum -c --quiet && echo all`, "all\n"},
		{`jq -r 'select(.act == "open case") | "\(.sha256)  case.json"' custody/entries.ndjson | sha256sum -c`, "case.json: OK\n"},
		{`jq -r '[.seq, .act, .who] | join(" ")' custody/entries.ndjson | tail -n 1`, "4 sign statement examiner\n"},
		{`chmod u+w data/exhibits/*; printf x >>data/exhibits/E2-two.E01; jq -r 'select(.act == "add exhibit") | "\(.sha256)  \(.where)"' custody/entries.ndjson | sha256sum -c 2>/dev/null || true`, "data/exhibits/E1-one.pcap: OK\ndata/exhibits/E2-two.E01: FAILED\n"},
	} {
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", c.script)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != c.want {
			t.Errorf("%s: %q, %v; expected %q", c.script, out, err, c.want)
		}
	}
}

// TestInteropSealed runs docs/verify-without-saksi.md from its text: stock tools
// check a sealed case with nothing of ours, and none of it passes over a byte
// that was changed.
func TestInteropSealed(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs openssl, jq, cosign and validators: run by make interop")
	}
	doc, err := os.ReadFile("../docs/verify-without-saksi.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, part := range strings.Split(string(doc), "```sh\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, block)
	}
	if len(blocks) < 9 {
		t.Fatalf("%d commands in the document", len(blocks))
	}
	s, _ := key(t)
	p, person := key(t)
	dir := t.TempDir()
	made := makeCase(t, s)
	// Who seals has acted in the case by the same key.
	c, err := Open(t.Context(), made, Options{Who: "x", Tool: "saksi test", Signer: s, Actor: p, Register: []evidence.KeyRecord{{Hint: person.Hint(), Person: "Ana <&>", Role: evidence.RoleExaminer}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Record(t.Context(), evidence.Entry{Act: ActExamine, Exhibit: "E1", Why: `<"time":"x">`}), c.Close()); err != nil {
		t.Fatal(err)
	}
	tsa := newAuthority(t, "TSA", time.Now().Add(time.Hour))
	sealOne(t, made, s, p, tsa)
	pem, err := person.PEM()
	if err != nil {
		t.Fatal(err)
	}
	root := evidence.EncodeCertificates([]*x509.Certificate{tsa.root})
	if err := errors.Join(os.Rename(made, filepath.Join(dir, "case")), os.WriteFile(filepath.Join(dir, "sealed-by.pub"), pem, 0o600), os.WriteFile(filepath.Join(dir, "tsa-root.pem"), root, 0o600)); err != nil {
		t.Fatal(err)
	}
	run := func(block string) (string, error) {
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", block)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	// What comes from afar may be missing on a machine without a network.
	missing := map[string]bool{}
	for _, tool := range []string{"cosign", "bagit.py", "case_validate"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing[tool] = true
			t.Run(tool, func(t *testing.T) { t.Skip(tool + " is not installed: scripts/need custody installs it") })
		}
	}
	can := func(block string) bool {
		for tool := range missing {
			if strings.Contains(block, tool) {
				return false
			}
		}
		return true
	}
	for _, b := range blocks {
		if !can(b) {
			continue
		}
		if out, err := run(b); err != nil {
			t.Errorf("%s: %s%v", b, out, err)
		}
	}
	for _, c := range []struct {
		file  string
		wrong []string // commands that must not pass
	}{
		{"data/exhibits/E2-two.E01", []string{"manifest-sha256.txt", "bagit.py"}},
		{"metadata/case.jsonld", []string{"tagmanifest-sha256.txt", "bagit.py"}},
		{"tagmanifest-sha256.txt", []string{"grep -q", "cosign"}},
		{"seal/seal.dsse", []string{"-signature case/seal"}},
		{"seal/seal.sig", []string{"-signature case/seal", "openssl ts -verify"}},
		{"custody/entries.ndjson", []string{"root=$(tree"}},
		{"custody/entries.ndjson", []string{"actor_signature"}},
		{"custody/checkpoint", []string{`"$t/sig" "$t/text"`}},
	} {
		edit(t, filepath.Join(dir, "case", c.file), flip)
		for _, part := range c.wrong {
			i := slices.IndexFunc(blocks, func(b string) bool { return strings.Contains(b, part) })
			if i < 0 {
				t.Fatalf("no command with %q", part)
			}
			if !can(blocks[i]) {
				continue
			}
			if out, err := run(blocks[i]); err == nil {
				t.Errorf("%s changed, and this passes: %s%s", c.file, blocks[i], out)
			}
		}
		edit(t, filepath.Join(dir, "case", c.file), flip)
	}
}
