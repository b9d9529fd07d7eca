package extjournal

import "testing"

// TestOverlaps proves that blocks a newer file had are counted, and that work
// that ended early is told.
func TestOverlaps(t *testing.T) {
	later, whole := overlaps([]span{{10, 20, 1, 0}, {15, 30, 2, 1}, {40, 50, 3, 2}})
	if later[0] != 5 || later[1] != 0 || later[2] != 0 || !whole {
		t.Errorf("%v %v", later, whole)
	}
	many := make([]span, 6000) // each lies over each: 18 million pairs
	for i := range many {
		many[i] = span{0, 10, int32(i), i}
	}
	if _, whole := overlaps(many); whole {
		t.Error("the work ended early, and nothing said so")
	}
}

// TestSorted proves that candidates are looked at in one order.
func TestSorted(t *testing.T) {
	r := &recovery{best: map[identity]*candidate{}}
	for i := range uint64(50) {
		r.best[identity{number: i}] = &candidate{inode: &inode{number: i}}
	}
	for i, c := range r.sorted() {
		if c.inode.number != uint64(i) {
			t.Fatalf("inode %d stands at %d", c.inode.number, i)
		}
	}
}
