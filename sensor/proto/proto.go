// Package proto recognizes and parses application protocols. Each protocol is
// one door file that registers an Entry; nothing else is edited to add one.
// Start with Entry and Parser; Detect finds the entry for a flow's first bytes.
package proto

import (
	"fmt"
	"net/netip"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/keylog"
)

// Transport is a set of transports.
type Transport uint8

// Transports.
const (
	TCP Transport = 1 << iota
	UDP
	SCTP
)

func (t Transport) String() string {
	switch t {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case SCTP:
		return "sctp"
	case TCP | UDP:
		return "tcp udp"
	}
	return fmt.Sprintf("transports %b", uint8(t))
}

// Dir is a direction within a flow.
type Dir uint8

// Directions.
const (
	FromClient Dir = iota // sent by the originator
	FromServer
)

// Verdict is what a detector makes of first bytes.
type Verdict uint8

// Verdicts.
const (
	No   Verdict = iota // these bytes are not the protocol
	More                // they may be; more bytes are needed
	Yes
)

// Probe is what a detector sees: the first bytes of one direction of a flow
// (for UDP: of one datagram), and the flow's ports. Ports may raise or lower
// what a weak signature needs, but a protocol MUST be found on any port.
type Probe struct {
	Data             []byte
	Dir              Dir
	Transport        Transport
	SrcPort, DstPort uint16
	// Other holds the first bytes of the other direction, if any came before.
	Other []byte
	// Length is the length of a datagram on the wire; Data may be shorter.
	Length int
}

// On reports whether either port is one of ports.
func (p *Probe) On(ports ...uint16) bool {
	for _, n := range ports {
		if p.SrcPort == n || p.DstPort == n {
			return true
		}
	}
	return false
}

// Entry describes one protocol.
type Entry struct {
	Name      string    // network.protocol, lower case
	Doc       string    // one sentence: what it is
	Reference string    // specification
	Transport Transport // over which it runs
	Ports     []uint16  // usual ones; entries of a flow's port are asked first
	// Bound says that the format is so loose that it is asked for on its ports
	// alone.
	Bound bool
	// First are the prefixes one of which a first segment must have; none
	// means any. They choose who is asked; Detect decides.
	First []string
	// Detect MUST be fast, MUST NOT keep p, and MUST NOT panic on any input.
	Detect func(p *Probe) Verdict
	// New makes the parser of one flow; nil for a protocol that is only named.
	New func(t Transport) Parser
	// Application names the application whose own protocol it is, as the
	// table of package service does; empty for a protocol of many.
	Application string
	// App is how rules name the protocol.
	App suricata.AppProto
	// Samples and Hostile name files under testdata/samples.
	Samples []string
	Hostile []string

	index uint16
}

// Index numbers the entry from 1, in the order of names.
func (e *Entry) Index() uint16 { return e.index }

// Result is what a parser makes of the bytes it was given.
type Result int

// Special results; any other is the number of bytes used.
const (
	// Broken ends parsing: the bytes are not what the protocol allows.
	Broken Result = -1
	// Done ends parsing: nothing that follows is of interest.
	Done Result = -2
)

// Parser parses the flow it was made for. The caller calls it in packet order.
type Parser interface {
	// Data is given the bytes of one direction that follow those used before:
	// for TCP everything not used yet, for UDP one datagram. It returns how
	// many it used; the rest is offered again with more behind it, up to
	// MaxUnread bytes, after which the parser counts as broken. b is valid
	// only during the call.
	Data(c *Context, dir Dir, b []byte) Result
	// Gap tells that n bytes of a direction are missing, after everything
	// before them was offered. It returns false if the parser can't go on.
	Gap(c *Context, dir Dir, n uint32) bool
	// Close emits what is open; the flow has ended.
	Close(c *Context)
}

// MaxUnread is how many bytes a parser may leave unused before it must take
// some.
const MaxUnread = 64 << 10

// Host is what the sensor gives to parsers.
type Host interface {
	// Begin returns an empty event with what all events of the flow carry:
	// time, kind, dataset, evidence, addresses, Community ID, protocol.
	// packets are the numbers of the packets it rests on.
	Begin(dataset string, packets []uint64) *event.Event
	// Emit sends the event on; it MUST be the one Begin returned last.
	Emit(e *event.Event)
	// Offer shows a part of a transaction to the rules.
	Offer(tx suricata.Tx, dir Dir)
	// Matching reports whether there are rules, so that buffers are built
	// only when somebody reads them.
	Matching() bool
	// Wants reports whether a rule looks at a buffer, so that what few rules
	// ask for, such as a frame, is offered only then.
	Wants(b suricata.Buffer) bool
	// Record makes a record of EVE JSON of a transaction, of which no document
	// tells, with event_type kind. It is called for Detail alone.
	Record(kind string, t EVE)
	// OpenFile begins a file carried by the flow; nil when files are not wanted.
	OpenFile(name string, dir Dir) FileWriter
	// Expect announces a TCP connection between the hosts of the flow, to a port
	// of the server's (FromServer) or the client's: it is of the protocol name,
	// whatever it carries, and p parses it.
	Expect(to Dir, port uint16, name string, p Parser)
	Opened
}

// Evidence is an ability of a transaction offered to the rules: the numbers of
// the packets that carried it.
type Evidence interface{ Packets() []uint64 }

// Describer is an ability of a transaction offered to the rules, and of a
// parser: Describe adds to an alert what is known of the transaction in work,
// in the fields of the protocol's own event. What it adds stays valid until the
// packet in work is done.
type Describer interface{ Describe(e *event.Event) }

// EVE is what tells of a transaction in EVE JSON as far as it came: it adds the
// members that stand beside those all records have. It may be asked until its
// flow has ended. Number is the transaction's in its flow, from 1.
type EVE interface {
	AppendEVE(m *event.Members)
	Number() uint64
}

// Teller is an ability of a transaction offered to the rules: what tells of it
// in EVE JSON, nil if nothing was kept for that.
type Teller interface{ EVE() EVE }

// Lasting is an ability of a Describer that may be asked later too, until its
// flow has ended.
type Lasting interface{ Lasting() }

// FileWriter takes the content of a file that a flow carries.
type FileWriter interface {
	// Write adds content, seen in the packet being parsed.
	Write(b []byte)
	// Gap notes that n bytes are missing.
	Gap(n uint32)
	// Close ends the file. whole is false if the protocol says there was
	// more; why is then one of the values of Saksi.file.incomplete. about may
	// add protocol fields to the event of the file.
	Close(whole bool, why string, about func(e *event.Event))
}

// Context is the flow and the packet a parser is called for.
type Context struct {
	Host
	Number                 uint64 // of the packet that brought the bytes
	Time                   int64  // of it, Unix nanoseconds
	Client, Server         netip.Addr
	ClientPort, ServerPort uint16
	// Detail asks for what only EVE JSON tells: the fields below Saksi.eve.
	Detail bool
	// Payload asks for what messages carry, in EVE JSON too.
	Payload bool
	// Redetect is set by a parser that returns Done to hand the flow on, as
	// STARTTLS and CONNECT do: the bytes not used go to detection again.
	Redetect bool
	// Next is set with Redetect by a parser that knows the protocol that
	// follows: the name of its entry. Otherwise it is detected.
	Next string
	// Used is the number of bytes used by a parser that returns Done.
	Used int
	// Keys holds the secrets of TLS sessions; nil for none. Sessions is then what
	// those seen before may be resumed with.
	Keys     *keylog.Log
	Sessions *Sessions
	// InTLS says that the bytes were decrypted.
	InTLS   bool
	scratch [][]byte
}

// Packets collects the numbers of the packets something rests on, at most 64.
type Packets struct{ list []uint64 }

// MaxPackets is the most packet numbers an event lists.
const MaxPackets = 64

// Add notes a packet number.
func (p *Packets) Add(n uint64) {
	if k := len(p.list); k < MaxPackets && (k == 0 || p.list[k-1] != n) {
		p.list = append(p.list, n)
	}
}

// List returns the numbers.
func (p *Packets) List() []uint64 { return p.list }

// Reset forgets them.
func (p *Packets) Reset() { p.list = p.list[:0] }
