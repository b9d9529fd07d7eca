package evidence

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const phrase = "kata-laluan-rahsia"

func newKey(t testing.TB) (*Signer, *Public) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.key")
	pub, err := GenerateKey(path, KeyECDSA, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := LoadSigner(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := LoadPublic(pub)
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

func ask(p string) PassFunc { return func(bool) ([]byte, error) { return []byte(p), nil } }

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestGenerateKey proves that a new key is its owner's alone, in clear or in
// cosign's encrypted form, that its halves belong together, and that no file is
// ever overwritten or left behind.
func TestGenerateKey(t *testing.T) {
	for _, c := range []struct {
		name, head string
		pass       PassFunc
	}{
		{"clear", "-----BEGIN PRIVATE KEY-----", nil},
		{"encrypted", "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----", ask(phrase)},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys", "a.key")
			pub, err := GenerateKey(path, KeyECDSA, c.pass)
			if err != nil || pub != strings.TrimSuffix(path, ".key")+".pub" {
				t.Fatal(pub, err)
			}
			if b := read(t, path); !bytes.HasPrefix(b, []byte(c.head)) {
				t.Errorf("the key begins with %.40q", b)
			}
			for name, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700, pub: 0o644} {
				if st, err := os.Stat(name); err != nil || st.Mode().Perm()&^want != 0 {
					t.Errorf("%s: mode %v, %v; expected at most %o", name, st.Mode(), err, want)
				}
			}
			s, err := LoadSigner(path, c.pass)
			if err != nil {
				t.Fatal(err)
			}
			p, err := LoadPublic(pub)
			if err != nil || p.Hint() != s.Public().Hint() || len(p.Fingerprint()) != 64 {
				t.Fatal(p, err)
			}
			text, err := p.PEM()
			if err != nil || !bytes.Equal(text, read(t, pub)) {
				t.Errorf("the public half is written in another form: %q, %v", text, err)
			}
			sig, err := s.Sign(t.Context(), []byte("a"))
			if err != nil || !p.Verify([]byte("a"), sig) || p.Verify([]byte("b"), sig) {
				t.Errorf("the halves do not belong together: %v", err)
			}
			before := read(t, path)
			if _, err := GenerateKey(path, KeyECDSA, c.pass); !errors.Is(err, fs.ErrExist) || !bytes.Equal(before, read(t, path)) {
				t.Errorf("a second key in the same place: %v", err)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "b.key")
	put(t, strings.TrimSuffix(path, ".key")+".pub", []byte("somebody's"))
	if _, err := GenerateKey(path, KeyECDSA, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the public half exists: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a private key without its public half is left: %v", err)
	}
	path = filepath.Join(t.TempDir(), "c.key")
	if _, err := GenerateKey(path, KeyECDSA, ask("")); !errors.Is(err, ErrTrust) {
		t.Errorf("an empty pass phrase: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key is left after an empty pass phrase: %v", err)
	}
}

// TestPassPhrase proves that an encrypted key opens with its phrase only, that
// what stops the asking comes through, and that no error tells the phrase.
func TestPassPhrase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.key")
	if _, err := GenerateKey(path, KeyECDSA, ask(phrase)); err != nil {
		t.Fatal(err)
	}
	stopped := errors.New("nobody at the terminal")
	for _, c := range []struct {
		name string
		pass PassFunc
		want error
	}{
		{"wrong", ask(phrase + "x"), ErrTrust},
		{"empty", ask(""), ErrTrust},
		{"none", nil, ErrTrust},
		{"nil phrase", func(bool) ([]byte, error) { return nil, nil }, ErrTrust},
		{"stopped", func(bool) ([]byte, error) { return nil, stopped }, stopped},
	} {
		s, err := LoadSigner(path, c.pass)
		if s != nil || !errors.Is(err, c.want) || !errors.Is(err, ErrTrust) {
			t.Errorf("%s: %v, %v", c.name, s, err)
		} else if strings.Contains(err.Error(), phrase) {
			t.Errorf("%s: the error tells the phrase: %v", c.name, err)
		}
	}
	// The older name of the same form, which cosign 1 wrote.
	b := bytes.ReplaceAll(read(t, path), []byte("ENCRYPTED SIGSTORE"), []byte("ENCRYPTED COSIGN"))
	put(t, path, b)
	if _, err := LoadSigner(path, ask(phrase)); err != nil {
		t.Errorf("cosign's older form: %v", err)
	}
}

// TestBadKeys proves that what is no key of our kinds is refused as ErrTrust,
// private and public, and that no error holds bytes of a private key.
func TestBadKeys(t *testing.T) {
	block := func(kind string, der []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private := func(k any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(k)
		return block("PRIVATE KEY", der, err)
	}
	public := func(k any) []byte {
		der, err := x509.MarshalPKIXPublicKey(k)
		return block("PUBLIC KEY", der, err)
	}
	good := private(p256)
	der, err := x509.MarshalECPrivateKey(p256)
	sec1 := block("EC PRIVATE KEY", der, err)
	path := filepath.Join(t.TempDir(), "k")
	put(t, path, sec1)
	if _, err := LoadSigner(path, nil); err != nil {
		t.Errorf("SEC 1 in clear: %v", err)
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadPublic(pipe); !errors.Is(err, ErrTrust) {
		t.Errorf("a pipe that nobody writes to: %v", err)
	}
	body := strings.Split(string(good), "\n")[1]
	for name, b := range map[string][]byte{
		"empty":                 nil,
		"garbage":               []byte("not a key"),
		"zeros":                 make([]byte, 1000),
		"cut off":               good[:len(good)/2],
		"body cut off":          block("PRIVATE KEY", pemBytes(t, good)[:60], nil),
		"body flipped":          block("PRIVATE KEY", append([]byte{0xff}, pemBytes(t, good)[1:]...), nil),
		"another PEM":           block("CERTIFICATE", pemBytes(t, good), nil),
		"encrypted garbage":     block("ENCRYPTED SIGSTORE PRIVATE KEY", []byte(`{"kdf":{"name":"scrypt","params":{"N":1,"r":0,"p":0}}}`), nil),
		"encrypted, huge costs": block("ENCRYPTED SIGSTORE PRIVATE KEY", []byte(`{"kdf":{"name":"scrypt","params":{"N":1073741824,"r":1024,"p":1024},"salt":"AAAA"},"cipher":{"name":"nacl/secretbox","nonce":"AAAA"},"ciphertext":"AAAA"}`), nil),
		"P-384":                 private(p384),
		"P-384 public":          public(&p384.PublicKey),
		"short RSA":             private(rsaKey),
		"short RSA public":      public(&rsaKey.PublicKey),
		"over the limit":        append(bytes.Repeat([]byte("\n"), maxPEM), good...),
	} {
		put(t, path, b)
		s, err := LoadSigner(path, ask(phrase))
		if s != nil || !errors.Is(err, ErrTrust) {
			t.Errorf("%s as a private key: %v, %v", name, s, err)
		} else if strings.Contains(err.Error(), body) || strings.Contains(err.Error(), phrase) {
			t.Errorf("%s: the error tells a secret: %v", name, err)
		}
		if p, err := LoadPublic(path); p != nil || !errors.Is(err, ErrTrust) {
			t.Errorf("%s as a public key: %v, %v", name, p, err)
		}
	}
	put(t, path, good)
	if p, err := LoadPublic(path); p != nil || !errors.Is(err, ErrTrust) || strings.Contains(err.Error(), body) {
		t.Errorf("a private key as a public one: %v, %v", p, err)
	}
	put(t, path, public(&p256.PublicKey))
	if s, err := LoadSigner(path, nil); s != nil || !errors.Is(err, ErrTrust) {
		t.Errorf("a public key as a private one: %v, %v", s, err)
	}
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if s, err := LoadSigner(path, nil); s != nil || !errors.Is(err, ErrTrust) {
			t.Errorf("%s: %v, %v", path, s, err)
		}
		if p, err := LoadPublic(path); p != nil || !errors.Is(err, ErrTrust) {
			t.Errorf("%s: %v, %v", path, p, err)
		}
	}
}

func pemBytes(t *testing.T, b []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(b)
	if block == nil {
		t.Fatal("no PEM")
	}
	return block.Bytes
}

// TestKinds proves that keys of every kind sign what they verify and nothing
// else, survive their file with and without a pass phrase, and that none but
// ECDSA opens a custody log.
func TestKinds(t *testing.T) {
	for _, kind := range []string{KeyECDSA, KeyEd25519, KeyRSA} {
		for _, pass := range []PassFunc{nil, ask(phrase)} {
			path := filepath.Join(t.TempDir(), "k.key")
			pub, err := GenerateKey(path, kind, pass)
			if err != nil {
				t.Fatal(err)
			}
			s, err := LoadSigner(path, pass)
			if err != nil {
				t.Fatal(err)
			}
			p, err := LoadPublic(pub)
			if err != nil || p.Kind() != kind || p.Hint() != s.Public().Hint() {
				t.Fatalf("%s: %+v, %v", kind, p, err)
			}
			sig, err := s.Sign(t.Context(), []byte("message"))
			if err != nil || !p.Verify([]byte("message"), sig) || p.Verify([]byte("massage"), sig) || p.Verify([]byte("message"), sig[:len(sig)-1]) {
				t.Errorf("%s: a signature of %d bytes, %v", kind, len(sig), err)
			}
			b, err := Sign(t.Context(), s, PredicateFile, map[string]string{}, oneSubject)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Open(b, p); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			l, err := OpenLog(t.Context(), t.TempDir(), "A", s)
			if (err == nil) != (kind == KeyECDSA) || err != nil && !errors.Is(err, ErrTrust) {
				t.Errorf("%s: a custody log: %v", kind, err)
			}
			if err == nil {
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if _, err := GenerateKey(filepath.Join(t.TempDir(), "k.key"), "dsa", nil); !errors.Is(err, ErrTrust) {
		t.Errorf("a key of kind dsa: %v", err)
	}
}
