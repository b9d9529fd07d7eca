// Package token signs with keys that never leave a PKCS #11 token. It loads the
// token's library and runs in a saksi-worker of its own; package tokenclient asks
// it.
package token

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/ThalesIgnite/crypto11"

	"saksi/internal/tokenclient"
	"saksi/internal/worker"
)

// Handlers are the operations of saksi-worker on tokens.
func Handlers() map[string]worker.Handler {
	return map[string]worker.Handler{tokenclient.OpSign: answer}
}

// answer gives the key's public half (DER) and, when a digest came, its
// signature.
func answer(_ context.Context, req []byte, _ []*os.File, reply func([]byte) error) (err error) {
	q, err := tokenclient.ParseRequest(req)
	if err != nil {
		return err
	}
	ctx, err := crypto11.Configure(&crypto11.Config{Path: q.Module, TokenLabel: q.Token, Pin: q.PIN})
	if err != nil {
		return fmt.Errorf("opening the token %q by %s: %w", q.Token, q.Module, err)
	}
	defer func() { err = errors.Join(err, ctx.Close()) }()
	key, err := ctx.FindKeyPair(nil, []byte(q.Object))
	if err != nil {
		return fmt.Errorf("looking for key %q on the token %q: %w", q.Object, q.Token, err)
	}
	if key == nil {
		return fmt.Errorf("the token %q holds no key pair %q", q.Token, q.Object)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("the key %q: %w", q.Object, err)
	}
	var sig []byte
	if len(q.Digest) > 0 {
		if sig, err = key.Sign(rand.Reader, q.Digest, crypto.SHA256); err != nil {
			return fmt.Errorf("signing with key %q: %w", q.Object, err)
		}
	}
	return reply(tokenclient.AppendAnswer(der, sig))
}
