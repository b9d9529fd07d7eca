package suricata

import (
	"saksi/event"
	"saksi/rules"
)

// Action is what a rule asks for when it matches. Saksi watches and never
// blocks: drop and reject alert.
type Action uint8

// Actions, in the order rules of them are evaluated (Suricata user guide,
// "action-order").
const (
	Pass Action = iota
	Drop
	Reject
	Alert
)

// Rule is one compiled rule. It is immutable and shared by all engines.
type Rule struct {
	SID, GID, Rev int64
	Msg           string
	Classtype     string
	Priority      int // 1 is the most severe; 0 when neither given nor known
	Severity      rules.Severity
	Techniques    []string // ATT&CK ids from metadata
	References    []string
	Metadata      [][2]string
	Action        Action
	Text          string // as in the file, continued lines joined
	Digest        string // SHA-256 of Text, hex
	File          string
	Line          int
	Filestore     bool // the file carried as it matches is to be kept

	id           uint32 // position in Set.rules, the order of evaluation
	proto        protoSet
	app          AppProto // AppUnknown: any
	src, dst     *set
	sport, dport *set
	bidir        bool
	pair         bool // "=>": looks at a request and its response together
	dir          dirMask
	kind         kind
	stream       bool // payload contents look at the stream
	packet       bool // payload contents look at the packet
	// tcpStreamOnly: TCP is looked at as a stream alone, although other
	// protocols are looked at by packet.
	tcpStreamOnly bool
	streamOnly    bool // flow:only_stream: never a packet by itself
	events        bool // decode-event: looked at only on packets with events
	streamEvents  bool // stream-event, the same
	sums          bool // looks at checksums: packets with a wrong one, too
	digest        bool // looks at digests of whole files
	writes        bool // state of the flow
	bypass        bool // the flow is not looked at behind a match
	scope         passScope
	noalert       bool
	checks        []check // before contents, in order
	payload       *list
	lists         []*list // buffers of transactions
	base64        *list
	post          []action
	ordered       []ordered // conditions and effects across flows
	threshold     *threshold
	suppress      []suppression // of the file of thresholds
	rate          *rateFilter
	nvars         int
	trace         *Trace // nil: nobody asks
}

// NamesApp reports whether a rule is for one application protocol, as by its
// header.
func (r *Rule) NamesApp() bool { return r.app != AppUnknown }

// kind is when a rule is evaluated.
type kind uint8

const (
	kindPacket  kind = iota // header keywords alone: every packet
	kindOnce                // addresses, ports or app protocol alone: once a flow and direction
	kindPayload             // contents in the payload or the stream
	kindTx                  // buffers of a transaction
)

// dirMask is a set of directions; zero allows both.
type dirMask uint8

const (
	toServer dirMask = 1 << iota
	toClient
)

func dirOf(p *Packet) dirMask {
	if p.ToServer {
		return toServer
	}
	return toClient
}

func (d dirMask) has(o dirMask) bool { return d == 0 || d&o != 0 }

// protoSet is a set of IP protocols a rule's header allows.
type protoSet uint8

const (
	protoTCP protoSet = 1 << iota
	protoUDP
	protoICMP4
	protoICMP6
	protoOther
	protoAny = protoTCP | protoUDP | protoICMP4 | protoICMP6 | protoOther
)

func protoOf(p *Packet) protoSet {
	switch p.Proto {
	case 6:
		return protoTCP
	case 17:
		return protoUDP
	case 1:
		return protoICMP4
	case 58:
		return protoICMP6
	}
	return protoOther
}

// list is the ordered conditions on one buffer.
type list struct {
	buf        Buffer
	transforms []transform
	items      []item
	absent     bool    // matches when the buffer does not exist
	orElse     bool    // absent, or what the items say
	dir        dirMask // of a rule with "=>": the side it looks at
	view       int     // index in Set.views; -1 for payload and base64
	which      which   // of a number with several instances
}

type itemKind uint8

const (
	itContent itemKind = iota
	itPCRE
	itIsDataAt
	itByteTest
	itByteJump
	itByteExtract
	itByteMath
	itSize
	itNumber
	itBase64
	itLow     // the lower half of a number
	itNow     // a time against that of the packet
	itSpec    // what a keyword of its own decides
	itDataset // in or not in a set
	itEntropy
	itASN1
)

// num is a number, or (ref > 0) variable ref-1 of the rule.
type num struct {
	v   int64
	ref int
}

// item is one condition on a buffer.
type item struct {
	kind     itemKind
	neg      bool
	nocase   bool
	relative bool // starts where the item before ended
	relNext  bool // a later item is relative to this one
	endswith bool
	fast     bool
	starts   bool

	hasDepth, hasOffset, hasDistance, hasWithin bool
	depth, offset, distance, within             num

	pat      []byte // content; lower case when nocase
	re       *regex
	groups   *capture // with captures: the same pattern, for its groups
	captures []capturing
	by       *byteOp
	size     uintCmp
	numbers  *set // of itNumber: those that match, instead of size
	spec     spec
	data     *datasetUse
	entropy  *entropy
	asn1     *asn1Check
	at       int // offset in the rule's text, for messages
}

// Entry is the rule's line in a catalog.
func (r *Rule) Entry() rules.Entry {
	return rules.Entry{
		ID: itoa(r.SID), Name: r.Msg, Language: rules.Suricata, Ruleset: ruleset(r.File),
		File: r.File, Line: r.Line, Severity: r.Severity, Techniques: r.Techniques,
	}
}

// AppendTo adds to e what the finding says about its rule and its match; the
// caller adds what it knows of packet, flow and evidence.
func (h *Hit) AppendTo(e *event.Event) {
	r := h.Rule
	e.Str(event.EventKind, "alert")
	e.Str(event.RuleID, itoa(r.SID))
	e.Str(event.RuleName, r.Msg)
	e.Str(event.RuleRuleset, ruleset(r.File))
	e.Str(event.RuleVersion, itoa(r.Rev))
	e.Str(event.RuleCategory, r.Classtype)
	e.Str(event.SaksiRuleLanguage, rules.Suricata)
	e.Str(event.SaksiRuleText, r.Text)
	e.Str(event.SaksiRuleDigest, r.Digest)
	if len(r.References) > 0 {
		e.Str(event.RuleReference, r.References[0])
	}
	if r.Priority != 0 {
		e.Int(event.SaksiRulePriority, int64(r.Priority))
	}
	if r.Severity != 0 {
		e.Int(event.EventSeverity, int64(r.Severity))
	}
	for _, t := range r.Techniques {
		e.Str(event.ThreatTechniqueID, t)
	}
	if len(r.Techniques) > 0 {
		e.Str(event.ThreatFramework, "MITRE ATT&CK")
	}
	for i := range h.Evidence {
		e.Str(event.SaksiEvidenceMatch, h.Evidence[i].String())
	}
	if h.Incomplete {
		e.Str(event.SaksiIncomplete, "steps")
	}
}

// AppendContext adds what data sets hold of the values that matched; it is whole
// once the ordered stage has kept the hit.
func (h *Hit) AppendContext(e *event.Event) {
	for _, c := range h.Context {
		e.Str(event.SaksiRuleContext, c.Name+" "+c.JSON)
	}
}

// Silent reports a rule that makes no findings (noalert).
func (r *Rule) Silent() bool { return r.noalert }
