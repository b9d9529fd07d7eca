package evidence

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"

	"saksi/internal/infile"
)

// ErrTrust is returned when a key is missing, wrong, or of a kind that stock
// verifiers refuse.
var ErrTrust = errors.New("key can't be trusted")

// PassFunc asks for a pass phrase; confirm says that it will encrypt.
type PassFunc func(confirm bool) ([]byte, error)

// Kinds of keys. A custody log is signed by KeyECDSA alone, the only kind that
// verifiers of checkpoints share; seals and statements by any.
const (
	KeyECDSA   = "ecdsa"   // P-256, the default: stock cosign and openssl verify it without further options
	KeyEd25519 = "ed25519" // RFC 8032
	KeyRSA     = "rsa"     // 3072 bits, PKCS #1 v1.5
)

// minRSA is the length of the shortest RSA key that is taken, in bits.
const minRSA = 3072

// maxPEM bounds a key file, in bytes.
const maxPEM = 64 << 10

// GenerateKey writes a new key pair of the kind named: path holds the private
// key (PEM; with a nil pass PKCS #8 in clear, else encrypted as cosign does it),
// path with .pub instead of .key the public one. Neither file may exist; after
// an error neither does. An empty phrase is ErrTrust: it would protect nothing.
func GenerateKey(path, kind string, pass PassFunc) (pub string, err error) {
	priv, public, err := generate(kind, pass)
	if err != nil {
		return "", fmt.Errorf("making a key: %w", err)
	}
	pub = strings.TrimSuffix(path, ".key") + ".pub"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("keeping a key: %w", err)
	}
	if err := WriteNew(path, priv, 0o600); err != nil {
		return "", fmt.Errorf("keeping a key: %w", err)
	}
	if err := WriteNew(pub, public, 0o644); err != nil {
		return "", errors.Join(fmt.Errorf("keeping a key: %w", err), os.Remove(path))
	}
	return pub, nil
}

// generate makes a key pair in PEM.
func generate(kind string, pass PassFunc) (priv, public []byte, err error) {
	var key crypto.Signer
	switch kind {
	case KeyECDSA:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case KeyEd25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case KeyRSA:
		key, err = rsa.GenerateKey(rand.Reader, minRSA)
	default:
		err = fmt.Errorf("%w: a key of kind %q; expected %s, %s or %s", ErrTrust, kind, KeyECDSA, KeyEd25519, KeyRSA)
	}
	if err != nil {
		return nil, nil, err
	}
	if public, err = cryptoutils.MarshalPublicKeyToPEM(key.Public()); err != nil {
		return nil, nil, err
	}
	if pass == nil {
		priv, err = cryptoutils.MarshalPrivateKeyToPEM(key)
		return priv, public, err
	}
	der, err := cryptoutils.MarshalPrivateKeyToEncryptedDER(key, func(confirm bool) ([]byte, error) {
		p, err := pass(confirm)
		if err == nil && len(p) == 0 {
			err = fmt.Errorf("%w: the pass phrase is empty; give one", ErrTrust)
		}
		return p, err
	})
	if err != nil {
		return nil, nil, err
	}
	return cryptoutils.PEMEncode(cryptoutils.EncryptedSigstorePrivateKeyPEMType, der), public, nil
}

// Signer signs with one private key.
type Signer struct {
	s      signature.Signer
	remote func(ctx context.Context, digest []byte) ([]byte, error) // instead of s
	rsa    *rsa.PrivateKey                                          // of an RSA key that is here
	pub    *Public
	der    []byte
}

// LoadSigner reads a private key. Reading order: PEM blocks of cosign's
// encrypted kinds (pass is asked), then PKCS #8 and SEC 1 in clear. Every error
// is ErrTrust, and none holds anything of the key or the pass phrase.
func LoadSigner(path string, pass PassFunc) (*Signer, error) {
	b, err := infile.Read(path, maxPEM)
	if err != nil {
		return nil, fmt.Errorf("%w: reading the signing key: %w", ErrTrust, err)
	}
	pf := func(bool) ([]byte, error) { return nil, errors.New("it is encrypted and there is no pass phrase") }
	if pass != nil {
		pf = pass
	}
	priv, err := cryptoutils.UnmarshalPEMToPrivateKey(b, pf)
	if err != nil {
		return nil, fmt.Errorf("%w: reading the signing key %s: %w", ErrTrust, path, err)
	}
	key, ok := priv.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: the signing key %s is a %T", ErrTrust, path, priv)
	}
	pub, err := newPublic(key.Public())
	if err != nil {
		return nil, fmt.Errorf("the signing key %s: %w", path, err)
	}
	s, err := signature.LoadSigner(key, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("%w: the signing key %s: %w", ErrTrust, path, err)
	}
	whole, _ := key.(*rsa.PrivateKey)
	return &Signer{s: s, pub: pub, der: pub.der, rsa: whole}, nil
}

// RemoteSigner signs with a private key that is kept elsewhere, as on a token:
// sign gets a SHA-256 digest and gives a signature (ASN.1 DER). The key must be
// ECDSA P-256 or RSA.
func RemoteSigner(key crypto.PublicKey, sign func(ctx context.Context, digest []byte) ([]byte, error)) (*Signer, error) {
	pub, err := newPublic(key)
	if err != nil {
		return nil, err
	}
	if pub.Kind() == KeyEd25519 {
		return nil, fmt.Errorf("%w: an Ed25519 key signs whole messages; expected ECDSA P-256 or RSA", ErrTrust)
	}
	return &Signer{remote: sign, pub: pub, der: pub.der}, nil
}

// LoadPublic reads a public key in PEM.
func LoadPublic(path string) (*Public, error) {
	b, err := infile.Read(path, maxPEM)
	if err != nil {
		return nil, fmt.Errorf("%w: reading the public key: %w", ErrTrust, err)
	}
	p, err := ParsePublic(b)
	if err != nil {
		return nil, fmt.Errorf("reading the public key %s: %w", path, err)
	}
	return p, nil
}

// ParsePublic reads a public key in PEM. Errors are ErrTrust.
func ParsePublic(b []byte) (*Public, error) {
	k, err := cryptoutils.UnmarshalPEMToPublicKey(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTrust, err)
	}
	return newPublic(k)
}

// newPublic takes keys of the kinds that stock verifiers take.
func newPublic(k crypto.PublicKey) (*Public, error) {
	switch k := k.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return nil, fmt.Errorf("%w: an ECDSA key on curve %s; expected P-256", ErrTrust, k.Params().Name)
		}
	case ed25519.PublicKey:
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSA {
			return nil, fmt.Errorf("%w: an RSA key of %d bits; expected %d or more", ErrTrust, k.N.BitLen(), minRSA)
		}
	default:
		return nil, fmt.Errorf("%w: a %T; expected an ECDSA P-256, Ed25519 or RSA key", ErrTrust, k)
	}
	v, err := signature.LoadVerifier(k, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTrust, err)
	}
	der, err := cryptoutils.MarshalPublicKeyToDER(k)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTrust, err)
	}
	return &Public{key: k, v: v, der: der}, nil
}

// Public verifies with one public key.
type Public struct {
	key crypto.PublicKey
	v   signature.Verifier
	der []byte
}

// Public is the signer's public half.
func (s *Signer) Public() *Public { return s.pub }

// Kind is the kind of the key: KeyECDSA, KeyEd25519 or KeyRSA.
func (p *Public) Kind() string {
	switch p.key.(type) {
	case ed25519.PublicKey:
		return KeyEd25519
	case *rsa.PublicKey:
		return KeyRSA
	}
	return KeyECDSA
}

// Hint names the key: the base64 of the SHA-256 of its DER, as sigstore's
// bundles do.
func (p *Public) Hint() string {
	sum := sha256.Sum256(p.der)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Fingerprint is the SHA-256 of the key's DER in hex, to compare by eye.
func (p *Public) Fingerprint() string {
	sum := sha256.Sum256(p.der)
	return hex.EncodeToString(sum[:])
}

// PEM is the key as a file holds it.
func (p *Public) PEM() ([]byte, error) { return cryptoutils.MarshalPublicKeyToPEM(p.key) }

// Verify reports whether sig is this key's over msg: for ECDSA (ASN.1 DER) and
// RSA (PKCS #1 v1.5) over its SHA-256, for Ed25519 over msg itself.
func (p *Public) Verify(msg, sig []byte) bool {
	return p.v.VerifySignature(bytes.NewReader(sig), bytes.NewReader(msg)) == nil
}

// Sign gives the signature over msg in the form that Public.Verify takes.
func (s *Signer) Sign(ctx context.Context, msg []byte) ([]byte, error) {
	if s.remote != nil {
		return s.remote(ctx, sum256(msg))
	}
	return s.s.SignMessage(bytes.NewReader(msg))
}

// SignPSS gives the signature over msg in RSA's other padding (RSASSA-PSS, RFC
// 8017, section 8.1, with SHA-256 and a salt as long), which some verifiers take
// alone. ok is false for a key that is not RSA, or is kept elsewhere.
func (s *Signer) SignPSS(msg []byte) (sig []byte, ok bool, err error) {
	if s.rsa == nil {
		return nil, false, nil
	}
	sig, err = rsa.SignPSS(rand.Reader, s.rsa, crypto.SHA256, sum256(msg), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	return sig, true, err
}

// VerifyPSS reports whether sig is this RSA key's over msg, as SignPSS gives it.
func (p *Public) VerifyPSS(msg, sig []byte) bool {
	k, ok := p.key.(*rsa.PublicKey)
	return ok && rsa.VerifyPSS(k, crypto.SHA256, sum256(msg), sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
}
