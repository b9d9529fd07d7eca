package casefile

import (
	"os"
	"os/exec"
	"testing"
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
		{`jq -r 'select(.act == "add exhibit") | "\(.sha256)  \(.where)"' custody/entries.ndjson | sha256sum -c`, "data/exhibits/E1-one.pcap: OK\nexhibits/E2-two.E01: OK\n"},
		{`jq -r .dsseEnvelope.payload data/statements/*.json | base64 -d | jq -r '.subject[] | "\(.digest.sha256)  \(.name)"' | sha256sum -c --quiet && echo all`, "all\n"},
		{`jq -r 'select(.act == "open case") | "\(.sha256)  case.json"' custody/entries.ndjson | sha256sum -c`, "case.json: OK\n"},
		{`jq -r '[.seq, .act, .who] | join(" ")' custody/entries.ndjson | tail -n 1`, "4 sign statement examiner\n"},
		{`chmod u+w data/exhibits/*; printf x >>data/exhibits/E2-two.E01; jq -r 'select(.act == "add exhibit") | "\(.sha256)  \(.where)"' custody/entries.ndjson | sha256sum -c 2>/dev/null || true`, "data/exhibits/E1-one.pcap: OK\nexhibits/E2-two.E01: FAILED\n"},
	} {
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", c.script)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != c.want {
			t.Errorf("%s: %q, %v; expected %q", c.script, out, err, c.want)
		}
	}
}
