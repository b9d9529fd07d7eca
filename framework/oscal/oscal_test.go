package oscal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/defenseunicorns/go-oscal/src/pkg/validation"

	"saksi/evidence"
	"saksi/framework"
	"saksi/framework/frameworktest"
)

func sample(t *testing.T) (*framework.Assessment, *framework.FrozenCatalog) {
	t.Helper()
	return frameworktest.Assess(t, frameworktest.Inputs(), frameworktest.Attack()...)
}

const hostile = frameworktest.Hostile

// TestDocuments proves that the eight models are valid OSCAL 1.2.1 and the same
// each time, with hostile texts and without any.
func TestDocuments(t *testing.T) {
	for name, change := range map[string]func(a *framework.Assessment){
		"real": func(*framework.Assessment) {},
		"hostile": func(a *framework.Assessment) {
			a.Agency, a.Assessor, a.Case, a.Classification = hostile, hostile, hostile, hostile
			for i := range a.Outcomes {
				for j := range a.Outcomes[i].Observations {
					ob := &a.Outcomes[i].Observations[j]
					ob.Problems = []string{hostile}
					for k := range ob.Evidence {
						ob.Evidence[k].Rule, ob.Evidence[k].Where, ob.Evidence[k].Techniques = hostile, strings.Repeat(hostile, 100), []string{hostile}
					}
				}
			}
			for i := range a.Sources {
				a.Sources[i].Name = hostile
			}
			a.Systems = []framework.System{{UUID: framework.UUID("a"), ID: hostile, Title: hostile, Agency: hostile, Owner: hostile}, {UUID: framework.UUID("b"), ID: "b"}}
			a.Systems[1].Inherited = []framework.Inherited{{Control: a.Outcomes[0].Control.ID, Provider: hostile, State: framework.Fail}}
			a.Attestations = []framework.Attestation{{UUID: framework.UUID("c"), Control: hostile, Text: hostile}}
		},
		"empty": func(a *framework.Assessment) {
			o := a.Outcomes[:1]
			o[0].Observations, o[0].Control.Checks, o[0].Risks = nil, nil, nil
			*a = framework.Assessment{UUID: a.UUID, Framework: a.Framework, AsOf: a.AsOf, Outcomes: o}
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, c := sample(t)
			change(a)
			docs, err := Documents(a, c)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Documents(a, c)
			if err != nil || len(docs) != len(Files) {
				t.Fatalf("%d documents, %v", len(docs), err)
			}
			for i, d := range docs {
				if !bytes.Equal(d.JSON, again[i].JSON) {
					t.Errorf("%s: two runs differ", d.Name)
				}
				v, err := validation.NewValidatorDesiredVersion(d.JSON, Version)
				if err != nil {
					t.Fatal(err)
				}
				if err := v.Validate(); err != nil {
					t.Errorf("%s: %v", d.Name, err)
				}
				plain := strings.ReplaceAll(string(d.JSON), `\\`, "")
				if strings.ContainsAny(plain, "\u202e\x1b") || strings.Contains(plain, `\u202e`) || strings.Contains(plain, `\u001b`) {
					t.Errorf("%s holds characters that hide", d.Name)
				}
			}
		})
	}
}

// TestSignature proves that a signature holds for the same document in any
// layout, and for nothing else.
func TestSignature(t *testing.T) {
	for _, kind := range []string{evidence.KeyECDSA, evidence.KeyEd25519, evidence.KeyRSA} {
		t.Run(kind, func(t *testing.T) { signatureOf(t, kind) })
	}
}

func signatureOf(t *testing.T, kind string) {
	t.Helper()
	dir := t.TempDir()
	var signers []*evidence.Signer
	for _, name := range []string{"a.key", "b.key"} {
		if _, err := evidence.GenerateKey(filepath.Join(dir, name), kind, nil); err != nil {
			t.Fatal(err)
		}
		s, err := evidence.LoadSigner(filepath.Join(dir, name), nil)
		if err != nil {
			t.Fatal(err)
		}
		signers = append(signers, s)
	}
	doc := []byte(`{"b": 1.0, "a": ["x", 1e3]}`)
	sig, err := Sign(t.Context(), signers[0], "a.json", doc)
	if err != nil {
		t.Fatal(err)
	}
	keys := []*evidence.Public{signers[0].Public()}
	if _, err := Verify(sig, "a.json", []byte("{\"a\":[\"x\",1000],\n\"b\":1}"), keys); err != nil {
		t.Errorf("the same document in another layout: %v", err)
	}
	var e map[string]any
	if err := json.Unmarshal(sig, &e); err != nil {
		t.Fatal(err)
	}
	payload, err := base64.StdEncoding.DecodeString(e["payload"].(string))
	if err != nil {
		t.Fatal(err)
	}
	e["payload"] = base64.StdEncoding.EncodeToString(bytes.Replace(payload, []byte("a.json"), []byte("b.json"), 1))
	altered, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		sig  []byte
		doc  string
		name string
		keys []*evidence.Public
		want error
	}{
		"another document": {sig, `{"b": 2, "a": ["x", 1e3]}`, "a.json", keys, evidence.ErrDigest},
		"another name":     {sig, string(doc), "b.json", keys, ErrForm},
		"another key":      {sig, string(doc), "a.json", []*evidence.Public{signers[1].Public()}, ErrKey},
		"altered":          {altered, string(doc), "a.json", keys, evidence.ErrSignature},
		"no envelope":      {[]byte("[]"), string(doc), "a.json", keys, ErrForm},
		"nothing":          {nil, string(doc), "a.json", keys, ErrForm},
		"something behind": {append(bytes.Clone(sig), 'x'), string(doc), "a.json", keys, ErrForm},
	} {
		if _, err := Verify(c.sig, c.name, []byte(c.doc), c.keys); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, expected %v", name, err, c.want)
		}
	}
	if _, err := Digest([]byte(strings.Repeat("[", 1_000_000))); err == nil {
		t.Error("a document that nests a million deep was canonicalized")
	}
	if _, err := Digest([]byte(`{"a":1,"a":2}`)); err == nil {
		t.Error("a name twice in one object was canonicalized")
	}
}
