package evidence

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
)

// ErrTrust is returned when a key is missing, wrong, or of a kind that stock
// verifiers refuse.
var ErrTrust = errors.New("key can't be trusted")

// PassFunc asks for a pass phrase; confirm says that it will encrypt.
type PassFunc func(confirm bool) ([]byte, error)

// KeyBits names the curve of new keys: P-256, which stock cosign and openssl
// verify without further options.
var KeyBits elliptic.Curve = elliptic.P256()

// maxPEM bounds a key file, in bytes.
const maxPEM = 64 << 10

// GenerateKey writes a new ECDSA P-256 key pair: path holds the private key
// (PEM; with a nil pass PKCS #8 in clear, else encrypted as cosign does it),
// path with .pub instead of .key the public one. Neither file may exist; after
// an error neither does. An empty phrase is ErrTrust: it would protect nothing.
func GenerateKey(path string, pass PassFunc) (pub string, err error) {
	var pf cryptoutils.PassFunc
	if pass != nil {
		pf = func(confirm bool) ([]byte, error) {
			p, err := pass(confirm)
			if err == nil && len(p) == 0 {
				err = fmt.Errorf("%w: the pass phrase is empty; give one", ErrTrust)
			}
			return p, err
		}
	}
	priv, public, err := cryptoutils.GeneratePEMEncodedECDSAKeyPair(KeyBits, pf)
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

// Signer signs with one private key.
type Signer struct {
	s   signature.Signer
	pub *ecdsa.PublicKey
	der []byte
}

// LoadSigner reads a private key. Reading order: PEM blocks of cosign's
// encrypted kinds (pass is asked), then PKCS #8 and SEC 1 in clear. Every error
// is ErrTrust, and none holds anything of the key or the pass phrase.
func LoadSigner(path string, pass PassFunc) (*Signer, error) {
	b, err := readSmall(path)
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
	key, ok := priv.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%w: the signing key %s is a %T; expected ECDSA P-256", ErrTrust, path, priv)
	}
	s, err := signature.LoadSigner(key, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("%w: the signing key %s: %w", ErrTrust, path, err)
	}
	der, err := cryptoutils.MarshalPublicKeyToDER(key.Public())
	if err != nil {
		return nil, fmt.Errorf("the signing key %s: %w", path, err)
	}
	return &Signer{s: s, pub: &key.PublicKey, der: der}, nil
}

// LoadPublic reads a public key in PEM.
func LoadPublic(path string) (*Public, error) {
	b, err := readSmall(path)
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
	key, ok := k.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%w: it is a %T; expected ECDSA P-256", ErrTrust, k)
	}
	der, err := cryptoutils.MarshalPublicKeyToDER(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTrust, err)
	}
	return &Public{key: key, der: der}, nil
}

// readSmall reads a key file. It may be a pipe, as a shell makes one for <().
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err == nil && len(b) > maxPEM {
		err = fmt.Errorf("%s has more than %d bytes; no key has", path, maxPEM)
	}
	return b, err
}

// Public verifies with one public key.
type Public struct {
	key *ecdsa.PublicKey
	der []byte
}

// Public is the signer's public half.
func (s *Signer) Public() *Public { return &Public{key: s.pub, der: s.der} }

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

// Verify reports whether sig (ASN.1 DER) is this key's over the SHA-256 of msg.
func (p *Public) Verify(msg, sig []byte) bool {
	sum := sha256.Sum256(msg)
	return ecdsa.VerifyASN1(p.key, sum[:], sig)
}

// Sign gives the signature (ASN.1 DER) over the SHA-256 of msg.
func (s *Signer) Sign(_ context.Context, msg []byte) ([]byte, error) {
	return s.s.SignMessage(strings.NewReader(string(msg)))
}
