package evidence

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestEntries proves that packed entries come back as they were, whatever they
// say and however many are alike, and are found by their act.
func TestEntries(t *testing.T) {
	var list []Entry
	long := strings.Repeat("x", 60_000)
	for i := range 70_000 {
		e := Entry{Seq: int64(i), Time: "2026-11-28T08:00:00.000000001Z", Act: "examine", Who: "Ana", Exhibit: "E1", SHA256: fmt.Sprint(i), Tool: "x", Why: "a\x00b\xff"}
		switch i % 7 {
		case 1:
			e.Time, e.Act, e.Detail = "2026-11-28T16:00:00+08:00", "transfer", map[string]string{}
		case 2:
			e.Time, e.Seq = "", -int64(i)
		case 3:
			e.Time, e.Detail = "9999-12-31T23:59:59Z", map[string]string{"actor_key": "k", "": "", "n": fmt.Sprint(-i)}
		case 4:
			e = Entry{}
		case 5:
			e.Time, e.Where, e.From, e.To, e.Authority, e.SourceKey = "2026-11-28T08:00:00.10Z", "w", "f", "t", "a", "s"
		}
		if i%10_000 == 6 {
			e.Why, e.Where = long, long[1:]
		}
		list = append(list, e)
	}
	p := Pack(list)
	if p.Len() != int64(len(list)) || (*Entries)(nil).Len() != 0 {
		t.Fatal(p.Len())
	}
	for i, e := range p.All() {
		if !reflect.DeepEqual(*e, list[i]) {
			t.Fatalf("%d: %.300v; expected %.300v", i, *e, list[i])
		}
	}
	if !reflect.DeepEqual(p.List(), list) {
		t.Error("the list is another")
	}
	n := 0
	for i, e := range p.All("transfer", "seal") {
		if n++; i%7 != 1 || e.Act != "transfer" {
			t.Fatal(i, e)
		}
	}
	if want := len(slices.DeleteFunc(slices.Clone(list), func(e Entry) bool { return e.Act != "transfer" })); n != want {
		t.Errorf("%d; expected %d", n, want)
	}
}
