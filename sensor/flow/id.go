package flow

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// ID names one flow of one capture: the hex of the first half of the SHA-256
// over the source key, the number of the flow's first packet and its context
// (VLAN and tunnel, see decode.Packet.Context).
func ID(key string, first uint64, context uint32) string {
	var buf [96]byte
	b := append(buf[:0], key...)
	b = binary.BigEndian.AppendUint64(b, first)
	b = binary.BigEndian.AppendUint32(b, context)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
