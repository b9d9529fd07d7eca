// Package capture reads packets from capture files and streams: pcap and
// pcapng in both byte orders, plain or compressed with gzip or Zstandard.
// Start with NewReader and call Reader.ReadBatch until it returns
// io.EOF or an *Error; OpenLive gives the same from network interfaces. Packets keep pointing into the batch they were read
// into, so a batch can be handed to another goroutine without copying.
package capture

import (
	"errors"
	"fmt"
)

// Limits that keep hostile input from choosing how much memory is used.
const (
	// BatchBytes is how much of a capture one batch holds. Batch boundaries
	// depend only on the bytes of the capture, never on how many came with
	// one read, so that what runs at batch ends is deterministic.
	BatchBytes = 256 << 10
	// maxPacket is libpcap's MAXIMUM_SNAPLEN for all but D-Bus and USB.
	maxPacket = 256 << 10
	// maxBlock is the largest pcapng block accepted (libpcap's limit). Blocks
	// that carry no packet are skipped without being held.
	maxBlock = 16 << 20
	// maxInterfaces bounds the interfaces of one pcapng section.
	maxInterfaces = 4096
)

// Errors that callers branch on with errors.Is.
var (
	// ErrFormat means the input is no capture format known here.
	ErrFormat = errors.New("not a pcap or pcapng capture")
	// ErrTruncated means the capture ends inside a record; all packets before
	// it were returned.
	ErrTruncated = errors.New("capture is truncated")
	// ErrCorrupt means a record contradicts itself; all packets before it
	// were returned.
	ErrCorrupt = errors.New("capture is corrupted")
)

// Error is why reading stopped: the input, the offset in it (after
// decompression) at which the bad record starts, and what is wrong.
type Error struct {
	Name   string
	Offset int64
	What   string // such as "pcapng block 0x00000006 (enhanced packet)"
	Err    error  // ErrFormat, ErrTruncated, ErrCorrupt, or an I/O error
}

// Error says what failed, where, and why.
func (e *Error) Error() string {
	if e.What == "" {
		return fmt.Sprintf("reading %s at offset %d: %v", e.Name, e.Offset, e.Err)
	}
	return fmt.Sprintf("reading %s at offset %d: %s: %v", e.Name, e.Offset, e.What, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// LinkType is a LINKTYPE_ value (https://www.tcpdump.org/linktypes.html).
type LinkType uint16

// Packet is one captured frame.
type Packet struct {
	Number  uint64   // in the capture, from 1
	Time    int64    // Unix nanoseconds, UTC
	Offset  int64    // of the record in the capture, after decompression
	OrigLen uint32   // bytes on the wire; len(Data) is what was captured
	Iface   uint32   // pcapng interface of the section, else 0
	Link    LinkType // how Data starts
	NoSum   bool     // live: the sender's network card fills in its checksum later
	Data    []byte   // valid as long as the batch it was read into
}

// Batch is the memory a group of consecutive packets lives in.
type Batch struct {
	Packets []Packet
	// Clock is how far capture time has come at least, in Unix nanoseconds,
	// where a clock tells it without packets: live. Files leave it 0.
	Clock int64
	buf   []byte
}

// Stats counts what a capture holds besides packets.
type Stats struct {
	Packets       uint64
	Bytes         int64  // of the capture, after decompression
	Secrets       uint64 // pcapng decryption secrets blocks
	KeyLogs       uint64 // of those, TLS key logs that were handed on
	NameBlocks    uint64 // pcapng name resolution blocks
	CustomBlocks  uint64 // pcapng custom blocks, skipped
	JournalBlocks uint64 // entries of the systemd journal, skipped
	OtherBlocks   uint64 // blocks of unknown types, skipped
	BadBlocks     uint64 // blocks whose framing held but whose content did not
	FirstBad      *Error // the first of them
	Dropped       uint64 // packets the capturing side says it dropped
	Sections      uint64
	Interfaces    uint64
	NoTimestamp   uint64 // simple packets: they take the time of the packet before
	Truncated     uint64 // packets cut by the snapshot length
	Format        string // "pcap", "pcapng", "live"
	Compression   string // "", "gzip", "zstd"
	LinkTypeFirst LinkType
}
