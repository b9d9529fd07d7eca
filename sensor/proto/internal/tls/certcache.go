package tls

import (
	"crypto/sha256"
	"sync"
)

const (
	// maxCached bounds the certificates of each of two generations.
	maxCached = 256
	// maxCachedDER bounds the size of one, in bytes.
	maxCachedDER = 8 << 10
)

// certCache holds the certificates seen last, by their digests.
type certCache struct {
	mu         sync.Mutex
	young, old map[[sha256.Size]byte]*Cert
}

var seen certCache

func (k *certCache) get(digest [sha256.Size]byte) *Cert {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.young[digest]; c != nil {
		return c
	}
	return k.old[digest]
}

func (k *certCache) add(digest [sha256.Size]byte, c *Cert) {
	if len(c.DER) > maxCachedDER {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.young == nil || len(k.young) >= maxCached {
		k.old, k.young = k.young, make(map[[sha256.Size]byte]*Cert)
	}
	k.young[digest] = c
}
