package main

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"saksi/forensics/filesystem"
)

// TestEntryTable: cells keep their columns over chunks, and what hostile names
// hold is shown, not done.
func TestEntryTable(t *testing.T) {
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	table := &entryTable{w: w, finish: w.Flush}
	entry := filesystem.Entry{Path: "/a\nb\x1b[31m", Kind: filesystem.File, Mode: 0o4755, UID: 7, Size: 3, Inode: 12, Modified: filesystem.NoTime}
	n := 0
	for ; len(table.chunks) < 2; n++ {
		if err := table.EmitEntry(0, &entry, ""); err != nil {
			t.Fatal(err)
		}
		entry.Path, entry.Size = fmt.Sprintf("/名前-%d", n), int64(n)
	}
	entry = filesystem.Entry{Path: "/gone", Stream: "s", Kind: filesystem.File, Deleted: true, Reused: true, How: filesystem.HowJournal, Inode: 5, AttrType: 128, AttrID: 2}
	if err := table.EmitEntry(0, &entry, "00ff"); err != nil {
		t.Fatal(err)
	}
	if err := table.close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) != n+3 { // a head before, the deleted one and an empty one behind
		t.Fatalf("%d lines of %d entries", len(lines), n+1)
	}
	if got, want := strings.Fields(lines[1]), []string{"-rwsr-xr-x", "7", "0", "3", "12", "/a", `b\x1b[31m`}; strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%q, expected %q", got, want)
	}
	if got, want := strings.Fields(lines[n+1]), []string{"----------", "*j", "1970-01-01", "00:00:00", "5-128-2", "00ff", "/gone:s"}; strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%q, expected %q", got, want)
	}
	at := strings.Index(lines[0], "path")
	for _, l := range lines[2 : n+1] {
		if !strings.HasPrefix(l[at:], "/名前-") {
			t.Fatalf("%q: its path does not begin at column %d", l, at)
		}
	}
}
