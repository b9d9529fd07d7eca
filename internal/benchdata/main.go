// Command benchdata makes the large inputs of "make bench" from small real
// ones, into a build folder.
//
//	benchdata capture -out FILE -packets N FOLDER...   one pcap: the captures below the
//	    folders, repeated with the IP addresses of each round shifted (checksums follow) and one clock
//	benchdata flows -out FILE -flows N   one pcap: N TCP connections that were opened within a minute
//	    and none of which was closed; with -waiting BYTES of each wait behind a gap
//	benchdata measure COMMAND...   runs it: seconds by the clock, CPU seconds, largest resident size in KiB
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("benchdata: ")
	if len(os.Args) < 2 {
		log.Fatal("usage: benchdata capture|flows|measure [flags]")
	}
	var err error
	switch os.Args[1] {
	case "capture":
		err = capture(os.Args[2:])
	case "flows":
		err = flows(os.Args[2:])
	case "measure":
		err = measure(os.Args[2:])
	default:
		err = fmt.Errorf("unknown command %q", os.Args[1])
	}
	if err != nil {
		log.Fatal(err)
	}
}

type packet struct {
	ci   gopacket.CaptureInfo
	data []byte
}

func capture(args []string) error {
	fl := flag.NewFlagSet("capture", flag.ExitOnError)
	out := fl.String("out", "", "file to write")
	n := fl.Int("packets", 1_000_000, "packets to write")
	if err := fl.Parse(args); err != nil {
		return err
	}
	var packets []packet
	for _, dir := range fl.Args() {
		var files []string
		err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && (strings.HasSuffix(p, ".pcap") || strings.HasSuffix(p, ".pcapng")) && !strings.Contains(p, "hostile") {
				files = append(files, p)
			}
			return err
		})
		if err != nil {
			return err
		}
		sort.Strings(files)
		for _, f := range files {
			p, err := ethernet(f)
			if err != nil {
				return fmt.Errorf("reading %s: %w", f, err)
			}
			packets = append(packets, p...)
		}
	}
	if len(packets) == 0 {
		return errors.New("no Ethernet packets found below the folders")
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
	now := time.Unix(1_700_000_000, 0)
	for i := range *n {
		p := packets[i%len(packets)]
		round := i / len(packets)
		data := append([]byte(nil), p.data...)
		shift(data, uint16(round))
		// One clock for the whole mix: the gaps within a capture, at most a
		// second each, and none between captures.
		if i%len(packets) > 0 {
			gap := p.ci.Timestamp.Sub(packets[i%len(packets)-1].ci.Timestamp)
			now = now.Add(max(0, min(gap, time.Second)))
		}
		p.ci.Timestamp = now
		if err := w.WritePacket(p.ci, data); err != nil {
			return err
		}
	}
	if err := bw.Flush(); err != nil {
		return err
	}
	log.Printf("%s: %d packets, %d rounds of %d", *out, *n, (*n+len(packets)-1)/len(packets), len(packets))
	return f.Close()
}

// ethernet reads the Ethernet packets of a capture; other link types are left
// out, because a pcap holds one.
func ethernet(path string) ([]packet, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	type source interface {
		ReadPacketData() ([]byte, gopacket.CaptureInfo, error)
		LinkType() layers.LinkType
	}
	var r source
	if strings.HasSuffix(path, "ng") {
		r, err = pcapgo.NewNgReader(f, pcapgo.DefaultNgReaderOptions)
	} else {
		r, err = pcapgo.NewReader(f)
	}
	if err != nil || r.LinkType() != layers.LinkTypeEthernet {
		return nil, nil //nolint:nilerr // a capture gopacket cannot read is left out of the mix
	}
	var out []packet
	for {
		data, ci, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) || err != nil && len(out) > 0 {
			return out, nil
		}
		if err != nil {
			return nil, nil
		}
		ci.CaptureLength = len(data)
		ci.InterfaceIndex = 0
		out = append(out, packet{ci, data})
	}
}

// shift adds round to a 16-bit word of both addresses and mends the checksums
// (RFC 1624, equation 3).
func shift(b []byte, round uint16) {
	if round == 0 || len(b) < 14 {
		return
	}
	typ, at := binary.BigEndian.Uint16(b[12:]), 14
	for typ == 0x8100 && len(b) >= at+4 {
		typ = binary.BigEndian.Uint16(b[at+2:])
		at += 4
	}
	ip := b[at:]
	var proto byte
	var addrs []int
	var l4 int
	switch {
	case typ == 0x0800 && len(ip) >= 20 && ip[0]>>4 == 4:
		proto, l4, addrs = ip[9], int(ip[0]&15)*4, []int{12, 16}
		if binary.BigEndian.Uint16(ip[6:])&0x1fff != 0 {
			proto = 0
		}
	case typ == 0x86dd && len(ip) >= 40:
		proto, l4, addrs = ip[6], 40, []int{12, 28}
	default:
		return
	}
	sums := []int{}
	if typ == 0x0800 {
		sums = append(sums, 10)
	}
	switch {
	case proto == 6 && len(ip) >= l4+18:
		sums = append(sums, l4+16)
	case proto == 17 && len(ip) >= l4+8 && binary.BigEndian.Uint16(ip[l4+6:]) != 0:
		sums = append(sums, l4+6)
	}
	for _, a := range addrs {
		old := binary.BigEndian.Uint16(ip[a:])
		now := old + round
		binary.BigEndian.PutUint16(ip[a:], now)
		for _, s := range sums {
			c := uint32(^binary.BigEndian.Uint16(ip[s:])) + uint32(^old) + uint32(now)
			c = c&0xffff + c>>16
			c = c&0xffff + c>>16
			binary.BigEndian.PutUint16(ip[s:], ^uint16(c))
		}
	}
}
