package sensor

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"saksi/event"
)

// pcapOf makes a capture of frames of a link type.
func pcapOf(link uint32, frames ...[]byte) []byte {
	o := binary.LittleEndian
	b := o.AppendUint32(nil, 0xa1b2c3d4)
	b = o.AppendUint32(o.AppendUint16(o.AppendUint16(b, 2), 4), 0)
	b = o.AppendUint32(o.AppendUint32(o.AppendUint32(b, 0), 1<<18), link)
	for i, f := range frames {
		b = o.AppendUint32(o.AppendUint32(b, 1_700_000_000+uint32(i)), 0)
		b = o.AppendUint32(o.AppendUint32(b, uint32(len(f))), uint32(len(f)))
		b = append(b, f...)
	}
	return b
}

// TestUnknownLinkTypes proves that a capture of a link type that is not
// decoded is an error with its number, name and frames.
func TestUnknownLinkTypes(t *testing.T) {
	for link, want := range map[uint32]string{
		189: "link type not decoded: 189 (usb-linux): 2 frames", 249: "249 (usbpcap): 2 frames", 195: "195 (802.15.4): 2 frames", 4242: "4242: 2 frames",
	} {
		s, err := Read(context.Background(), Config{Sources: []Source{{Name: "x.pcap", Reader: bytes.NewReader(pcapOf(link, make([]byte, 64), make([]byte, 64)))}}})
		if !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), want) || s.Sources[0].Stats.Packets != 2 {
			t.Errorf("link type %d: %v, expected %q", link, err, want)
		}
	}
}

// udpIn makes an IPv4 packet of UDP without checksum.
func udpIn(src, dst byte, port uint16, payload string) []byte {
	b := []byte{0x45, 0, 0, byte(28 + len(payload)), 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, src, 10, 0, 0, dst}
	b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, port), 9)
	return append(binary.BigEndian.AppendUint16(b, uint16(8+len(payload))), append([]byte{0, 0}, payload...)...)
}

// TestAggregate proves that the packets in one frame of IEEE 802.11 are flows
// of their own, with ids of their own, in the same order for any number of
// workers; and that frames without IP are told by their kind.
func TestAggregate(t *testing.T) {
	frame := []byte{0x88, 2, 0, 0, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 3, 0x10, 0, 0x80, 0}
	for i := range byte(12) {
		body := append([]byte{0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, udpIn(i+1, 200-i, 5000+uint16(i), "selamat")...)
		frame = append(frame, 2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 8, 0, byte(len(body)))
		frame = append(frame, body...)
		for (len(frame)-26)%4 != 0 {
			frame = append(frame, 0)
		}
	}
	beacon := append([]byte{0x80, 0, 0, 0}, make([]byte, 32)...)
	file := pcapOf(105, frame, beacon)
	var first []byte
	for n := 1; n <= 7; n += 3 {
		var l lines
		s, err := Read(context.Background(), Config{Sources: []Source{{Name: "x.pcap", Reader: bytes.NewReader(file)}}, Workers: n, Sink: &l})
		if err != nil || s.Flows != 12 || len(s.Sources[0].NotIP) != 1 || s.Sources[0].NotIP[0] != (Count{"802.11 management", 1}) {
			t.Fatalf("%d workers: %v, %d flows, without IP %v", n, err, s.Flows, s.Sources[0].NotIP)
		}
		if first == nil {
			first = bytes.Clone(l.buf.Bytes())
		}
		if !bytes.Equal(first, l.buf.Bytes()) {
			t.Errorf("%d workers differ from one: %s", n, firstDifference(first, l.buf.Bytes()))
		}
	}
	ids := map[string]bool{}
	for line := range strings.Lines(string(first)) {
		e, err := event.Parse([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if id := str(e, event.SaksiFlowID); id != "" { // hosts have none
			ids[id] = true
		}
	}
	if len(ids) != 12 {
		t.Errorf("%d ids of 12 flows", len(ids))
	}
}
