package oscal

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gowebpki/jcs"

	"saksi/evidence"
	"saksi/internal/strictjson"
)

// SignatureEnd is what a signature's file is called after the name of its
// document.
const SignatureEnd = ".dsse"

// predicateType is compliance-trestle's, whose verify takes no other.
const predicateType = "https://oscal-compass.github.io/compliance-trestle/predicates/oscal-signing/v1"

// Errors of a signature.
var (
	// ErrForm: it is no envelope with one statement over one document.
	ErrForm = errors.New("no signature of a document")
	// ErrKey: another key made it than those that are trusted.
	ErrKey = errors.New("made with a key that is not trusted")
)

// envelope is a DSSE envelope (DSSE v1.0.2, in JSON).
type envelope struct {
	Payload     string      `json:"payload"`
	PayloadType string      `json:"payloadType"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid"`
	Sig   string `json:"sig"`
}

type statement struct {
	Type          string             `json:"_type"`
	Subject       []evidence.Subject `json:"subject"`
	PredicateType string             `json:"predicateType"`
	Predicate     predicate          `json:"predicate"`
}

type predicate struct {
	Canonicalization string `json:"canonicalization"`
	DigestAlgorithm  string `json:"digestAlgorithm"`
	DigestSource     string `json:"digestSource"`
	Tool             string `json:"tool"`
}

// Digest is the SHA-256, in hex, of a JSON document in its canonical form
// (RFC 8785).
func Digest(doc []byte) (string, error) {
	if !json.Valid(doc) { // it bounds the depth, too
		return "", fmt.Errorf("canonicalizing: no JSON")
	}
	c, err := jcs.Transform(doc)
	if err != nil {
		return "", fmt.Errorf("canonicalizing: %w", err)
	}
	return evidence.SHA256(c), nil
}

// pae is DSSE's pre-authentication encoding: what is signed.
func pae(payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(evidence.PayloadType), evidence.PayloadType, len(payload), payload)
}

// Sign gives a detached DSSE envelope over an in-toto statement of the digest of
// a document in canonical form, as 'trestle verify' takes it: with an RSA key the
// padding is PSS, but for a key that is kept on a token.
func Sign(ctx context.Context, s *evidence.Signer, name string, doc []byte) ([]byte, error) {
	digest, err := Digest(doc)
	if err != nil {
		return nil, fmt.Errorf("signing %s: %w", name, err)
	}
	payload, err := json.Marshal(statement{
		Type: evidence.StatementType, Subject: []evidence.Subject{{Name: name, Digest: map[string]string{"sha256": digest}}}, PredicateType: predicateType,
		Predicate: predicate{Canonicalization: "RFC8785", DigestAlgorithm: "sha256", DigestSource: "canonical-json", Tool: "saksi"},
	})
	if err != nil {
		return nil, err
	}
	sig, pss, err := s.SignPSS(pae(payload))
	if !pss {
		sig, err = s.Sign(ctx, pae(payload))
	}
	if err != nil {
		return nil, fmt.Errorf("signing %s: %w", name, err)
	}
	b, err := json.MarshalIndent(envelope{
		Payload: base64.StdEncoding.EncodeToString(payload), PayloadType: evidence.PayloadType,
		Signatures: []signature{{KeyID: s.Public().Hint(), Sig: base64.StdEncoding.EncodeToString(sig)}},
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// Verify checks the signature of a document against the keys that are trusted
// and returns the hint of the key that made it. Errors are ErrForm, ErrKey,
// evidence.ErrSignature and evidence.ErrDigest, and say what was expected and
// found.
func Verify(sig []byte, name string, doc []byte, keys []*evidence.Public) (hint string, err error) {
	var e envelope
	if err := strictjson.Decode(sig, &e); err != nil {
		return "", fmt.Errorf("%w: %w", ErrForm, err)
	}
	payload, err := base64.StdEncoding.DecodeString(e.Payload)
	if err != nil || e.PayloadType != evidence.PayloadType || len(e.Signatures) != 1 {
		return "", fmt.Errorf("%w: payload type %q and %d signatures; expected %q and 1", ErrForm, e.PayloadType, len(e.Signatures), evidence.PayloadType)
	}
	hint = e.Signatures[0].KeyID
	raw, err := base64.StdEncoding.DecodeString(e.Signatures[0].Sig)
	if err != nil {
		return hint, fmt.Errorf("%w: its bytes are no base64", ErrForm)
	}
	var key *evidence.Public
	for _, k := range keys {
		if k.Hint() == hint {
			key = k
		}
	}
	if key == nil {
		return hint, fmt.Errorf("%w: key %q", ErrKey, hint)
	}
	if !key.Verify(pae(payload), raw) && !key.VerifyPSS(pae(payload), raw) {
		return hint, fmt.Errorf("%w: the signature is not that of the statement and key %q", evidence.ErrSignature, hint)
	}
	var st statement
	if err := json.Unmarshal(payload, &st); err != nil || st.Type != evidence.StatementType || st.PredicateType != predicateType || len(st.Subject) != 1 {
		return hint, fmt.Errorf("%w: no statement over one document", ErrForm)
	}
	if st.Predicate.Canonicalization != "RFC8785" || st.Predicate.DigestAlgorithm != "sha256" || st.Subject[0].Name != name {
		return hint, fmt.Errorf("%w: it speaks of %q by %s of %s; expected %q by sha256 of RFC8785", ErrForm, st.Subject[0].Name, st.Predicate.DigestAlgorithm, st.Predicate.Canonicalization, name)
	}
	found, err := Digest(doc)
	if err != nil {
		return hint, err
	}
	if want := st.Subject[0].Digest["sha256"]; want != found {
		return hint, fmt.Errorf("%w: signed %s, found %s", evidence.ErrDigest, want, found)
	}
	return hint, nil
}
