package evidence

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const warrant = `format: 1
kind: warrant
reference: W-2026-118
by: Magistrate's Court, Putrajaya
acts: [capture, decrypt, extract, acquire]
from: 2026-11-24T00:00:00+08:00
until: 2026-12-24T00:00:00Z
scope:
  - networks: [192.0.2.0/24, "2001:db8::/32"]
    ports: [443, 25]
    interfaces: [eth1]
  - exhibits: [E1]
    from: 2026-11-01T00:00:00Z
  - hosts: [mail.example, "*.portal.example"]
  - devices: [/dev/sdb, WD-1234]
  - networks: [192.0.2.9]
    privileged: true
    note: counsel
  - hosts: ["*.counsel.example"]
    ports: [443]
    privileged: true
  - exhibits: [E9]
    privileged: true
`

func TestParseAuthority(t *testing.T) {
	a, err := ParseAuthority([]byte(warrant))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := a.String(), "warrant W-2026-118 by Magistrate's Court, Putrajaya"; got != want {
		t.Errorf("authority is %q, want %q", got, want)
	}
	if len(a.Scope) != 7 || len(a.Acts) != 4 || a.SHA256 != SHA256([]byte(warrant)) {
		t.Errorf("read %+v", a)
	}
	if d := a.Detail(); d["authority_from"] != "2026-11-23T16:00:00Z" || d["authority_until"] != "2026-12-24T00:00:00Z" {
		t.Errorf("detail is %v", d)
	}
	path := filepath.Join(t.TempDir(), "w.yaml")
	if err := os.WriteFile(path, []byte(warrant), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := ReadAuthority(path); err != nil || b.SHA256 != a.SHA256 {
		t.Errorf("read from a file: %v, %v", b, err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key":       {"by:", "bye:", "field bye not found"},
		"unknown scope key": {"ports: [443, 25]", "port: [443]", "field port not found"},
		"no format":         {"format: 1\n", "", "format is 0"},
		"kind":              {"kind: warrant", "kind: whim", `kind is "whim"; expected one of warrant, consent, instruction`},
		"no reference":      {"reference: W-2026-118", "reference: ' '", "reference and by"},
		"act":               {"acts: [capture,", "acts: [capture, destroy,", `act "destroy" is unknown`},
		"no acts":           {"acts: [capture, decrypt, extract, acquire]", "acts: []", "acts is missing"},
		"time":              {"from: 2026-11-24T00:00:00+08:00", "from: 2026-11-24", `from is "2026-11-24"; expected a time with its zone`},
		"order":             {"until: 2026-12-24T00:00:00Z", "until: 2026-01-24T00:00:00Z", "is not after from"},
		"network":           {"192.0.2.0/24", "192.0.2.256/24", "entry 1 of scope: network"},
		"network bits":      {"192.0.2.0/24", "192.0.2.1/24", "192.0.2.0/24 would be the network"},
		"host address":      {"mail.example", "192.0.2.1", "belongs under networks"},
		"host pattern":      {"mail.example", "mail.*.example", "expected a name"},
		"empty entry":       {"  - exhibits: [E1]\n", "  - note: all\n", "names nothing"},
		"nothing to take":   {"  - devices: [/dev/sdb, WD-1234]\n  - networks", "  - networks", ""},
		"twice":             {"kind: warrant\n", "kind: warrant\nkind: consent\n", "already defined"},
		"two":               {"format: 1\n", "format: 1\n---\nformat: 1\n", ""},
	} {
		text := strings.Replace(warrant, c.old, c.new, 1)
		if text == warrant {
			t.Fatalf("%s: nothing was changed", name)
		}
		_, err := ParseAuthority([]byte(text))
		switch {
		case name == "nothing to take": // exhibits are acquired too
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case err == nil || !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: error is %v, want one with %q", name, err, c.want)
		}
	}
	if _, err := ParseAuthority(nil); err == nil {
		t.Error("an empty file is an authority")
	}
	if _, err := ParseAuthority([]byte("format: 1\nkind: consent\nreference: C\nby: B\nacts: [capture]\nscope:\n  - exhibits: [E1]\n")); err == nil || !strings.Contains(err.Error(), "no entry of scope says to what capture applies") {
		t.Errorf("capture from an exhibit: %v", err)
	}
}

func TestAuthorityCheck(t *testing.T) {
	a, err := ParseAuthority([]byte(warrant))
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		t.Helper()
		x, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for now, ok := range map[string]bool{
		"2026-11-23T15:59:59Z": false, "2026-11-23T16:00:00Z": true, "2026-12-23T23:59:59Z": true, "2026-12-24T00:00:00Z": false,
	} {
		if err := a.Check(ActDecrypt, at(now)); (err == nil) != ok || err != nil && !errors.Is(err, ErrAuthority) {
			t.Errorf("at %s: %v", now, err)
		}
	}
	a.Acts = []Act{ActExtract}
	if err := a.Check(ActDecrypt, at("2026-12-01T00:00:00Z")); !errors.Is(err, ErrAuthority) {
		t.Errorf("an act that is not named: %v", err)
	}
	for _, c := range []struct {
		act Act
		s   Target
		ok  bool
	}{
		{ActCapture, Target{Interface: "eth1"}, true},
		{ActCapture, Target{Interface: "eth2"}, false},
		{ActExtract, Target{Exhibit: "E1"}, true},
		{ActExtract, Target{Exhibit: "E2"}, true}, // its networks may be
		{ActExtract, Target{Exhibit: "E9"}, false},
		{ActAcquire, Target{Devices: []string{"/dev/sdc", "WD-1234"}}, true},
		{ActAcquire, Target{Devices: []string{"/dev/sdc"}}, false},
	} {
		if err := a.CheckTarget(c.act, &c.s); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrAuthority) {
			t.Errorf("%s of %+v: %v", c.act, c.s, err)
		}
	}
}

func TestAuthorityJudge(t *testing.T) {
	a, err := ParseAuthority([]byte(warrant))
	if err != nil {
		t.Fatal(err)
	}
	in, out, counsel := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("192.0.2.9")
	when := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		what string
		act  Act
		s    Target
		want Standing
	}{
		{"covered", ActCapture, Target{Src: in, Dst: out, SrcPort: 50000, DstPort: 443, Interface: "eth1"}, Within},
		{"the answer", ActCapture, Target{Src: out, Dst: in, SrcPort: 443, DstPort: 50000, Interface: "eth1"}, Within},
		{"another interface", ActCapture, Target{Src: in, Dst: out, DstPort: 443, Interface: "eth2"}, Outside},
		{"another port", ActCapture, Target{Src: in, Dst: out, DstPort: 80, Interface: "eth1"}, Outside},
		{"ports not known", ActCapture, Target{Src: in, Dst: out, NoPorts: true, Interface: "eth1"}, Within},
		{"another network", ActCapture, Target{Src: out, Dst: out, DstPort: 443, Interface: "eth1"}, Outside},
		{"IPv6", ActCapture, Target{Src: netip.MustParseAddr("2001:db8::1"), Dst: netip.MustParseAddr("2001:db9::1"), DstPort: 25, Interface: "eth1"}, Within},
		{"counsel", ActCapture, Target{Src: in, Dst: counsel, DstPort: 443, Interface: "eth1"}, Privileged},
		{"counsel by name", ActCapture, Target{Src: in, Dst: out, DstPort: 443, Names: []string{"www.counsel.example"}, Interface: "eth1"}, Privileged},
		{"counsel's parent", ActCapture, Target{Src: in, Dst: out, DstPort: 443, Names: []string{"counsel.example"}, Interface: "eth1"}, Within},
		{"counsel by name, another port", ActCapture, Target{Src: in, Dst: out, DstPort: 25, Names: []string{"www.counsel.example"}, Interface: "eth1"}, Within},
		{"a name covers no packets", ActCapture, Target{Src: out, Dst: out, DstPort: 80, Names: []string{"mail.example"}, Interface: "eth1"}, Outside},
		{"a name covers a session", ActDecrypt, Target{Src: out, Dst: out, DstPort: 80, Names: []string{"mail.example"}}, Within},
		{"a name below", ActDecrypt, Target{Src: out, Dst: out, Names: []string{"a.b.portal.example"}}, Within},
		{"a name that ends alike", ActDecrypt, Target{Src: out, Dst: out, Names: []string{"xportal.example"}}, Outside},
		{"an exhibit", ActDecrypt, Target{Src: out, Dst: out, Exhibit: "E1", Time: when}, Within},
		{"an exhibit, earlier", ActDecrypt, Target{Src: out, Dst: out, Exhibit: "E1", Time: when.AddDate(0, -2, 0)}, Outside},
		{"a privileged exhibit", ActExtract, Target{Src: in, Dst: in, DstPort: 443, Exhibit: "E9", Time: when}, Privileged},
		{"a device", ActAcquire, Target{Devices: []string{"/dev/sdb"}}, Within},
		{"no device", ActAcquire, Target{Devices: []string{"/dev/sdc"}}, Outside},
	} {
		if got := a.Judge(c.act, &c.s); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	if !a.PrivilegedHosts() || !a.PrivilegedName("x.counsel.example") || a.PrivilegedName("mail.example") {
		t.Error("privileged names are not told")
	}
}

// FuzzParseAuthority: whatever the file holds, it is an authority or an error.
func FuzzParseAuthority(f *testing.F) {
	f.Add([]byte(warrant))
	f.Add([]byte("format: 1\nkind: consent\nreference: &a C\nby: *a\nacts: [acquire]\nscope:\n  - devices: [x]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAuthority(b)
		if err == nil && (len(a.Scope) == 0 || len(a.Acts) == 0 || a.Reference == "") {
			t.Errorf("an authority that says nothing: %+v", a)
		}
	})
}
