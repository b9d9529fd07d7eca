package flow

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// IDLen is the length of an ID in bytes.
const IDLen = 32

// AppendID appends what names one flow of one capture: the hex of the first half of the SHA-256
// over the source key, the number of the flow's first packet, its context (VLAN
// and tunnel, see decode.Packet.Context) and its Community ID, since an aggregate
// of IEEE 802.11 may begin several flows in one frame.
func AppendID(dst []byte, key string, first uint64, context uint32, community []byte) []byte {
	var buf [128]byte
	b := append(buf[:0], key...)
	b = binary.BigEndian.AppendUint64(b, first)
	b = binary.BigEndian.AppendUint32(b, context)
	b = append(b, community...)
	sum := sha256.Sum256(b)
	return hex.AppendEncode(dst, sum[:IDLen/2])
}
