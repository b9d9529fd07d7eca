package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	attestation "github.com/in-toto/attestation/go/v1"
	bundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	dssepb "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	"google.golang.org/protobuf/encoding/protojson"

	"saksi/internal/strictjson"
)

// Constants of the formats.
const (
	StatementType   = "https://in-toto.io/Statement/v1"
	PayloadType     = "application/vnd.in-toto+json"
	BundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"

	// Predicate types of ours; docs/schema holds the JSON Schema of each.
	PredicateExamination = "https://saksi.example/predicate/examination/v1"
	PredicateAcquisition = "https://saksi.example/predicate/acquisition/v1"
	PredicateFile        = "https://saksi.example/predicate/file/v1"
	PredicateSeal        = "https://saksi.example/predicate/seal/v1"
	PredicateCustody     = "https://saksi.example/predicate/custody-event/v1"
	PredicateCertificate = "https://saksi.example/predicate/certificate/v1"
	PredicateAttestation = "https://saksi.example/predicate/attestation/v1"
	PredicateWaiver      = "https://saksi.example/predicate/waiver/v1"
	PredicateReview      = "https://saksi.example/predicate/review/v1"
	PredicateSelftest    = "https://saksi.example/predicate/selftest/v1"
	PredicateApproval    = "https://saksi.example/predicate/approval/v1"
)

// MaxSubjects is the largest number of subjects of one statement; more are
// bound through a manifest.
const MaxSubjects = 1000

// MaxBundle bounds a bundle on reading, in bytes.
const MaxBundle = 32 << 20

// ErrSignature is returned when a signature does not verify, or a signed
// document is not of the expected form.
var ErrSignature = errors.New("signature does not verify")

// Subject is one file a statement speaks of.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"` // "sha256" in hex
}

// Statement is in-toto's Statement v1 (in-toto attestation framework, spec v1).
type Statement struct {
	Type          string          `json:"_type"`
	Subject       []Subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// pae is DSSE's pre-authentication encoding (DSSE protocol v1.0.2): what is
// signed.
func pae(payloadType string, payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
}

// Sign signs a statement and returns a sigstore bundle v0.3 (JSON) that names
// the key by its hint.
func Sign(ctx context.Context, s *Signer, predicateType string, predicate any, subjects []Subject) ([]byte, error) {
	if len(subjects) == 0 || len(subjects) > MaxSubjects {
		return nil, fmt.Errorf("signing a statement: %d subjects; expected 1 to %d", len(subjects), MaxSubjects)
	}
	p, err := json.Marshal(predicate)
	if err != nil {
		return nil, fmt.Errorf("signing a statement: %w", err)
	}
	payload, err := json.Marshal(Statement{Type: StatementType, Subject: subjects, PredicateType: predicateType, Predicate: p})
	if err != nil {
		return nil, fmt.Errorf("signing a statement: %w", err)
	}
	if err := validate(payload); err != nil {
		return nil, fmt.Errorf("signing a statement: %w", err)
	}
	sig, err := s.Sign(ctx, pae(PayloadType, payload))
	if err != nil {
		return nil, fmt.Errorf("signing a statement: %w", err)
	}
	b := &bundle.Bundle{
		MediaType: BundleMediaType,
		VerificationMaterial: &bundle.VerificationMaterial{
			Content: &bundle.VerificationMaterial_PublicKey{PublicKey: &common.PublicKeyIdentifier{Hint: s.Public().Hint()}},
		},
		Content: &bundle.Bundle_DsseEnvelope{DsseEnvelope: &dssepb.Envelope{
			Payload: payload, PayloadType: PayloadType, Signatures: []*dssepb.Signature{{Sig: sig}},
		}},
	}
	out, err := protojson.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("signing a statement: %w", err)
	}
	// protojson varies its white space on purpose; a file of evidence does not.
	var compact bytes.Buffer
	if err := json.Compact(&compact, out); err != nil {
		return nil, err
	}
	return append(compact.Bytes(), '\n'), nil
}

// validate holds a payload to in-toto's own rules.
func validate(payload []byte) error {
	var st attestation.Statement
	if err := protojson.Unmarshal(payload, &st); err != nil {
		return err
	}
	return st.Validate()
}

// Open verifies a bundle with a public key and returns its statement. With a
// nil key the signature is not checked, only the form. Every error is
// ErrSignature and says what was expected and found.
func Open(b []byte, key *Public) (*Statement, error) {
	if len(b) > MaxBundle {
		return nil, fmt.Errorf("%w: a bundle of %d bytes; at most %d are read", ErrSignature, len(b), MaxBundle)
	}
	var pb bundle.Bundle
	if err := protojson.Unmarshal(b, &pb); err != nil {
		return nil, fmt.Errorf("%w: not a sigstore bundle: %s", ErrSignature, strings.ReplaceAll(err.Error(), "\u00a0", " "))
	}
	env := pb.GetDsseEnvelope()
	hint := pb.GetVerificationMaterial().GetPublicKey()
	switch {
	case pb.MediaType != BundleMediaType:
		return nil, fmt.Errorf("%w: media type %q; expected %q", ErrSignature, pb.MediaType, BundleMediaType)
	case env == nil:
		return nil, fmt.Errorf("%w: the bundle holds no DSSE envelope", ErrSignature)
	case env.PayloadType != PayloadType:
		return nil, fmt.Errorf("%w: payload type %q; expected %q", ErrSignature, env.PayloadType, PayloadType)
	case len(env.Signatures) != 1:
		return nil, fmt.Errorf("%w: %d signatures; expected 1", ErrSignature, len(env.Signatures))
	case hint == nil:
		return nil, fmt.Errorf("%w: the bundle names no public key", ErrSignature)
	}
	if key != nil {
		if hint.Hint != key.Hint() {
			return nil, fmt.Errorf("%w: made with key %q; expected %q", ErrSignature, hint.Hint, key.Hint())
		}
		if !key.Verify(pae(env.PayloadType, env.Payload), env.Signatures[0].Sig) {
			return nil, fmt.Errorf("%w: the signature is not that of the payload and key %q", ErrSignature, key.Hint())
		}
	}
	if err := validate(env.Payload); err != nil {
		return nil, fmt.Errorf("%w: the payload is no in-toto statement: %w", ErrSignature, err)
	}
	var s Statement
	if err := strictjson.Decode(env.Payload, &s); err != nil {
		return nil, fmt.Errorf("%w: the payload is no in-toto statement: %w", ErrSignature, err)
	}
	return &s, nil
}

// Parts are what a bundle's signature is over (DSSE's pre-authentication
// encoding) and the signature (ASN.1 DER), as openssl takes them, and the hint
// of the key that it names. The bundle is not verified.
func Parts(b []byte) (encoding, sig []byte, hint string, err error) {
	var pb bundle.Bundle
	if err := protojson.Unmarshal(b, &pb); err != nil {
		return nil, nil, "", fmt.Errorf("%w: not a sigstore bundle", ErrSignature)
	}
	env := pb.GetDsseEnvelope()
	if env == nil || len(env.Signatures) == 0 {
		return nil, nil, "", fmt.Errorf("%w: the bundle holds no signature", ErrSignature)
	}
	return pae(env.PayloadType, env.Payload), env.Signatures[0].Sig, pb.GetVerificationMaterial().GetPublicKey().GetHint(), nil
}
