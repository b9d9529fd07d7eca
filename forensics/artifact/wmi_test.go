package artifact

import (
	"fmt"
	"testing"
)

// TestWMILayouts: what instances of thousands of classes make us hold is bounded, and properties of
// one index have one order.
func TestWMILayouts(t *testing.T) {
	w := &wmi{classes: map[string]*wmiClass{}, layouts: map[*wmiClass][]wmiProperty{}}
	base := &wmiClass{name: "base"}
	for i := range 50 {
		base.properties = append(base.properties, wmiProperty{name: fmt.Sprintf("p%02d", 49-i), index: i / 10})
	}
	w.classes["BASE"] = base
	for range 3 * maxWMILayouts {
		list := w.layout(&wmiClass{super: "base"})
		if len(list) != 50 || list[0].name != "p40" || list[9].name != "p49" || list[10].name != "p30" {
			t.Fatalf("%+v", list[:12])
		}
	}
	if len(w.layouts) > maxWMILayouts {
		t.Errorf("%d layouts are kept", len(w.layouts))
	}
}
