package intel

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"saksi/rules"
)

// maxText is how much of a description or reference is kept, in bytes.
const maxText = 1024

// Parts of a record, by the bits of its first number. Those that are there
// follow in this order.
const (
	hasID = 1 << iota
	hasUUID
	hasName
	hasDescription
	hasReference
	hasFrom
	hasUntil
	hasModified
	hasConfidence
	hasSeverity
	hasTLP
	hasTechniques
)

// uuidPrefix is what the ids of STIX begin with.
const uuidPrefix = "indicator--"

// uuid reads the UUID of an id, with or without STIX's prefix.
func uuid(id string) (b [16]byte, ok bool) {
	s, _ := strings.CutPrefix(id, uuidPrefix)
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' || s != strings.ToLower(s) {
		return b, false
	}
	n, err := hex.Decode(b[:], []byte(s[:8]+s[9:13]+s[14:18]+s[19:23]+s[24:]))
	return b, err == nil && n == 16
}

func uuidText(b []byte) string {
	s := hex.EncodeToString(b)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// appendRecord appends what a finding says of an indicator besides its value.
func appendRecord(dst []byte, src uint32, x *Indicator) []byte {
	var flags uint64
	id, isUUID := uuid(x.ID)
	prefixed := strings.HasPrefix(x.ID, uuidPrefix)
	set := func(on bool, bit uint64) {
		if on {
			flags |= bit
		}
	}
	set(x.ID != "" && (!isUUID || prefixed), hasID)
	set(isUUID, hasUUID)
	set(x.Name != "", hasName)
	set(x.Description != "", hasDescription)
	set(x.Reference != "", hasReference)
	set(x.From != 0, hasFrom)
	set(x.Until != 0, hasUntil)
	set(x.Modified != 0, hasModified)
	set(x.Confidence >= 0, hasConfidence)
	set(x.Severity != 0, hasSeverity)
	set(x.TLP != Unmarked, hasTLP)
	set(len(x.Techniques) > 0, hasTechniques)
	dst = binary.AppendUvarint(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(src))
	text := func(s string, most int) {
		if len(s) > most {
			s = strings.ToValidUTF8(s[:most], "")
		}
		dst = append(binary.AppendUvarint(dst, uint64(len(s))), s...)
	}
	switch { // both bits: a UUID behind STIX's prefix
	case flags&hasUUID != 0:
		dst = append(dst, id[:]...)
	case flags&hasID != 0:
		text(x.ID, maxText)
	}
	for _, t := range []struct {
		bit uint64
		s   string
	}{{hasName, x.Name}, {hasDescription, x.Description}, {hasReference, x.Reference}} {
		if flags&t.bit != 0 {
			text(t.s, maxText)
		}
	}
	for _, t := range []struct {
		bit uint64
		at  int64
	}{{hasFrom, x.From}, {hasUntil, x.Until}, {hasModified, x.Modified}} {
		if flags&t.bit != 0 {
			dst = appendTime(dst, t.at)
		}
	}
	if flags&hasConfidence != 0 {
		dst = append(dst, byte(x.Confidence))
	}
	if flags&hasSeverity != 0 {
		dst = append(dst, byte(x.Severity))
	}
	if flags&hasTLP != 0 {
		dst = append(dst, byte(x.TLP))
	}
	if flags&hasTechniques != 0 {
		text(strings.Join(x.Techniques, " "), maxText)
	}
	return dst
}

// Times are mostly whole seconds of this century: their last bit says whether
// nanoseconds follow.
const epoch = 946684800 // 2000-01-01

func appendTime(dst []byte, ns int64) []byte {
	s, rest := ns/1e9, ns%1e9
	if rest < 0 {
		s, rest = s-1, rest+1e9
	}
	odd := int64(0)
	if rest != 0 {
		odd = 1
	}
	dst = binary.AppendVarint(dst, (s-epoch)<<1|odd)
	if odd == 1 {
		dst = binary.AppendUvarint(dst, uint64(rest))
	}
	return dst
}

// recordReader reads a record that appendRecord wrote.
type recordReader struct{ b []byte }

func (r *recordReader) uint() uint64 {
	n, l := binary.Uvarint(r.b)
	r.b = r.b[l:]
	return n
}

func (r *recordReader) text() string {
	n := r.uint()
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *recordReader) byte() byte {
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *recordReader) time() int64 {
	n, l := binary.Varint(r.b)
	r.b = r.b[l:]
	ns := (n>>1 + epoch) * 1e9
	if n&1 != 0 {
		ns += int64(r.uint())
	}
	return ns
}

// readRecord reads the record that begins in b.
func readRecord(b []byte) (src uint32, x Indicator) {
	r := recordReader{b}
	flags := r.uint()
	src = uint32(r.uint())
	x.Confidence = -1
	switch {
	case flags&hasUUID != 0:
		x.ID = uuidText(r.b[:16])
		r.b = r.b[16:]
		if flags&hasID != 0 {
			x.ID = uuidPrefix + x.ID
		}
	case flags&hasID != 0:
		x.ID = r.text()
	}
	for _, t := range []struct {
		bit uint64
		s   *string
	}{{hasName, &x.Name}, {hasDescription, &x.Description}, {hasReference, &x.Reference}} {
		if flags&t.bit != 0 {
			*t.s = r.text()
		}
	}
	for _, t := range []struct {
		bit uint64
		at  *int64
	}{{hasFrom, &x.From}, {hasUntil, &x.Until}, {hasModified, &x.Modified}} {
		if flags&t.bit != 0 {
			*t.at = r.time()
		}
	}
	if flags&hasConfidence != 0 {
		x.Confidence = int(r.byte())
	}
	if flags&hasSeverity != 0 {
		x.Severity = rules.Severity(r.byte())
	}
	if flags&hasTLP != 0 {
		x.TLP = TLP(r.byte())
	}
	if flags&hasTechniques != 0 {
		x.Techniques = strings.Fields(r.text())
	}
	return src, x
}
