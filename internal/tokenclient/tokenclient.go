// Package tokenclient is how saksi asks a saksi-worker to sign with a key on a
// PKCS #11 token. Start with Parse, which reads an address of RFC 7512, and Open.
package tokenclient

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"saksi/internal/wire"
	"saksi/internal/worker"
)

// OpSign is the worker's operation: the public key and, if a digest came, a
// signature over it.
const OpSign = worker.TokenOps + "sign"

// Scheme begins addresses of keys on tokens.
const Scheme = "pkcs11:"

// Key is where a key stands.
type Key struct {
	Module string // path of the token's library
	Token  string // label
	Object string // label of the key pair
}

// Request is what the worker is asked.
type Request struct {
	Key
	PIN    string
	Digest []byte // SHA-256, empty to ask for the public key alone
}

// Parse reads an address such as
// pkcs11:token=LAB;object=aminah?module-path=/usr/lib/softhsm/libsofthsm2.so
// (RFC 7512). A PIN in it is refused: it would stand in the list of processes.
func Parse(s string) (k Key, err error) {
	rest, ok := strings.CutPrefix(s, Scheme)
	if !ok {
		return k, fmt.Errorf("%q is no address of a key on a token (%s...)", s, Scheme)
	}
	path, query, _ := strings.Cut(rest, "?")
	for _, attr := range append(strings.Split(path, ";"), strings.Split(query, "&")...) {
		if attr == "" {
			continue
		}
		name, value, _ := strings.Cut(attr, "=")
		if value, err = url.PathUnescape(value); err != nil {
			return k, fmt.Errorf("the address of a key on a token: %s: %w", name, err)
		}
		switch name {
		case "token":
			k.Token = value
		case "object":
			k.Object = value
		case "module-path":
			k.Module = value
		case "type":
		case "pin-value", "pin-source":
			return k, errors.New("the address of a key on a token must not tell the PIN: it is asked for, as a pass phrase")
		default:
			return k, fmt.Errorf("the address of a key on a token: attribute %q is not honored; token, object and module-path are", name)
		}
	}
	if k.Token == "" || k.Object == "" || !filepath.IsAbs(k.Module) {
		return k, fmt.Errorf("the address of a key on a token needs token, object and module-path, the whole path of its library")
	}
	return k, nil
}

// Marshal writes a request.
func (q *Request) Marshal() []byte {
	var w wire.Writer
	w.String(q.Module)
	w.String(q.Token)
	w.String(q.Object)
	w.String(q.PIN)
	w.String(string(q.Digest))
	return w.B
}

// ParseRequest reads one.
func ParseRequest(b []byte) (q Request, err error) {
	r := wire.Reader{B: b}
	q = Request{Key: Key{r.String(), r.String(), r.String()}, PIN: r.String(), Digest: []byte(r.String())}
	return q, r.Err()
}

// AppendAnswer writes what the worker answers.
func AppendAnswer(der, sig []byte) []byte {
	var w wire.Writer
	w.String(string(der))
	w.String(string(sig))
	return w.B
}

// Client signs with one key.
type Client struct {
	cfg worker.Config
	req Request
	pub crypto.PublicKey
}

// Open asks for the key's public half; the PIN is kept for signing.
func Open(ctx context.Context, cfg worker.Config, k Key, pin []byte) (*Client, error) {
	cfg.Token = true
	c := &Client{cfg: cfg, req: Request{Key: k, PIN: string(pin)}}
	der, _, err := c.ask(ctx, nil)
	if err != nil {
		return nil, err
	}
	if c.pub, err = x509.ParsePKIXPublicKey(der); err != nil {
		return nil, fmt.Errorf("the key %q of token %q: %w", k.Object, k.Token, err)
	}
	return c, nil
}

// Public is the key's public half.
func (c *Client) Public() crypto.PublicKey { return c.pub }

// Sign signs a SHA-256 digest.
func (c *Client) Sign(ctx context.Context, digest []byte) ([]byte, error) {
	_, sig, err := c.ask(ctx, digest)
	return sig, err
}

func (c *Client) ask(ctx context.Context, digest []byte) (der, sig []byte, err error) {
	w, err := worker.Start(ctx, c.cfg)
	if err != nil {
		return nil, nil, err
	}
	defer w.Close()
	q := c.req
	q.Digest = digest
	err = w.Call(ctx, OpSign, q.Marshal(), nil, func(b []byte) error {
		r := wire.Reader{B: b}
		der, sig = []byte(r.String()), []byte(r.String())
		return r.Err()
	})
	return der, sig, err
}
