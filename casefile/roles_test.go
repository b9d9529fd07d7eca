package casefile

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/evidence"
)

// TestRolesTable proves that the table in docs/roles.md is the one that is obeyed.
func TestRolesTable(t *testing.T) {
	b, err := os.ReadFile("../docs/roles.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	fmt.Fprintf(&want, "| act | %s |\n|---|---|---|---|---|---|---|\n", strings.Join(evidence.Roles, " | "))
	for _, d := range Duties {
		want.WriteString("| " + d.Act + " |")
		for _, r := range evidence.Roles {
			if slices.Contains(d.Roles, r) {
				want.WriteString(" yes")
			}
			want.WriteString(" |")
		}
		want.WriteString("\n")
	}
	if !strings.Contains(string(b), want.String()) {
		t.Errorf("docs/roles.md has not the table:\n%s", want.String())
	}
}

// person makes a key that the register binds to a role.
func person(t *testing.T, trust *evidence.Trust, name, role string) *evidence.Signer {
	t.Helper()
	s, p := key(t)
	trust.Keys = append(trust.Keys, p)
	trust.Records[p.Hint()] = evidence.KeyRecord{Hint: p.Hint(), Person: name, Role: role}
	return s
}

func register(t *evidence.Trust) []evidence.KeyRecord {
	var list []evidence.KeyRecord
	for _, r := range t.Records {
		list = append(list, r)
	}
	return list
}

// TestRolesObeyed proves for each act and each role that recording it is
// refused or taken as the table says, and that a log forged by the holder of the
// case's key shows the same when it is verified.
func TestRolesObeyed(t *testing.T) {
	for _, role := range evidence.Roles {
		t.Run(role, func(t *testing.T) {
			trust := &evidence.Trust{Records: map[string]evidence.KeyRecord{}}
			s := person(t, trust, "Lab", evidence.RoleExaminer)
			dir := makeCase(t, s)
			actor := person(t, trust, "Aminah", role)
			c, err := Open(t.Context(), dir, Options{Who: "x", Tool: "saksi test", Signer: s, Actor: actor, Register: register(trust)})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for _, d := range Duties {
				if d.Act == ActApprove || d.Act == ActOpen || d.Act == ActAdd || d.Act == ActSegment || d.Act == ActSign || d.Act == ActSeal || d.Act == ActDispose || d.Act == ActNote || d.Act == ActBookmark || d.Act == ActReview {
					// What else these entries say is checked, too.
					if err := c.MayAct(d.Act); (err == nil) != slices.Contains(d.Roles, role) || err != nil && !errors.Is(err, ErrDuty) {
						t.Errorf("%s: %v", d.Act, err)
					}
					continue
				}
				e := evidence.Entry{Act: d.Act, Where: "/elsewhere", Why: "w", Authority: "a"}
				may := slices.Contains(d.Roles, role)
				if err := c.Record(t.Context(), e); (err == nil) != may || err != nil && !errors.Is(err, ErrDuty) {
					t.Errorf("%s: %v", d.Act, err)
				}
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			v, err := Verify(t.Context(), dir, VerifyOptions{Trust: trust})
			if err != nil || v.Unbound != 0 || slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Item != witnessDir }) {
				t.Fatalf("%+v, %v", v, err)
			}
			// Who holds the key of the case, and that of the person, obeys no table.
			for _, d := range Duties {
				if slices.Contains([]string{ActApprove, ActOpen, ActAdd, ActSegment, ActSign, ActSeal, ActDispose, ActExport}, d.Act) {
					continue
				}
				forgeAct(t, dir, s, actor, evidence.Entry{Act: d.Act, Who: "Aminah", Why: "w", Authority: "a", Tool: "x"})
				v, err := Verify(t.Context(), dir, VerifyOptions{Trust: trust})
				if err != nil {
					t.Fatal(err)
				}
				told := slices.ContainsFunc(v.Problems, func(p Problem) bool {
					return p.Kind == KindTrust && strings.Contains(p.Expected, "("+d.Act+")") && strings.Contains(p.Found, "Aminah, "+role)
				})
				if told == slices.Contains(d.Roles, role) {
					t.Errorf("%s: %+v", d.Act, v.Problems)
				}
			}
		})
	}
}

// forgeAct appends an entry that a person signed, whatever the table says.
func forgeAct(t *testing.T, dir string, s, actor *evidence.Signer, e evidence.Entry) {
	t.Helper()
	entries, err := ReadLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	root, err := LogRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	e.Seq, e.Time = int64(len(entries)), time.Now().UTC().Format(time.RFC3339Nano)
	e.Detail = map[string]string{detailActor: e.Who, detailActorKey: actor.Public().Hint()}
	b, err := actOf("A-1", root, e)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := actor.Sign(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	e.Detail[detailActed] = base64.StdEncoding.EncodeToString(sig)
	forge(t, dir, s, e)
}

// TestActForged proves that an entry in a person's name that the person did not
// sign, or signed for another place, is named, on a sealed case.
func TestActForged(t *testing.T) {
	trust := &evidence.Trust{Records: map[string]evidence.KeyRecord{}}
	s := person(t, trust, "Lab", evidence.RoleStation)
	ana := person(t, trust, "Ana", evidence.RoleExaminer)
	eve := person(t, trust, "Eve", evidence.RoleExaminer)
	stranger, _ := key(t)
	whole := makeCase(t, s)
	c, err := Open(t.Context(), whole, Options{Who: "x", Tool: "saksi test", Signer: s, Actor: ana, Register: register(trust)})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Record(t.Context(), evidence.Entry{Act: ActUnmask, Exhibit: "E1", Why: "<&> \u2028 \xff", Authority: "warrant"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Seal(t.Context(), SealOptions{Signer: ana}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if v, err := Verify(t.Context(), whole, VerifyOptions{Trust: trust}); err != nil || len(v.Problems) != 0 {
		t.Fatalf("%+v, %v", v, err)
	}
	entries, err := ReadLog(whole)
	if err != nil {
		t.Fatal(err)
	}
	last := entries[len(entries)-2] // the unmasking
	if last.Act != ActUnmask || last.Who != "Ana" {
		t.Fatalf("%+v", last)
	}
	at := func(e evidence.Entry) evidence.Entry {
		e.Seq, e.Time = int64(len(entries)), time.Now().UTC().Add(time.Minute).Format(time.RFC3339Nano)
		return e
	}
	revoked := *trust
	revoked.Records = map[string]evidence.KeyRecord{}
	for k, r := range trust.Records {
		if r.Person == "Ana" {
			r.RevokedAt = "2020-01-01T00:00:00Z"
		}
		revoked.Records[k] = r
	}
	for _, c := range []struct {
		name, kind, say string
		trust           *evidence.Trust
		do              func(t *testing.T, dir string)
	}{
		{"an act replayed at another place", KindSignature, "a signature that is not over it in its place", trust, func(t *testing.T, dir string) { forge(t, dir, s, at(last)) }},
		{"an act in another's name", KindTrust, "Ana", trust, func(t *testing.T, dir string) {
			forgeAct(t, dir, s, eve, evidence.Entry{Act: ActExamine, Who: "Ana", Tool: "x"})
		}},
		{"an act by a key of nobody", KindTrust, "key ", trust, func(t *testing.T, dir string) {
			forgeAct(t, dir, s, stranger, evidence.Entry{Act: ActExamine, Who: "Ana", Tool: "x"})
		}},
		{"a person's signature taken away", KindTrust, "Lab, station", trust, func(t *testing.T, dir string) {
			e := at(last)
			e.Detail = nil
			forge(t, dir, s, e)
		}},
		{"unmasked without an authority", KindCustody, `authority ""`, trust, func(t *testing.T, dir string) {
			forgeAct(t, dir, s, ana, evidence.Entry{Act: ActUnmask, Who: "Ana", Why: "w", Tool: "x"})
		}},
		{"an act that no table has", KindTrust, "Ana, examiner", trust, func(t *testing.T, dir string) {
			forgeAct(t, dir, s, ana, evidence.Entry{Act: "bless", Who: "Ana", Tool: "x"})
		}},
		{"a key that was revoked before", KindTrust, "done later", &revoked, func(*testing.T, string) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "case")
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			c.do(t, dir)
			v, err := Verify(t.Context(), dir, VerifyOptions{Trust: c.trust})
			if err != nil || !slices.ContainsFunc(v.Problems, func(p Problem) bool {
				return p.Kind == c.kind && strings.Contains(p.Found, c.say) && p.Item == CustodyDir+"/entries.ndjson"
			}) {
				t.Errorf("%+v, %v", v.Problems, err)
			}
		})
	}
}

// TestBound proves that a case that binds roles takes no act of a key without
// one, that its format says so, that such an entry is named, and that case.json
// can't be turned back.
func TestBound(t *testing.T) {
	trust := &evidence.Trust{Records: map[string]evidence.KeyRecord{}}
	s := person(t, trust, "Lab", evidence.RoleStation)
	plain, _ := key(t)
	dir := filepath.Join(t.TempDir(), "case")
	o := Options{ID: "A-1", Agency: "J", Who: "x", Tool: "saksi test", Signer: plain, Register: register(trust), Bound: true}
	if _, err := Create(t.Context(), dir, o); !errors.Is(err, ErrDuty) {
		t.Fatalf("by a key without a role: %v", err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folder was made")
	}
	o.Signer = s
	c, err := Create(t.Context(), dir, o)
	if err != nil || c.Info.Format != 2 {
		t.Fatal(c, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err = Open(t.Context(), dir, Options{Who: "x", Signer: s}); err != nil {
		t.Fatal(err)
	}
	if err := c.Record(t.Context(), evidence.Entry{Act: ActExamine, Why: "w"}); !errors.Is(err, ErrDuty) {
		t.Errorf("without a register: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	v, err := Verify(t.Context(), dir, VerifyOptions{Trust: trust})
	if err != nil || len(v.Problems) != 0 || v.Unbound != 0 {
		t.Errorf("%+v, %v", v, err)
	}
	// Nor does a key without a role seal it, whoever acts.
	ana := person(t, trust, "Ana", evidence.RoleExaminer)
	if c, err = Open(t.Context(), dir, Options{Who: "x", Signer: s, Actor: ana, Register: register(trust)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Seal(t.Context(), SealOptions{Signer: plain}); !errors.Is(err, ErrDuty) {
		t.Errorf("sealed by a key without a role: %v", err)
	}
	c.Info.Roles = "" // a program that obeys no table
	if _, err := c.Seal(t.Context(), SealOptions{Signer: plain}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	trust.Keys = append(trust.Keys, plain.Public())
	if v, err = Verify(t.Context(), dir, VerifyOptions{Trust: trust}); err != nil || len(v.Problems) != 1 || v.Problems[0].Kind != KindTrust || !strings.Contains(v.Problems[0].Expected, "a seal by a key that the register binds") {
		t.Errorf("%+v, %v", v, err)
	}
	// The register has no such key any more.
	other := &evidence.Trust{Keys: trust.Keys, Records: map[string]evidence.KeyRecord{plain.Public().Hint(): {Role: evidence.RoleExaminer}}}
	if v, err = Verify(t.Context(), dir, VerifyOptions{Trust: other}); err != nil || v.Unbound == 0 || !slices.ContainsFunc(v.Problems, func(p Problem) bool { return strings.Contains(p.Expected, "a key that the register binds to a role") }) {
		t.Errorf("%+v, %v", v, err)
	}
	edit(t, filepath.Join(dir, infoFile), func(b []byte) []byte {
		var info Info
		if err := json.Unmarshal(b, &info); err != nil {
			t.Fatal(err)
		}
		info.Format, info.Roles = 1, ""
		b, err := json.MarshalIndent(info, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		return append(b, '\n')
	})
	if v, err = Verify(t.Context(), dir, VerifyOptions{Trust: trust}); err != nil || !slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Item == infoFile && p.Kind == KindDigest }) {
		t.Errorf("turned back: %+v, %v", v, err)
	}
	for _, text := range []string{`"format": 3`, `"format": 0`, `"format": 1, "roles": "bound"`, `"format": 2`, `"format": 2, "roles": "some"`} {
		write := `{` + text + `, "id": "A-1"}`
		if err := os.WriteFile(filepath.Join(dir, infoFile), []byte(write), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadInfo(dir); err == nil {
			t.Errorf("%s: read", text)
		}
	}
}

// TestOpenExhibitHeld proves that who opens an exhibit's path again, after the
// custody log says that it was opened, reads the bytes that were checked, of each
// of its files.
func TestOpenExhibitHeld(t *testing.T) {
	s, _ := key(t)
	dir := makeCase(t, s)
	c := open(t, dir, s)
	ctx, held := evidence.WithHeld(t.Context())
	defer held.Close()
	f, x, err := c.OpenExhibit(ctx, "E1", ActExamine, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	path := c.PathOf(x)
	if err := errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, []byte("planted"), 0o600)); err != nil {
		t.Fatal(err)
	}
	again, err := evidence.OpenHeld(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if sum, _, err := evidence.SHA256Reader(ctx, again, nil); err != nil || sum != x.SHA256 {
		t.Errorf("sha256 %s, %v; expected %s", sum, err, x.SHA256)
	}
}

// TestRolesWhole proves that each act that the case writes is in the table of roles:
// one that is not could be recorded by nobody who has a role.
func TestRolesWhole(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^\s*(?:const )?(Act[A-Z]\w*)\s*=\s*"([^"]+)"`).FindAllStringSubmatch(string(b), -1) {
			n++
			if _, ok := rolesFor(m[2]); !ok {
				t.Errorf("%s: %s (%q) is not in Duties", f, m[1], m[2])
			}
		}
	}
	if n < len(Duties)-1 { // decrypt is evidence's
		t.Errorf("%d acts found in the source; Duties has %d", n, len(Duties))
	}
}
