package main

import (
	"bufio"
	"encoding/binary"
	"flag"
	"log"
	"os"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// mss is the data of a full segment over Ethernet.
const mss = 1460

// flows writes the three packets that open each connection (RFC 9293 section
// 3.5), and data that waits for the first byte of it, which never comes. All
// connections are open at the end.
func flows(args []string) error {
	fl := flag.NewFlagSet("flows", flag.ExitOnError)
	out := fl.String("out", "", "file to write")
	n := fl.Int("flows", 1_000_000, "connections to open")
	hosts := fl.Int("clients", 4096, "clients that open them")
	waiting := fl.Int("waiting", 0, "bytes of each that wait behind a gap")
	if err := fl.Parse(args); err != nil {
		return err
	}
	f, err := os.Create(*out)
	if err != nil {
		return err
	}
	bw := bufio.NewWriterSize(f, 1<<20)
	w := pcapgo.NewWriterNanos(bw)
	if err := w.WriteFileHeader(262144, layers.LinkTypeEthernet); err != nil {
		return err
	}
	packets := 3 + (*waiting+mss-1)/mss // a connection
	step := time.Minute / time.Duration(packets**n)
	now := time.Unix(1_700_000_000, 0)
	b := make([]byte, 14+20+20+mss)
	for i := range *n {
		client := [4]byte{10, byte(i % *hosts >> 8), byte(i % *hosts), 1}
		server := [4]byte{192, 0, 2, byte(i % 251)}
		port := uint16(1024 + i / *hosts)
		seq := uint32(i) * 2654435761
		for k := range packets {
			size := max(0, min(mss, *waiting-(k-3)*mss))
			if k < 3 {
				size = 0
			}
			p := b[:54+size]
			segment(p, client, server, port, seq, k)
			now = now.Add(step)
			ci := gopacket.CaptureInfo{Timestamp: now, CaptureLength: len(p), Length: len(p)}
			if err := w.WritePacket(ci, p); err != nil {
				return err
			}
		}
	}
	if err := bw.Flush(); err != nil {
		return err
	}
	log.Printf("%s: %d connections", *out, *n)
	return f.Close()
}

// segment fills b with the k-th packet of a connection.
func segment(b []byte, client, server [4]byte, port uint16, seq uint32, k int) {
	const https, syn, ack = 443, 2, 16
	clear(b)
	binary.BigEndian.PutUint16(b[12:], 0x0800)
	ip, tcp := b[14:34], b[34:]
	ip[0], ip[8], ip[9] = 0x45, 64, 6
	binary.BigEndian.PutUint16(ip[2:], uint16(20+len(tcp)))
	src, dst, sport, dport := client, server, port, uint16(https)
	s, a, flags := seq, uint32(0), byte(syn)
	switch k {
	case 1:
		src, dst, sport, dport = server, client, https, port
		s, a, flags = ^seq, seq+1, syn|ack
	default:
		s, a, flags = seq+1, ^seq+1, ack
		if k > 2 {
			s += 1 + uint32(k-3)*mss
		}
	}
	copy(ip[12:], src[:])
	copy(ip[16:], dst[:])
	binary.BigEndian.PutUint16(ip[10:], ^sum(0, ip))
	binary.BigEndian.PutUint16(tcp, sport)
	binary.BigEndian.PutUint16(tcp[2:], dport)
	binary.BigEndian.PutUint32(tcp[4:], s)
	binary.BigEndian.PutUint32(tcp[8:], a)
	tcp[12], tcp[13] = 5<<4, flags
	binary.BigEndian.PutUint16(tcp[14:], 65535)
	pseudo := sum(6+uint32(len(tcp)), ip[12:20])
	binary.BigEndian.PutUint16(tcp[16:], ^sum(uint32(pseudo), tcp))
}

// sum is the ones' complement sum of b (RFC 1071), from a partial one.
func sum(c uint32, b []byte) uint16 {
	for i := 0; i+1 < len(b); i += 2 {
		c += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for c>>16 != 0 {
		c = c&0xffff + c>>16
	}
	return uint16(c)
}
