package proto

// segmented is a protocol over TCP whose messages say their length at their
// head.
type segmented interface {
	// size returns the length of the message that b begins with, and how many
	// of its first bytes take is given. n is 0 if more bytes are needed to
	// tell, and negative if b begins with no message.
	size(dir Dir, b []byte) (n, hold int64)
	// take is given the first bytes of a message of n bytes. It returns Broken
	// or Done to end parsing, any other value to go on.
	take(c *Context, dir Dir, b []byte, n int64) Result
	// rest is given what follows them, in pieces.
	rest(c *Context, dir Dir, b []byte)
}

// maxHeld bounds the bytes of a message that are held until they are together.
const maxHeld = MaxUnread - 1

// segmenter parts the directions of a stream into messages. It holds nothing.
type segmenter struct {
	left [2]int64 // bytes of the message in work that go to rest
}

// data implements Parser.Data for m.
func (s *segmenter) data(c *Context, dir Dir, b []byte, m segmented) Result {
	used := 0
	for used < len(b) {
		if s.left[dir] > 0 {
			n := int(min(s.left[dir], int64(len(b)-used)))
			s.left[dir] -= int64(n)
			m.rest(c, dir, b[used:used+n])
			used += n
			continue
		}
		n, hold := m.size(dir, b[used:])
		if n < 0 {
			return Broken
		}
		hold = min(n, max(hold, 1), maxHeld)
		if n == 0 || int64(len(b)-used) < hold {
			break
		}
		r := m.take(c, dir, b[used:used+int(hold)], n)
		used += int(hold)
		s.left[dir] = n - hold
		if r < 0 {
			c.Used = used
			return r
		}
	}
	return Result(used)
}

// gap passes over n missing bytes if they lie within what goes to rest.
func (s *segmenter) gap(dir Dir, n uint32) bool {
	if s.left[dir] < int64(n) {
		return false
	}
	s.left[dir] -= int64(n)
	return true
}

// noRest is for protocols that need nothing behind the bytes held.
type noRest struct{}

func (noRest) rest(*Context, Dir, []byte) {}
