package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"saksi/casefile"
	"saksi/event"
	"saksi/evidence"
	"saksi/findings/mask"
	"saksi/sensor/capture"
)

// maxDump bounds what is printed of one packet, in bytes.
const maxDump = 256

// packetsOf are the numbers of a document's packets, the first most of them; 0
// is all.
func packetsOf(e *event.Event, most int) map[uint64]bool {
	want := map[uint64]bool{}
	for v := range e.Values(event.SaksiEvidencePacket) {
		if most == 0 || len(want) < most {
			want[uint64(v.Int())] = true
		}
	}
	return want
}

// eachPacket gives the packets of a capture that have the numbers, with the
// capture's format. p is valid until do returns. Of a capture that is broken it
// gives those before.
func eachPacket(ctx context.Context, path string, want map[uint64]bool, do func(p *capture.Packet, format string) error) error {
	f, err := evidence.OpenHeld(ctx, path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := capture.NewReader(path, f)
	if err != nil {
		return err
	}
	defer r.Close()
	var b capture.Batch
	for len(want) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := r.ReadBatch(&b)
		for i := range b.Packets {
			p := &b.Packets[i]
			if !want[p.Number] {
				continue
			}
			delete(want, p.Number)
			if err := do(p, r.Stats().Format); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// open records that the exhibit is looked at for the document's packets. Without
// the key of the case that can't be, and they are not shown.
func (s *shower) open(ctx context.Context, x *casefile.Exhibit, id string) error {
	c, err := s.openCase()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // what was recorded is on the disk
	f, _, err := c.OpenExhibit(ctx, x.ID, casefile.ActInspect, fmt.Sprintf("show packets of finding %.12s", id))
	if err != nil {
		return err
	}
	return f.Close()
}

// showPackets prints the finding's packets out of the exhibit, the custody entry
// being written first.
func (s *shower) showPackets(ctx context.Context, x *casefile.Exhibit, path string) {
	id, _ := s.e.GetStr(event.EventID)
	to := "packets.pcap"
	if want := packetsOf(s.e, s.packets); s.packets > 0 && len(want) > 0 {
		if err := s.open(ctx, x, id); err != nil {
			s.line("not shown", "packets, as the custody log could not record that the exhibit is opened: "+err.Error())
		} else if err := eachPacket(ctx, path, want, func(p *capture.Packet, format string) error {
			if format == "pcapng" { // which may have several link types
				to = "packets.pcapng"
			}
			s.printPacket(p)
			return s.err
		}); err != nil {
			s.line("not shown", fmt.Sprintf("%d packets, as the exhibit can't be read so far: %v", len(want), err))
		}
	}
	s.line("all packets", fmt.Sprintf("saksi sensor extract %s --finding %s %s--to %s", shellWord(path), id, s.where, to))
}

// printPacket dumps a packet; what is masked in documents is masked here too, as
// long as it lies in one packet.
func (s *shower) printPacket(p *capture.Packet) {
	data, hidden := masked(p.Data)
	s.printf("  packet %d, %d bytes, %s\n", p.Number, p.OrigLen, event.AppendTime(nil, p.Time))
	for _, l := range strings.Split(strings.TrimRight(hex.Dump(data[:min(len(data), maxDump)]), "\n"), "\n") {
		s.printf("    %s\n", l)
	}
	if len(data) > maxDump {
		s.printf("    ... %d bytes more\n", len(data)-maxDump)
	}
	if hidden > 0 {
		s.printf("    %d bytes of personal data or credentials are masked by *\n", hidden)
	}
}

// masked gives data with personal data and credentials overwritten, and how many
// bytes they were.
func masked(data []byte) (out []byte, hidden int) {
	for _, f := range mask.Find(string(data)) {
		if out == nil {
			out = bytes.Clone(data)
		}
		for i := f.Start; i < f.End; i++ {
			out[i] = '*'
			hidden++
		}
	}
	if out == nil {
		return data, 0
	}
	return out, hidden
}
