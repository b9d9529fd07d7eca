package findings

import (
	"context"
	"fmt"

	"saksi/event"
)

// CrossRule is the id of the findings that Crosslink emits.
const CrossRule = "saksi-cross-file"

// crossHashes bounds the files seen on the wire that are looked up on disks.
const crossHashes = 10_000

// emptySHA256 is the digest of no bytes: equal empty files say nothing.
const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// CrossIndex is what Crosslink asks of an index.
type CrossIndex interface {
	Searcher
	Aggregator
}

// Crosslink emits a finding for each disk entry whose content was also seen on
// the wire (same SHA-256), and returns their number. The finding carries the
// entry's place on the disk, the flow and the packets of the transfer, and in
// Saksi.link the ids of both documents. It is of low severity by itself; when
// another finding rests on the same content it is high, with T1105 (Ingress
// Tool Transfer). A pair that is joined already is passed over, unless it became
// high. left is the number of hashes beyond the bound that were not looked up.
func Crosslink(ctx context.Context, ix CrossIndex, sink Sink) (n int, left int64, err error) {
	hashes, err := ix.Terms(ctx, `event.dataset:"saksi.file"`, event.FileHashSHA256.Name(), crossHashes+1)
	if err != nil {
		return 0, 0, fmt.Errorf("listing the files seen on the wire: %w", err)
	}
	if len(hashes) > crossHashes {
		left = int64(len(hashes) - crossHashes)
		hashes = hashes[:crossHashes]
	}
	for _, h := range hashes {
		if h.Key == emptySHA256 {
			continue
		}
		found, err := crosslinkHash(ctx, ix, sink, h.Key)
		n += found
		if err != nil {
			return n, left, fmt.Errorf("looking for %s on the disks: %w", h.Key, err)
		}
	}
	return n, left, nil
}

func crosslinkHash(ctx context.Context, ix CrossIndex, sink Sink, hash string) (int, error) {
	byTime := []Sort{{Field: event.Timestamp.Name()}}
	same := fmt.Sprintf(`%s:%q AND event.dataset:`, event.FileHashSHA256.Name(), hash)
	disk, err := ix.Search(ctx, Request{Query: same + `"saksi.entry"`, Size: 100, Sort: byTime})
	if err != nil || len(disk.Docs) == 0 {
		return 0, err
	}
	wire, err := ix.Search(ctx, Request{Query: same + `"saksi.file"`, Size: 1, Sort: byTime})
	if err != nil || len(wire.Docs) == 0 {
		return 0, err
	}
	bad, err := ix.Search(ctx, Request{Query: fmt.Sprintf(`%s:%q AND event.kind:alert AND NOT rule.id:%q`, event.FileHashSHA256.Name(), hash, CrossRule), Size: 1})
	if err != nil {
		return 0, err
	}
	w, err := event.Parse(wire.Docs[0].Body)
	if err != nil {
		return 0, err
	}
	known, err := crossKnown(ctx, ix, hash)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, doc := range disk.Docs {
		if s := known[doc.ID]; s > 1 || s == 1 && len(bad.Docs) == 0 {
			continue
		}
		d, err := event.Parse(doc.Body)
		if err != nil {
			return n, err
		}
		if err := sink.Emit(crossFinding(w, d, len(bad.Docs) > 0)); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// crossKnown gives, by the disk entry's id, the highest severity of the
// findings that join it already.
func crossKnown(ctx context.Context, ix CrossIndex, hash string) (map[string]int64, error) {
	p, err := ix.Search(ctx, Request{Query: fmt.Sprintf(`%s:%q AND rule.id:%q`, event.FileHashSHA256.Name(), hash, CrossRule), Size: 1000})
	if err != nil {
		return nil, err
	}
	known := map[string]int64{}
	for _, doc := range p.Docs {
		e, err := event.Parse(doc.Body)
		if err != nil {
			return nil, err
		}
		severity, _ := e.GetInt(event.EventSeverity)
		for v := range e.Values(event.SaksiLink) {
			known[v.Str()] = max(known[v.Str()], severity)
		}
	}
	return known, nil
}

// crossFinding joins a transfer and a disk entry: place and evidence are the
// disk's, addresses and time the transfer's.
func crossFinding(w, d *event.Event, bad bool) *event.Event {
	e := &event.Event{}
	for _, f := range []event.Field{
		event.FilePath, event.FileName, event.FileInode, event.FileSize, event.FileType, event.FileHashSHA256, event.FileHashMD5,
		event.SaksiFileDeleted, event.SaksiFileStream, event.SaksiFileVolume, event.SaksiEvidenceKey, event.SaksiEvidenceName,
		event.SaksiEvidenceOffset, event.SaksiEvidenceRuns, event.SaksiEvidenceCommand, event.SaksiCase, event.SaksiExhibit,
	} {
		for v := range d.Values(f) {
			e.Append(v)
		}
	}
	for _, f := range []event.Field{
		event.Timestamp, event.SourceIP, event.SourcePort, event.DestinationIP, event.DestinationPort, event.NetworkCommunityID,
		event.NetworkTransport, event.NetworkProtocol, event.SaksiFlowID, event.SaksiEvidencePacket, event.URLOriginal, event.URLDomain,
	} {
		for v := range w.Values(f) {
			e.Append(v)
		}
	}
	e.Str(event.EventKind, "alert")
	e.Str(event.EventDataset, "saksi.alert")
	e.Str(event.EventCategory, "file")
	e.Str(event.RuleID, CrossRule)
	e.Str(event.RuleName, "File seen on the wire and again on the disk")
	e.Str(event.RuleRuleset, "saksi")
	e.Str(event.SaksiRuleLanguage, "intel")
	severity := int64(1)
	if bad {
		severity = 3
		e.Str(event.ThreatFramework, "MITRE ATT&CK")
		e.Str(event.ThreatTechniqueID, "T1105")
	}
	e.Int(event.EventSeverity, severity)
	for _, doc := range []*event.Event{w, d} {
		if id, ok := doc.GetStr(event.EventID); ok {
			e.Str(event.SaksiLink, id)
		}
	}
	return e
}
