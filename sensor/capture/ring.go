package capture

// The mapped ring of one AF_PACKET socket, TPACKET_V3 (linux/if_packet.h):
//
//	block  0  version   4  offset to private area   8  status   12  frames
//	      16  offset of the first frame             20  length  24  sequence number
//	frame  0  offset of the next frame   4  seconds   8  nanoseconds
//	      12  captured length   16  length   20  status   24  offset of the frame's bytes
//	      32  VLAN TCI (4)      36  VLAN TPID (2)    48  sockaddr_ll
//
// Numbers are in the byte order of the machine. A block belongs to user space
// while its status has TP_STATUS_USER, and is given back by writing 0.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	frameSize = 2048 // only its multiples matter for version 3
	llOffset  = unix.SizeofTpacket3Hdr
	llType    = llOffset + 10 // sockaddr_ll.sll_pkttype
	addrBytes = 12            // both hardware addresses, behind which a tag stands
	tagBytes  = 4
	etherVLAN = 0x8100
)

// LINKTYPE_ values of interfaces, by ARPHRD_ value (linux/if_arp.h). As in
// libpcap, the loopback interface gives Ethernet frames.
var linkOfHardware = map[uint16]LinkType{
	unix.ARPHRD_ETHER: 1, unix.ARPHRD_LOOPBACK: 1,
	unix.ARPHRD_NONE: 101, unix.ARPHRD_TUNNEL: 101, unix.ARPHRD_SIT: 101, unix.ARPHRD_RAWIP: 101,
	unix.ARPHRD_IEEE80211: 105, unix.ARPHRD_IEEE80211_RADIOTAP: 127,
}

// ring is one interface's socket with its mapped buffer.
type ring struct {
	name     string
	index    int // of the interface, by the kernel
	iface    uint32
	fd       int
	link     LinkType
	loopback bool
	gone     bool
	mem      []byte
	filter   *Filter

	block int // in work or awaited
	left  int // frames of the block not taken yet
	frame int // offset of the next of them in mem
}

func openRing(ctx context.Context, cfg *LiveConfig, name string, iface uint32) (*ring, error) {
	dev, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("%w: there is none of this name; 'saksi sensor interfaces' lists them", ErrInterface)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("%w: packet sockets need CAP_NET_RAW", ErrPermission)
	}
	if err != nil {
		return nil, fmt.Errorf("opening a packet socket: %w", err)
	}
	r := &ring{name: name, index: dev.Index, iface: iface, fd: fd, filter: cfg.Filter, loopback: dev.Flags&net.FlagLoopback != 0}
	if err := r.setUp(ctx, cfg); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// setUp makes the ring while the socket is bound to no protocol, so that no
// frame comes before the filter stands.
func (r *ring) setUp(ctx context.Context, cfg *LiveConfig) error {
	if err := r.findLink(); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("asking for a ring of version 3: %w", err)
	}
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1); err != nil {
		return fmt.Errorf("asking for VLAN tags: %w", err)
	}
	if cfg.Filter != nil {
		if err := r.attach(ctx, cfg.Filter); err != nil {
			return err
		}
	}
	blocks := max(2, cfg.Buffer/blockSize)
	req := &unix.TpacketReq3{
		Block_size: blockSize, Block_nr: uint32(blocks), Frame_size: frameSize, Frame_nr: uint32(blocks * (blockSize / frameSize)),
		Retire_blk_tov: uint32(blockTimeout.Milliseconds()),
	}
	if err := unix.SetsockoptTpacketReq3(r.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, req); err != nil {
		return fmt.Errorf("making a buffer of %d MiB in the kernel: %w; try a smaller one", blocks, err)
	}
	var err error
	if r.mem, err = unix.Mmap(r.fd, 0, blocks*blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("mapping the kernel's buffer: %w", err)
	}
	if err := unix.Bind(r.fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: r.index}); err != nil {
		return fmt.Errorf("binding the socket: %w", err)
	}
	if cfg.Promiscuous {
		m := &unix.PacketMreq{Ifindex: int32(r.index), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(r.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, m); err != nil {
			return fmt.Errorf("making it promiscuous: %w", err)
		}
	}
	if cfg.Fanout != 0 {
		// Each interface needs a group of its own.
		group := int(cfg.Fanout) + int(r.iface)
		arg := group&0xffff | (unix.PACKET_FANOUT_HASH|unix.PACKET_FANOUT_FLAG_DEFRAG)<<16
		if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_FANOUT, arg); err != nil {
			return fmt.Errorf("joining fanout group %d: %w", group, err)
		}
	}
	return nil
}

// findLink finds the link type by the kind of hardware, which the address of a
// socket tells that is bound to the interface, with a protocol no frame has.
func (r *ring) findLink() error {
	if err := unix.Bind(r.fd, &unix.SockaddrLinklayer{Ifindex: r.index}); err != nil {
		return fmt.Errorf("finding its link type: %w", err)
	}
	a, err := unix.Getsockname(r.fd)
	if err != nil {
		return fmt.Errorf("finding its link type: %w", err)
	}
	ll, ok := a.(*unix.SockaddrLinklayer)
	if !ok {
		return fmt.Errorf("finding its link type: the kernel gave an address of another family (%T)", a)
	}
	if r.link, ok = linkOfHardware[ll.Hatype]; !ok {
		return fmt.Errorf("%w: hardware type %d (ARPHRD_) is not decoded; Ethernet, loopback, IP tunnels and 802.11 are", ErrInterface, ll.Hatype)
	}
	return nil
}

// skfVLANPresent is where a filter finds whether the kernel took a tag off the
// frame (linux/filter.h, SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT).
const skfVLANPresent = 0xfffff000 + 48

// attach gives the kernel the program. A frame whose tag the kernel took off
// passes and is looked at in take, with its tag, so that an expression means
// the same here as for a file.
func (r *ring) attach(ctx context.Context, f *Filter) error {
	p, err := f.program(ctx, r.link)
	if err != nil {
		return err
	}
	code := append([]bpf.RawInstruction{
		{Op: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: skfVLANPresent},
		{Op: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: 0},
		{Op: unix.BPF_RET | unix.BPF_K, K: maxPacket},
	}, p.code...)
	if len(code) > maxProgram {
		return fmt.Errorf("%w %q: %d instructions are more than the kernel takes (%d)", ErrFilter, f.expression, len(code), maxProgram)
	}
	list := make([]unix.SockFilter, len(code))
	for i, c := range code {
		list[i] = unix.SockFilter{Code: c.Op, Jt: c.Jt, Jf: c.Jf, K: c.K}
	}
	prog := &unix.SockFprog{Len: uint16(len(list)), Filter: &list[0]}
	if err := unix.SetsockoptSockFprog(r.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, prog); err != nil {
		return fmt.Errorf("giving the kernel the %w %q: %w", ErrFilter, f.expression, err)
	}
	return nil
}

func (r *ring) close() error {
	var err error
	if r.mem != nil {
		err = unix.Munmap(r.mem)
		r.mem = nil
	}
	return errors.Join(err, unix.Close(r.fd))
}

func htons(v uint16) uint16 { return binary.NativeEndian.Uint16([]byte{byte(v >> 8), byte(v)}) }

func (r *ring) status() *uint32 {
	return (*uint32)(unsafe.Pointer(&r.mem[r.block*blockSize+8])) // #nosec: aligned, and inside the mapping
}

// peek gives the time of the next frame, if one is ready.
func (r *ring) peek() (ns int64, ok bool) {
	for r.left == 0 {
		if atomic.LoadUint32(r.status())&unix.TP_STATUS_USER == 0 {
			return 0, false
		}
		at := r.block * blockSize
		r.left = int(binary.NativeEndian.Uint32(r.mem[at+12:]))
		r.frame = at + int(binary.NativeEndian.Uint32(r.mem[at+16:]))
		if r.left == 0 { // retired without a frame
			r.release()
		}
	}
	h := r.mem[r.frame:]
	return int64(binary.NativeEndian.Uint32(h[4:]))*1e9 + int64(binary.NativeEndian.Uint32(h[8:])), true
}

func (r *ring) release() {
	atomic.StoreUint32(r.status(), unix.TP_STATUS_KERNEL)
	r.block = (r.block + 1) % (len(r.mem) / blockSize)
}

// take copies the frame that peek found into dst, with its VLAN tag, and moves
// on. n is the number of bytes, negative for a frame that is none of ours. dst
// MUST hold maxPacket bytes.
func (r *ring) take(dst []byte) (p Packet, n int) {
	when, _ := r.peek()
	h := r.mem[r.frame:]
	e := binary.NativeEndian
	caplen, status := int(e.Uint32(h[12:])), e.Uint32(h[20:])
	p = Packet{Time: when, OrigLen: e.Uint32(h[16:]), Iface: r.iface, Link: r.link, NoSum: status&unix.TP_STATUS_CSUMNOTREADY != 0}
	at := int(e.Uint16(h[24:]))
	frame := h[at : at+min(caplen, maxPacket-tagBytes)]
	ours := true
	switch tagged := status&unix.TP_STATUS_VLAN_VALID != 0 && r.link == 1 && len(frame) >= addrBytes; {
	case r.loopback && h[llType] == unix.PACKET_OUTGOING: // comes again as received
		ours = false
	case tagged:
		tpid := uint16(etherVLAN)
		if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
			tpid = e.Uint16(h[36:])
		}
		n = copy(dst, frame[:addrBytes])
		binary.BigEndian.PutUint16(dst[n:], tpid)
		binary.BigEndian.PutUint16(dst[n+2:], uint16(e.Uint32(h[32:])))
		n += tagBytes
		n += copy(dst[n:], frame[addrBytes:])
		p.OrigLen += tagBytes
	default:
		n = copy(dst, frame)
	}
	p.Data = dst[:n:n]
	if ours && r.filter != nil && status&unix.TP_STATUS_VLAN_VALID != 0 {
		ours = r.filter.matches(&p)
	}
	r.left--
	r.frame += int(e.Uint32(h))
	if r.left == 0 {
		r.release()
	}
	if !ours {
		return p, -1
	}
	return p, n
}
