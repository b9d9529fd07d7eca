package acquire

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
)

// Hashes are the digests that can be made, each at the place it has in lists.
var Hashes = []string{"md5", "sha1", "sha256"}

func newHash(name string) hash.Hash {
	switch name {
	case "md5":
		return md5.New()
	case "sha1":
		return sha1.New()
	case "sha256":
		return sha256.New()
	}
	return nil
}

// states are hashes on their way, in the order of names: what has been hashed
// until some offset. They outlive the process.
type states [][]byte

// appendState puts the state of h behind b. Those of the standard library never
// fail.
func appendState(h hash.Hash, b []byte) []byte {
	out, err := h.(encoding.BinaryAppender).AppendBinary(b)
	if err != nil {
		panic(err)
	}
	return out
}

// resume gives hashes that go on from the states.
func (s states) resume(names []string) ([]hash.Hash, error) {
	list := make([]hash.Hash, len(names))
	for i, n := range names {
		list[i] = newHash(n)
		u, ok := list[i].(encoding.BinaryUnmarshaler)
		if !ok || i >= len(s) {
			return nil, fmt.Errorf("the state of %s is missing", n)
		}
		if err := u.UnmarshalBinary(s[i]); err != nil {
			return nil, fmt.Errorf("the state of %s: %w", n, err)
		}
	}
	return list, nil
}

// Digests are digests in hex by the names of Hashes.
type Digests map[string]string

func sums(names []string, list []hash.Hash) Digests {
	d := Digests{}
	for i, n := range names {
		d[n] = hex.EncodeToString(list[i].Sum(nil))
	}
	return d
}

// raw gives a digest as bytes, nil when it was not made.
func (d Digests) raw(name string) []byte {
	b, err := hex.DecodeString(d[name])
	if err != nil {
		return nil
	}
	return b
}

// hashNames puts the wanted hashes in order; SHA-256 is always made.
func hashNames(want []string) ([]string, error) {
	for _, n := range want {
		if !slices.Contains(Hashes, n) {
			return nil, fmt.Errorf("hash %q is unknown; expected some of %v", n, Hashes)
		}
	}
	var list []string
	for _, n := range Hashes {
		if n == "sha256" || slices.Contains(want, n) {
			list = append(list, n)
		}
	}
	return list, nil
}
