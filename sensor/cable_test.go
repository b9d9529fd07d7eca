package sensor

import (
	"bytes"
	"encoding/binary"
	"net"
	"sync"
	"testing"

	"saksi/sensor/capture"
)

// cable is what passes between two ends of connections, as a capture would have
// it.
type cable struct {
	mu    sync.Mutex
	conns []*cableConn
	order []cablePart
}

type cableConn struct {
	client, server [4]byte
	cport, sport   uint16
}

type cablePart struct {
	conn, dir int
	data      []byte
}

// cableEnd is one end of a connection that cable sees.
type cableEnd struct {
	net.Conn
	w         *cable
	conn, dir int
}

func (e *cableEnd) Write(b []byte) (int, error) {
	e.w.mu.Lock()
	e.w.order = append(e.w.order, cablePart{e.conn, e.dir, bytes.Clone(b)})
	e.w.mu.Unlock()
	return e.Conn.Write(b)
}

// connect makes a connection to a port of server 192.0.2.host, over loopback, so
// that neither end waits for the other to read.
func (w *cable) connect(t testing.TB, host byte, port uint16) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.conns)
	w.conns = append(w.conns, &cableConn{client: [4]byte{198, 51, 100, 7}, server: [4]byte{192, 0, 2, host}, cport: uint16(40000 + n), sport: port})
	return &cableEnd{c, w, n, 0}, &cableEnd{s, w, n, 1}
}

// maxSegment is how many bytes go into one segment.
const maxSegment = 1400

// packets gives the capture as pcapng packets, from SYN to FIN, all connections
// in the order in which they were written to.
func (w *cable) packets() []capture.Packet {
	w.mu.Lock() // an end may still write
	defer w.mu.Unlock()
	var out []capture.Packet
	type state struct{ seq [2]uint32 }
	st := make([]state, len(w.conns))
	add := func(conn, dir int, flags byte, data []byte) {
		s := &st[conn]
		out = append(out, capture.Packet{
			Number: uint64(len(out) + 1), Time: 1_790_000_000_000_000_000 + int64(len(out))*1_000_000, Link: 1,
			Data: w.conns[conn].frame(dir, s.seq[dir], s.seq[1-dir], flags, data),
		})
		out[len(out)-1].OrigLen = uint32(len(out[len(out)-1].Data))
		s.seq[dir] += uint32(len(data))
		if flags&3 != 0 {
			s.seq[dir]++
		}
	}
	for i := range w.conns {
		st[i].seq = [2]uint32{1000, 5000}
		add(i, 0, 2, nil)
		add(i, 1, 0x12, nil)
		add(i, 0, 0x10, nil)
	}
	for _, p := range w.order {
		for b := p.data; len(b) > 0; {
			n := min(len(b), maxSegment)
			add(p.conn, p.dir, 0x18, b[:n])
			b = b[n:]
		}
	}
	for i := range w.conns {
		add(i, 0, 0x11, nil)
		add(i, 1, 0x11, nil)
		add(i, 0, 0x10, nil)
	}
	return out
}

func (c *cableConn) frame(dir int, seq, ack uint32, flags byte, data []byte) []byte {
	src, dst, sp, dp := c.client, c.server, c.cport, c.sport
	if dir == 1 {
		src, dst, sp, dp = dst, src, dp, sp
	}
	be := binary.BigEndian
	b := append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}, 0x45, 0)
	b = be.AppendUint16(b, uint16(40+len(data)))
	b = append(b, 0, 0, 0x40, 0, 64, 6, 0, 0)
	b = append(append(b, src[:]...), dst[:]...)
	b = be.AppendUint16(be.AppendUint16(b, sp), dp)
	b = be.AppendUint32(be.AppendUint32(b, seq), ack)
	b = append(b, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0)
	return append(b, data...)
}

// pcapng writes packets as a capture, with a key log before them if there is
// one.
func pcapng(t testing.TB, packets []capture.Packet, keys []byte) []byte {
	t.Helper()
	b := capture.AppendSection(nil, "", "")
	if len(keys) > 0 {
		b = appendKeyLog(b, keys)
	}
	b = capture.AppendInterface(b, "", 1)
	for i := range packets {
		p := &packets[i]
		b = capture.AppendPacket(b, 0, p.Time, p.OrigLen, p.Data)
	}
	return b
}

// appendKeyLog appends a decryption secrets block.
func appendKeyLog(b, keys []byte) []byte {
	le := binary.LittleEndian
	n := (len(keys) + 3) &^ 3
	b = le.AppendUint32(b, 10)
	b = le.AppendUint32(b, uint32(20+n))
	b = le.AppendUint32(b, 0x544c534b)
	b = le.AppendUint32(b, uint32(len(keys)))
	b = append(append(b, keys...), make([]byte, n-len(keys))...)
	return le.AppendUint32(b, uint32(20+n))
}
