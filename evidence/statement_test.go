package evidence

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

type fact struct {
	Case string `json:"case"`
}

var oneSubject = []Subject{{Name: "exhibits/E1", Digest: map[string]string{"sha256": strings.Repeat("ab", 32)}}}

func statement(t testing.TB, s *Signer) []byte {
	t.Helper()
	b, err := Sign(t.Context(), s, PredicateFile, fact{"A-1"}, oneSubject)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestStatement proves that what is signed comes back whole, with the right
// key, that the bundle names the key, and that signing refuses what in-toto does.
func TestStatement(t *testing.T) {
	s, p := newKey(t)
	b := statement(t, s)
	for _, key := range []*Public{p, nil} {
		st, err := Open(b, key)
		if err != nil {
			t.Fatal(err)
		}
		want := &Statement{Type: StatementType, Subject: oneSubject, PredicateType: PredicateFile, Predicate: json.RawMessage(`{"case":"A-1"}`)}
		if !reflect.DeepEqual(st, want) {
			t.Errorf("%+v", st)
		}
	}
	if !bytes.Contains(b, []byte(p.Hint())) || bytes.Count(b, []byte("\n")) != 1 {
		t.Errorf("%s", b)
	}
	for name, subjects := range map[string][]Subject{
		"none":                   nil,
		"too many":               make([]Subject, MaxSubjects+1),
		"no digest":              {{Name: "a"}},
		"a digest of wrong size": {{Name: "a", Digest: map[string]string{"sha256": "ab"}}},
		"a digest not in hex":    {{Name: "a", Digest: map[string]string{"sha256": strings.Repeat("zz", 32)}}},
	} {
		if b, err := Sign(t.Context(), s, PredicateFile, fact{}, subjects); b != nil || err == nil {
			t.Errorf("subjects %s: signed", name)
		}
	}
	for name, predicate := range map[string]any{"no object": "text", "not JSON": make(chan int)} {
		if b, err := Sign(t.Context(), s, PredicateFile, predicate, oneSubject); b != nil || err == nil {
			t.Errorf("predicate %s: signed", name)
		}
	}
	if b, err := Sign(t.Context(), s, "", fact{}, oneSubject); b != nil || err == nil {
		t.Error("no predicate type: signed")
	}
}

// TestForgedStatement proves that each change of a bundle is ErrSignature, even
// where the payload is signed anew by a key that is not the one expected.
func TestForgedStatement(t *testing.T) {
	s, p := newKey(t)
	other, otherPub := newKey(t)
	good := statement(t, s)
	if _, err := Open(good, otherPub); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	payload := func(old, new string) func(b, env, m map[string]any) {
		return func(_, env, _ map[string]any) {
			raw, err := base64.StdEncoding.DecodeString(env["payload"].(string))
			if err != nil || !bytes.Contains(raw, []byte(old)) {
				t.Fatal(string(raw), err)
			}
			env["payload"] = base64.StdEncoding.EncodeToString(bytes.Replace(raw, []byte(old), []byte(new), 1))
		}
	}
	for name, change := range map[string]func(b, env, material map[string]any){
		"payload, predicate":      payload("A-1", "A-2"),
		"payload, subject name":   payload("E1", "E2"),
		"payload, subject digest": payload("abab", "abac"),
		"payload, type":           payload("predicate/file", "predicate/examination"),
		"payload, a space":        payload(`,"`, `, "`),
		"payload empty":           func(_, env, _ map[string]any) { env["payload"] = "" },
		"payload gone":            func(_, env, _ map[string]any) { delete(env, "payload") },
		"payload type":            func(_, env, _ map[string]any) { env["payloadType"] = "application/json" },
		"payload type gone":       func(_, env, _ map[string]any) { delete(env, "payloadType") },
		"media type":              func(b, _, _ map[string]any) { b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1" },
		"no envelope":             func(b, _, _ map[string]any) { delete(b, "dsseEnvelope") },
		"no material":             func(b, _, _ map[string]any) { delete(b, "verificationMaterial") },
		"no key named":            func(_, _, m map[string]any) { delete(m, "publicKey") },
		"another key named":       func(_, _, m map[string]any) { m["publicKey"] = map[string]any{"hint": otherPub.Hint()} },
		"a certificate instead": func(_, _, m map[string]any) {
			delete(m, "publicKey")
			m["certificate"] = map[string]any{"rawBytes": "AAAA"}
		},
		"no signature":   func(_, env, _ map[string]any) { env["signatures"] = []any{} },
		"two signatures": func(_, env, _ map[string]any) { l := env["signatures"].([]any); env["signatures"] = append(l, l[0]) },
		"a second, foreign signature": func(_, env, _ map[string]any) {
			env["signatures"] = append(env["signatures"].([]any), map[string]any{"sig": "AAAA"})
		},
		"signature empty": func(_, env, _ map[string]any) { env["signatures"] = []any{map[string]any{"sig": ""}} },
		"signature over the payload alone": func(_, env, _ map[string]any) {
			raw, err := base64.StdEncoding.DecodeString(env["payload"].(string))
			if err != nil {
				t.Fatal(err)
			}
			sig, err := s.Sign(t.Context(), raw)
			if err != nil {
				t.Fatal(err)
			}
			env["signatures"] = []any{map[string]any{"sig": base64.StdEncoding.EncodeToString(sig)}}
		},
		"signed by another, named as ours": func(_, env, _ map[string]any) {
			raw, err := base64.StdEncoding.DecodeString(env["payload"].(string))
			if err != nil {
				t.Fatal(err)
			}
			sig, err := other.Sign(t.Context(), pae(PayloadType, raw))
			if err != nil {
				t.Fatal(err)
			}
			env["signatures"] = []any{map[string]any{"sig": base64.StdEncoding.EncodeToString(sig)}}
		},
		"an unknown field": func(_, env, _ map[string]any) { env["note"] = "x" },
	} {
		var m map[string]any
		if err := json.Unmarshal(good, &m); err != nil {
			t.Fatal(err)
		}
		change(m, m["dsseEnvelope"].(map[string]any), m["verificationMaterial"].(map[string]any))
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if st, err := Open(b, p); st != nil || !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %+v, %v", name, st, err)
		}
	}
	if st, err := Open(statement(t, other), p); st != nil || !errors.Is(err, ErrSignature) {
		t.Errorf("signed by another: %+v, %v", st, err)
	}
}

// TestSignedNonsense proves that a right signature over what is no in-toto
// statement is ErrSignature all the same.
func TestSignedNonsense(t *testing.T) {
	s, p := newKey(t)
	digest := `"digest":{"sha256":"` + strings.Repeat("ab", 32) + `"}`
	for name, payload := range map[string]string{
		"empty":             ``,
		"text":              `hello`,
		"another type":      `{"_type":"https://in-toto.io/Link/v1","subject":[{` + digest + `}],"predicateType":"x","predicate":{}}`,
		"no subject":        `{"_type":"` + StatementType + `","subject":[],"predicateType":"x","predicate":{}}`,
		"no digest":         `{"_type":"` + StatementType + `","subject":[{"name":"a"}],"predicateType":"x","predicate":{}}`,
		"short digest":      `{"_type":"` + StatementType + `","subject":[{"digest":{"sha256":"ab"}}],"predicateType":"x","predicate":{}}`,
		"no predicate":      `{"_type":"` + StatementType + `","subject":[{` + digest + `}],"predicateType":"x"}`,
		"subjects twice":    `{"_type":"` + StatementType + `","subject":[{` + digest + `}],"subject":[{` + digest + `}],"predicateType":"x","predicate":{}}`,
		"predicate twice":   `{"_type":"` + StatementType + `","subject":[{` + digest + `}],"predicateType":"x","predicate":{"a":1,"a":2}}`,
		"in other letters":  `{"_type":"` + StatementType + `","Subject":[{` + digest + `}],"predicateType":"x","predicate":{}}`,
		"in snake case":     `{"_type":"` + StatementType + `","subject":[{` + digest + `}],"predicate_type":"x","predicate":{}}`,
		"something after":   `{"_type":"` + StatementType + `","subject":[{` + digest + `}],"predicateType":"x","predicate":{}}{}`,
		"an unknown field":  `{"_type":"` + StatementType + `","subject":[{` + digest + `}],"predicateType":"x","predicate":{},"more":1}`,
		"deeply nested":     `{"_type":"` + StatementType + `","subject":[{` + digest + `}],"predicateType":"x","predicate":` + strings.Repeat(`{"a":`, 20000) + `1` + strings.Repeat(`}`, 20001),
		"a digest of UTF-8": `{"_type":"` + StatementType + `","subject":[{"digest":{"sha256":"` + strings.Repeat("\xff", 64) + `"}}],"predicateType":"x","predicate":{}}`,
	} {
		sig, err := s.Sign(t.Context(), pae(PayloadType, []byte(payload)))
		if err != nil {
			t.Fatal(err)
		}
		b := `{"mediaType":"` + BundleMediaType + `","verificationMaterial":{"publicKey":{"hint":"` + p.Hint() + `"}},"dsseEnvelope":{"payload":"` +
			base64.StdEncoding.EncodeToString([]byte(payload)) + `","payloadType":"` + PayloadType + `","signatures":[{"sig":"` + base64.StdEncoding.EncodeToString(sig) + `"}]}}`
		if st, err := Open([]byte(b), p); st != nil || !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %+v, %v", name, st, err)
		}
	}
}

// TestHostileBundle proves that a bundle cut off anywhere, of hostile JSON or
// too large is ErrSignature, and that with any bit of it flipped it is either
// that or says what was signed: base64 leaves bits of a last letter unused, and
// the end of the line may be any white space.
func TestHostileBundle(t *testing.T) {
	s, p := newKey(t)
	good := statement(t, s)
	want, err := Open(good, p)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(good) - 1 {
		if st, err := Open(good[:n], p); st != nil || !errors.Is(err, ErrSignature) {
			t.Errorf("cut off after %d bytes: %+v, %v", n, st, err)
		}
	}
	taken := 0
	for i := range len(good) * 8 {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		st, err := Open(b, p)
		if err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("bit %d: %v", i, err)
		}
		if err == nil {
			if taken++; !reflect.DeepEqual(st, want) {
				t.Errorf("bit %d flipped gives another statement: %+v", i, st)
			}
		}
	}
	if taken > 32 {
		t.Errorf("%d flips of a bit are taken; expected only unused bits of base64 and white space", taken)
	}
	for name, b := range map[string][]byte{
		"null":            []byte("null"),
		"array":           []byte("[]"),
		"number":          []byte("1e999999"),
		"two bundles":     append(bytes.Clone(good), good...),
		"envelope twice":  bytes.Replace(good, []byte(`"dsseEnvelope":`), []byte(`"dsseEnvelope":{},"dsseEnvelope":`), 1),
		"not UTF-8":       []byte("{\"mediaType\":\"\xff\xfe\"}"),
		"deeply nested":   []byte(strings.Repeat("[", 1<<20)),
		"deep in a field": []byte(`{"dsseEnvelope":` + strings.Repeat(`{"a":`, 1<<18)),
		"too large":       append(bytes.Clone(good), bytes.Repeat([]byte(" "), MaxBundle)...),
	} {
		for _, key := range []*Public{p, nil} {
			if st, err := Open(b, key); st != nil || !errors.Is(err, ErrSignature) {
				t.Errorf("%s: %+v, %v", name, st, err)
			}
		}
	}
}
