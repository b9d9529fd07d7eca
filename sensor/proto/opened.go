package proto

import (
	"crypto/sha256"

	"saksi/event"
)

// Opened is what the sensor gives to parsers that decrypt: a stream within the
// flow, in which protocols are found as in the flow itself.
type Opened interface {
	// MayOpen says whether the flow in work may be decrypted, of which the name
	// of its server is known: Decrypted, or why not.
	MayOpen(server []byte) Decryption
	// Plain hands on the next bytes of a direction that were decrypted. It
	// returns false if nobody wants those that follow.
	Plain(dir Dir, b []byte) bool
	// PlainAs says before the first bytes of which protocol they are, and who
	// parses them. Otherwise it is detected.
	PlainAs(name string, p Parser)
	// InPlain runs f, which emits what was decrypted of the flow's own protocol,
	// as such.
	InPlain(f func())
	// PlainGap tells that about n bytes of a direction could not be decrypted.
	PlainGap(dir Dir, n uint32)
	// ClosePlain ends the stream.
	ClosePlain()
	// CountOpened counts a session by what became of it; some says that a part
	// of it was decrypted.
	CountOpened(d Decryption, some bool)
	// AboutOpened adds to an event that it rests on what was decrypted, and by
	// whose authority.
	AboutOpened(e *event.Event)
}

// Decryption is what became of a session that keys might have opened.
type Decryption uint8

// What may become of a session.
const (
	Decrypted     Decryption = iota
	NoSecret                 // the keys hold none of the session
	NoHello                  // the client's hello was not seen
	NoCipher                 // its cipher suite is not one that is opened here
	NoVersion                // its version is not, or its records are compressed
	BadRecord                // a record does not open with its secret
	LostRecord               // bytes are missing, without which the rest can't be opened
	OutOfScope               // the authority does not cover it
	PrivilegedFor            // the authority leaves it out as privileged
	TooDeep                  // it lies in too many sessions
	HandshakeOnly            // of QUIC no more than the handshake was decrypted
	NumDecryptions
)

var decryptionNames = [NumDecryptions]string{
	"decrypted", "no secret", "the hello was not seen", "cipher suite not supported", "version not supported", "a record does not open", "bytes are missing",
	"outside of the authority's scope", "privileged", "nested too deep",
	"only the handshake, of QUIC",
}

func (d Decryption) String() string { return decryptionNames[d] }

// maxSessions bounds the sessions of each half of Sessions.
const maxSessions = 4096

// Sessions are the master secrets of sessions of TLS 1.2 and below that may be
// resumed, by session id and ticket. The oldest are forgotten.
type Sessions struct{ now, before map[[sha256.Size]byte][]byte }

// tlsResumption is by what a session is resumed.
func tlsResumption(kind byte, value []byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte{kind}, value...))
}

const (
	byID     = 'i'
	byTicket = 't'
)

func (s *Sessions) add(kind byte, value, master []byte) {
	if s == nil || len(value) == 0 {
		return
	}
	if s.now == nil || len(s.now) >= maxSessions {
		s.before, s.now = s.now, map[[sha256.Size]byte][]byte{}
	}
	s.now[tlsResumption(kind, value)] = master
}

func (s *Sessions) get(kind byte, value []byte) []byte {
	if s == nil || len(value) == 0 {
		return nil
	}
	k := tlsResumption(kind, value)
	if m := s.now[k]; m != nil {
		return m
	}
	return s.before[k]
}

// borrow gives memory for a record, to be given back.
func (c *Context) borrow() []byte {
	if n := len(c.scratch); n > 0 {
		b := c.scratch[n-1]
		c.scratch = c.scratch[:n-1]
		return b
	}
	return make([]byte, 0, maxRecord)
}

func (c *Context) giveBack(b []byte) { c.scratch = append(c.scratch, b[:0]) }
