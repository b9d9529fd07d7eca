package suricata

import (
	"fmt"
	"strconv"
	"strings"
)

// threshold is threshold or detection_filter (Suricata user guide,
// "Thresholding Keywords").
type threshold struct {
	kind       thresholdKind
	track      track
	count      uint32
	seconds    int64
	multiplier uint32
	unique     uniqueOn
}

// uniqueOn is what detection_filter counts the distinct values of.
type uniqueOn uint8

const (
	uniqueNone uniqueOn = iota
	uniqueSource
	uniqueDestination
)

type thresholdKind uint8

const (
	thThreshold thresholdKind = iota
	thLimit
	thBoth
	thBackoff
	thDetection
)

// track says whose matches are counted together.
type track uint8

const (
	bySrc track = iota
	byDst
	byBoth
	byRule
	byFlow
)

var tracks = map[string]track{"by_src": bySrc, "by_dst": byDst, "by_both": byBoth, "by_rule": byRule, "by_flow": byFlow}

func kwThreshold(b *builder, o *option) *fault {
	if b.r.threshold != nil {
		return wrong(o.key.off, "a second threshold or detection_filter", "one a rule")
	}
	t := &threshold{kind: thDetection}
	seen := map[string]bool{}
	for _, p := range o.val.list() {
		w := p.words()
		if len(w) != 2 {
			return wrong(p.off, fmt.Sprintf("%q is no pair of name and value", p.s), "type, track, count and seconds with a value each")
		}
		name, val := w[0].s, w[1]
		seen[name] = true
		switch name {
		case "type":
			k, ok := map[string]thresholdKind{"threshold": thThreshold, "limit": thLimit, "both": thBoth, "backoff": thBackoff}[val.s]
			if !ok || o.key.s != "threshold" {
				return wrong(val.off, fmt.Sprintf("unknown type %q", val.s), "threshold, limit, both or backoff")
			}
			t.kind = k
		case "track":
			k, ok := tracks[val.s]
			if !ok {
				return wrong(val.off, fmt.Sprintf("unknown track %q", val.s), "by_src, by_dst, by_both, by_rule or by_flow")
			}
			t.track = k
		case "count", "seconds", "multiplier":
			n, err := strconv.ParseUint(val.s, 10, 31)
			if err != nil || n == 0 {
				return wrong(val.off, fmt.Sprintf("%q is no count", val.s), "a number above 0")
			}
			switch name {
			case "count":
				t.count = uint32(n)
			case "seconds":
				t.seconds = int64(n)
			default:
				t.multiplier = uint32(n)
			}
		case "unique_on":
			if o.key.s != "detection_filter" || val.s != "src_port" && val.s != "dst_port" {
				return wrong(p.off, "unique_on is for ports of detection_filter", "unique_on src_port or dst_port")
			}
			if b.r.proto&(protoTCP|protoUDP) != b.r.proto {
				return wrong(p.off, "unique_on in a rule for protocols without ports", "a rule for tcp or udp")
			}
			t.unique = uniqueSource
			if val.s == "dst_port" {
				t.unique = uniqueDestination
			}
		default:
			return wrong(w[0].off, fmt.Sprintf("unknown option %q", name), "type, track, count or seconds")
		}
	}
	need := []string{"track", "count", "seconds"}
	if t.kind == thBackoff {
		need[2] = "multiplier"
	}
	if o.key.s == "threshold" {
		need = append(need, "type")
	}
	for _, n := range need {
		if !seen[n] {
			return wrong(o.val.off+len(o.val.s), o.key.s+" without "+n, n)
		}
	}
	if t.kind == thBackoff && (t.track != byFlow || t.multiplier < 2) {
		return wrong(o.val.off, "backoff needs track by_flow and a multiplier above 1", "track by_flow, multiplier 2 or more")
	}
	b.r.threshold = t
	return nil
}

// ordered is a condition or an effect on bits that belong to addresses.
type ordered struct {
	op     orderedOp
	name   string
	track  orderedTrack
	expire int64 // seconds
}

type orderedOp uint8

const (
	obSet orderedOp = iota
	obUnset
	obToggle
	obIsSet
	obIsNotSet
)

type orderedTrack uint8

const (
	obSrc orderedTrack = iota
	obDst
	obPair
	obTx
)

var orderedOps = map[string]orderedOp{"set": obSet, "unset": obUnset, "toggle": obToggle, "isset": obIsSet, "isnotset": obIsNotSet}

const (
	xbitsExpire    = 30  // seconds, Suricata's default of xbits
	hostbitsExpire = 300 // and of hostbits
)

// kwXbits takes xbits:CMD,NAME,track ip_src|ip_dst|ip_pair[,expire N].
func kwXbits(b *builder, o *option) *fault {
	parts := o.val.list()
	if len(parts) == 1 && parts[0].s == "noalert" {
		b.r.noalert = true
		return nil
	}
	if len(parts) < 3 {
		return wrong(o.val.off, "xbits takes a command, a name and a track", "set,name,track ip_src")
	}
	x := ordered{name: "x " + parts[1].s, expire: xbitsExpire}
	var ok bool
	if x.op, ok = orderedOps[parts[0].s]; !ok {
		return wrong(parts[0].off, fmt.Sprintf("unknown xbits command %q", parts[0].s), "set, unset, toggle, isset, isnotset or noalert")
	}
	for _, p := range parts[2:] {
		w := p.words()
		if len(w) != 2 {
			return wrong(p.off, fmt.Sprintf("%q is no option of xbits", p.s), "track ip_src or expire N")
		}
		switch w[0].s {
		case "track":
			if x.track, ok = map[string]orderedTrack{"ip_src": obSrc, "ip_dst": obDst, "ip_pair": obPair, "tx": obTx}[w[1].s]; !ok {
				return wrong(w[1].off, fmt.Sprintf("unknown track %q", w[1].s), "ip_src, ip_dst, ip_pair or tx")
			}
		case "expire":
			n, err := strconv.ParseUint(w[1].s, 10, 31)
			if err != nil || n == 0 {
				return wrong(w[1].off, "not a number of seconds", "a number above 0")
			}
			x.expire = int64(n)
		default:
			return wrong(p.off, fmt.Sprintf("unknown option %q", p.s), "track or expire")
		}
	}
	if x.track == obTx {
		return b.txBits(x.op, parts[1])
	}
	b.r.ordered = append(b.r.ordered, x)
	return nil
}

// txBits takes a bit of the transaction, which belongs to the flow's state.
func (b *builder) txBits(op orderedOp, name field) *fault {
	id, err := b.c.bits.id(field{"tx:" + name.s, name.off})
	if err != nil {
		return err
	}
	b.ofTx = true
	switch op {
	case obIsSet, obIsNotSet:
		b.reads = true
		b.r.checks = append(b.r.checks, check{op: ckTxBit, a: id, neg: op == obIsNotSet})
		return nil
	}
	b.writes = true
	b.r.post = append(b.r.post, action{op: map[orderedOp]actionOp{obSet: acTxSet, obUnset: acTxUnset, obToggle: acTxToggle}[op], id: id})
	return nil
}

// kwHostbits takes hostbits:CMD,NAME[,src|dst|both[,SECONDS]].
func kwHostbits(b *builder, o *option) *fault {
	parts := o.val.list()
	if len(parts) == 1 && parts[0].s == "noalert" {
		b.r.noalert = true
		return nil
	}
	if len(parts) < 2 || len(parts) > 4 {
		return wrong(o.val.off, "hostbits takes a command, a name, a side and seconds", "set,name,src")
	}
	x := ordered{name: "h " + parts[1].s, expire: hostbitsExpire}
	var ok bool
	if x.op, ok = orderedOps[parts[0].s]; !ok {
		return wrong(parts[0].off, fmt.Sprintf("unknown hostbits command %q", parts[0].s), "set, unset, toggle, isset or isnotset")
	}
	if len(parts) > 2 {
		switch strings.TrimSpace(parts[2].s) {
		case "src":
		case "dst":
			x.track = obDst
		case "both":
			return refused(parts[2].off, "hostbits of both sides")
		default:
			return wrong(parts[2].off, fmt.Sprintf("unknown side %q", parts[2].s), "src, dst or both")
		}
	}
	if len(parts) > 3 {
		n, err := strconv.ParseUint(parts[3].s, 10, 31)
		if err != nil || n == 0 {
			return wrong(parts[3].off, "not a number of seconds", "a number above 0")
		}
		x.expire = int64(n)
	}
	b.r.ordered = append(b.r.ordered, x)
	return nil
}
