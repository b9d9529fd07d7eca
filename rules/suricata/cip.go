package suricata

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// AppendCIP writes an instance of BufCIPService: the service of a message of the
// Common Industrial Protocol, the classes its path names and the attributes that
// its path or its data name.
func AppendCIP(dst []byte, service uint8, classes, attributes []uint32) []byte {
	dst = append(dst, service)
	for _, list := range [][]uint32{classes, attributes} {
		dst = append(dst, byte(min(len(list), 255)))
		for _, v := range list[:min(len(list), 255)] {
			dst = binary.BigEndian.AppendUint32(dst, v)
		}
	}
	return dst
}

type cipSpec struct {
	service             uint8
	class, attribute    uint32
	hasClass, hasAttrib bool
}

func (c *cipSpec) matches(d []byte) bool {
	if len(d) < 3 || d[0] != c.service {
		return false
	}
	d = d[1:]
	for _, want := range []struct {
		v  uint32
		on bool
	}{{c.class, c.hasClass}, {c.attribute, c.hasAttrib}} {
		if len(d) == 0 || len(d) < 1+4*int(d[0]) {
			return false
		}
		n := int(d[0])
		found := false
		for i := range n {
			found = found || binary.BigEndian.Uint32(d[1+4*i:]) == want.v
		}
		if want.on && !found {
			return false
		}
		d = d[1+4*n:]
	}
	return true
}

// kwCIPService takes cip_service:SERVICE[,CLASS[,[!]ATTRIBUTE]] (Suricata user
// guide, "ENIP/CIP Keywords").
func kwCIPService(b *builder, o *option) *fault {
	c := &cipSpec{}
	parts := o.val.list()
	if len(parts) > 3 {
		return wrong(parts[3].off, "cip_service takes a service, a class and an attribute", "SERVICE,CLASS,ATTRIBUTE")
	}
	for i, p := range parts {
		s, neg := strings.CutPrefix(p.s, "!")
		n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
		if err != nil || i == 0 && n > 127 || neg && i < 2 {
			return wrong(p.off, "not a number of a service, a class or an attribute", "a service of at most 127")
		}
		switch i {
		case 0:
			c.service = uint8(n)
		case 1:
			c.class, c.hasClass = uint32(n), true
		default:
			if neg {
				return refused(p.off, "cip_service with an attribute that must not be")
			}
			c.attribute, c.hasAttrib = uint32(n), true
		}
	}
	b.special(BufCIPService, c, o)
	return nil
}
