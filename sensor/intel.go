package sensor

import (
	"saksi/event"
	"saksi/rules/intel"
)

// matchFlow tells of indicators that are an address of the flow that the packet
// in work begins: at once, because a flow may go on for days.
func (w *worker) matchFlow(t int64) {
	a, _ := w.rec.Orig()
	b, _ := w.rec.Resp()
	if !w.rules.Intel.HasAddress(a) && !w.rules.Intel.HasAddress(b) {
		return
	}
	e := w.begin("event", "saksi.flow", t)
	e.Int(event.SaksiEvidencePacket, int64(w.now))
	hits := w.rules.Intel.MatchFlow(e)
	if len(hits) == 0 {
		return
	}
	e.CopyTo(&w.held) // findings are made where e is
	for i := range hits {
		f := w.res.next()
		w.rules.Intel.Finding(f, &w.held, &hits[i])
		w.push(f, itemAlert, 0)
	}
}

// wants looks what the indicators of a set ask for.
func (w *worker) wants(s *intel.Set) {
	w.wantMD5, w.wantSHA1, w.wantFlows = s != nil && s.Wants(intel.MD5), s != nil && s.Wants(intel.SHA1), s != nil && s.WantsFlows()
}
