package quic

// Streams walks the frames of a packet with a short header and gives the STREAM
// frames to f (RFC 9000 section 19). It stops at the first frame whose length it
// does not know.
func Streams(b []byte, f func(id, offset uint64, data []byte, fin bool)) {
	bad := false
	num := func() uint64 {
		v, n := Varint(b)
		if n == 0 {
			bad = true
			b = nil
			return 0
		}
		b = b[n:]
		return v
	}
	skip := func(n uint64) {
		if n > uint64(len(b)) {
			bad = true
			b = nil
			return
		}
		b = b[n:]
	}
	for len(b) > 0 && !bad {
		switch typ := num(); typ {
		case 0x00, framePing, 0x1e: // padding, PING, HANDSHAKE_DONE
		case frameAck, frameAckECN:
			num()
			num()
			count := num()
			num()
			for ; count > 0 && !bad; count-- {
				num()
				num()
			}
			if typ == frameAckECN {
				num()
				num()
				num()
			}
		case 0x04: // RESET_STREAM
			num()
			num()
			num()
		case 0x05, 0x11, 0x15: // STOP_SENDING, MAX_STREAM_DATA, STREAM_DATA_BLOCKED
			num()
			num()
		case frameCrypto:
			num()
			skip(num())
		case 0x07: // NEW_TOKEN
			skip(num())
		case 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f: // STREAM: 4 offset, 2 length, 1 fin
			id, offset, size := num(), uint64(0), uint64(0)
			if typ&4 != 0 {
				offset = num()
			}
			if typ&2 != 0 {
				size = num()
			} else {
				size = uint64(len(b))
			}
			if bad || size > uint64(len(b)) {
				return
			}
			f(id, offset, b[:size], typ&1 != 0)
			b = b[size:]
		case 0x10, 0x12, 0x13, 0x14, 0x16, 0x17, 0x19: // MAX_DATA, MAX_STREAMS, DATA_BLOCKED, STREAMS_BLOCKED, RETIRE_CONNECTION_ID
			num()
		case 0x18: // NEW_CONNECTION_ID
			num()
			num()
			if len(b) == 0 {
				return
			}
			skip(1 + uint64(b[0]) + 16)
		case 0x1a, 0x1b: // PATH_CHALLENGE, PATH_RESPONSE
			skip(8)
		case 0x30: // DATAGRAM
			return
		case 0x31:
			skip(num())
		default: // CONNECTION_CLOSE, and what is not known
			return
		}
	}
}
