package record

import (
	"fmt"

	"saksi/evidence"
	"saksi/sensor/capture"
	"saksi/sensor/decode"
	"saksi/sensor/scope"
)

// bounds holds the packets of one source against the authority.
type bounds struct {
	auth   *evidence.Authority
	filter *scope.Filter
	dec    *decode.Decoder
	buf    []decode.Packet
	path   string
}

// newBounds makes the bounds of a source; nil without an authority.
func newBounds(s *Selection, path string) *bounds {
	if s.Authority == nil {
		return nil
	}
	return &bounds{
		auth: s.Authority, filter: scope.New(s.Authority, evidence.ActExtract, s.Exhibits[path]), dec: decode.New(decode.FragLimits{}), path: path,
	}
}

// within reports whether a packet may be given, and counts one that is left out.
func (b *bounds) within(p *capture.Packet, rep *Report) (bool, error) {
	if b == nil {
		return true, nil
	}
	b.buf = b.dec.Decode(b.buf[:0], p.Number, p.Time, uint16(p.Link), p.Data)
	switch b.filter.Frame(b.buf, b.dec.Held(), "", p.Time) {
	case evidence.Privileged:
		rep.Privileged++
		return false, nil
	case evidence.Outside:
		return false, fmt.Errorf("extracting from %s: %w: packet %d is not in the scope of %s", b.path, evidence.ErrAuthority, p.Number, b.auth)
	}
	return true, nil
}
