package disk

import (
	"context"

	"saksi/internal/wire"
)

// Key is the volume key of an encrypted volume. It opens it without the work
// that a pass phrase costs, and never leaves memory.
type Key struct {
	Offset int64 // of the volume in the image
	Key    []byte
}

type secretsKey struct{}

// WithSecrets lets every image opened with ctx try pass phrases and the bytes of
// key files on encrypted volumes.
func WithSecrets(ctx context.Context, secrets [][]byte) context.Context {
	return context.WithValue(ctx, secretsKey{}, secrets)
}

// HasSecrets reports whether ctx lets encrypted volumes be opened.
func HasSecrets(ctx context.Context) bool {
	secrets, _ := ctx.Value(secretsKey{}).([][]byte)
	return len(secrets) > 0
}

// secretsFor is the request of OpOpen: keys that are known, else secrets.
func (s *Source) secretsFor(ctx context.Context) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	secrets, _ := ctx.Value(secretsKey{}).([][]byte)
	if len(s.keys) > 0 {
		secrets = nil
	}
	var w wire.Writer
	w.Uint(uint64(len(secrets)))
	for _, x := range secrets {
		w.Bytes(x)
	}
	appendKeys(&w, s.keys)
	return w.B
}

// keep remembers keys for the workers that follow.
func (s *Source) keep(keys []Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.keys) == 0 {
		s.keys = keys
	}
}

// ReadSecrets reads the request of OpOpen, for the worker.
func ReadSecrets(r *wire.Reader) (secrets [][]byte, keys map[int64][]byte) {
	if r.Len() == 0 {
		return nil, nil
	}
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		secrets = append(secrets, append([]byte(nil), r.Bytes()...))
	}
	keys = map[int64][]byte{}
	for _, k := range readKeys(r) {
		keys[k.Offset] = k.Key
	}
	return secrets, keys
}

func appendKeys(w *wire.Writer, keys []Key) {
	w.Uint(uint64(len(keys)))
	for _, k := range keys {
		w.Int(k.Offset)
		w.Bytes(k.Key)
	}
}

func readKeys(r *wire.Reader) (keys []Key) {
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		keys = append(keys, Key{Offset: r.Int(), Key: append([]byte(nil), r.Bytes()...)})
	}
	return keys
}
