// Package tlv reads the values of ASN.1's basic encoding rules (X.690 section
// 8.1): a tag, a length, and the body.
//
//	tag      class (2 bits), constructed (1), number (5; 31: in bytes that follow)
//	length   below 0x80, or 0x80 + count and as many bytes, highest first
package tlv

// Tags in use.
const (
	Integer    = 0x02
	Octets     = 0x04
	Enumerated = 0x0a
	Sequence   = 0x30
)

// Context is the tag of a constructed context value.
func Context(n byte) byte { return 0xa0 | n }

// Size returns the length of the value that b begins with, head and body. It
// is 0 if more bytes are needed to tell, and negative if b begins with none:
// the length is indefinite or above 2^31, or the tag has several bytes.
func Size(b []byte) int64 {
	if len(b) < 2 {
		return 0
	}
	if b[0]&0x1f == 0x1f {
		return -1
	}
	if b[1] < 0x80 {
		return 2 + int64(b[1])
	}
	k := int(b[1] & 0x7f)
	if k == 0 || k > 4 {
		return -1
	}
	if len(b) < 2+k {
		return 0
	}
	n := int64(0)
	for _, c := range b[2 : 2+k] {
		n = n<<8 | int64(c)
	}
	if n > 1<<31-1 {
		return -1
	}
	return 2 + int64(k) + n
}

// Next takes the first value off b. A body that is cut short is returned as
// far as it is there, with nothing behind it.
func Next(b []byte) (tag byte, body, rest []byte, ok bool) {
	n := Size(b)
	if n <= 0 {
		return 0, nil, nil, false
	}
	head := 2
	if b[1] >= 0x80 {
		head += int(b[1] & 0x7f)
	}
	if n > int64(len(b)) {
		return b[0], b[head:], nil, true
	}
	return b[0], b[head:n:n], b[n:], true
}

// Into returns the body of the first value of b if it has the tag.
func Into(b []byte, tag byte) ([]byte, bool) {
	t, body, _, ok := Next(b)
	return body, ok && t == tag
}

// maxFields bounds how many values of a sequence are passed over.
const maxFields = 256

// Find returns the body of the value with a tag among the values of b.
func Find(b []byte, tag byte) ([]byte, bool) {
	for range maxFields {
		t, body, rest, ok := Next(b)
		if !ok {
			break
		}
		if t == tag {
			return body, true
		}
		b = rest
	}
	return nil, false
}

// Path finds the first tag in b, the second in its body, and so on.
func Path(b []byte, tags ...byte) ([]byte, bool) {
	for _, t := range tags {
		var ok bool
		if b, ok = Find(b, t); !ok {
			return nil, false
		}
	}
	return b, true
}

// Int reads the body of an integer of at most eight bytes.
func Int(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 8 {
		return 0, false
	}
	n := int64(int8(b[0]))
	for _, c := range b[1:] {
		n = n<<8 | int64(c)
	}
	return n, true
}
