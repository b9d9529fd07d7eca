package export

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"saksi/event"
)

// TestParquet proves that each document comes back with its columns and whole, over
// several groups of rows, and that what it does not have is null.
func TestParquet(t *testing.T) {
	list := []*event.Event{alert(0, "plain"), flow(), alert(1, nasty)}
	for i := range parquetGroup {
		list = append(list, alert(2+i, "x"))
	}
	text, w := run(t, "parquet", list...)
	if w.LeftOut() != 0 || !strings.HasPrefix(text, "PAR1") {
		t.Fatalf("%d left out, %.4q", w.LeftOut(), text)
	}
	f, err := parquet.OpenFile(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(f.RowGroups()); n != 2 || f.NumRows() != int64(len(list)) {
		t.Errorf("%d groups, %d rows of %d", n, f.NumRows(), len(list))
	}
	if v, ok := f.Lookup("classification"); !ok || v != "Terhad" {
		t.Errorf("its classification is %q", v)
	}
	r := parquet.NewGenericReader[parquetRow](f)
	defer r.Close()
	rows := make([]parquetRow, 3)
	if n, err := r.Read(rows); n != 3 || err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(n, err)
	}
	for i, x := range rows {
		if x.Document != string(list[i].AppendJSON(nil)) || x.ID != str(list[i], event.EventID) {
			t.Errorf("row %d: %s", i, x.Document)
		}
		at, _ := list[i].GetTime(event.Timestamp)
		if x.Time.UnixNano() != at {
			t.Errorf("row %d: %s", i, x.Time)
		}
	}
	a, fl := rows[0], rows[1]
	if *a.RuleName != "plain" || *a.Severity != 1 || *a.SourceIP != "198.51.100.23" || *a.DestinationPort != 80 || len(a.Techniques) != 1 || a.Techniques[0] != "T1040" || *rows[2].RuleName != nasty {
		t.Errorf("%+v", a)
	}
	if fl.RuleName != nil || fl.Severity != nil || fl.User != nil || fl.SourcePort != nil || len(fl.Techniques) != 0 || *fl.Protocol != "tcp" {
		t.Errorf("%+v", fl)
	}
	var empty bytes.Buffer
	p, err := New("parquet", &empty, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err := parquet.OpenFile(bytes.NewReader(empty.Bytes()), int64(empty.Len())); err != nil || f.NumRows() != 0 {
		t.Errorf("an export of nothing: %v", err)
	}
}
