package main

import (
	"fmt"

	"saksi/event"
	"saksi/findings"
	"saksi/rules/intel"
)

// tlpFlag bounds the markings of what leaves an index: by default a table on the
// terminal shows all, and what a program or a file gets is at most GREEN.
type tlpFlag struct {
	text     string
	most     intel.TLP
	withheld int
}

const tlpHelp = "give only findings of at most this `marking` of the Traffic Light Protocol: clear, green, amber, amber+strict or red (default: red in a table on the terminal, else green)"

// tlpOutside is the strictest marking of what leaves unless more is allowed.
const tlpOutside = intel.Green

// parse reads the flag.
func (t *tlpFlag) parse(a *app) error {
	t.most = tlpOutside
	if a.format == "table" && a.to == "" {
		t.most = intel.Red
	}
	if t.text == "" {
		return nil
	}
	var ok bool
	if t.most, ok = intel.ParseTLP(t.text); !ok {
		return usage("--max-tlp %s: expected clear, green, amber, amber+strict or red", t.text)
	}
	return nil
}

// sink withholds what is marked more strictly, and counts it.
func (t *tlpFlag) sink(next findings.Sink) findings.Sink {
	return findings.SinkFunc(func(e *event.Event) error {
		if t.stricter(e) {
			t.withheld++
			return nil
		}
		return next.Emit(e)
	})
}

// stricter reports whether a document rests on what may not be given away.
func (t *tlpFlag) stricter(e *event.Event) bool {
	text, _ := e.GetStr(event.ThreatIndicatorMarkingTlp)
	mark, ok := intel.ParseTLP(text)
	return text != "" && (!ok || mark > t.most) // what nobody can read is not given away
}

// tell says how many were withheld.
func (t *tlpFlag) tell(a *app) {
	if t.withheld > 0 {
		a.warn(fmt.Sprintf("%d findings are withheld: they rest on indicators marked stricter than TLP:%s; --max-tlp allows them", t.withheld, t.most))
	}
}
