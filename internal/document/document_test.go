package document

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sample is a document whose words are an attacker's.
func sample() *Document {
	evil := "</td><script>alert(1)</script>\u202egnp.exe\x1b[31m\x00 \u4e2d\u6587 &amp; {{.}}"
	d := &Document{
		Lang: "en", Title: "Title " + evil, Mark: "Rahsia", Draft: "DRAFT", Foot: "made by " + evil, Page: "page", Time: time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC),
		Parts: []Part{{Heading: evil}, {Text: evil}, {Facts: []Fact{{evil, evil}}}, {Sign: []string{"Signature"}}},
	}
	t := &Table{Columns: []string{"a", "b"}, Widths: []float64{0.2, 0.8}}
	for range 200 {
		t.Rows = append(t.Rows, []string{"1", evil})
	}
	t.Rows = append(t.Rows, []string{"long", strings.Repeat("word ", 20000)})
	d.Parts = append(d.Parts, Part{Table: t})
	return d
}

// TestHostile proves that hostile words neither run nor hide in HTML, that they
// break no page of a PDF, and that the same document gives the same bytes.
func TestHostile(t *testing.T) {
	var html, again, pdf, pdfAgain bytes.Buffer
	for w, write := range map[*bytes.Buffer]func(*Document) error{
		&html: func(d *Document) error { return d.WriteHTML(&html) }, &again: func(d *Document) error { return d.WriteHTML(&again) },
		&pdf: func(d *Document) error { return d.WritePDF(&pdf) }, &pdfAgain: func(d *Document) error { return d.WritePDF(&pdfAgain) },
	} {
		if err := write(sample()); err != nil || w.Len() == 0 {
			t.Fatalf("%d bytes, %v", w.Len(), err)
		}
	}
	if s := html.String(); strings.Contains(s, "<script") || strings.ContainsAny(s, "\u202e\x1b\x00") || !strings.Contains(s, `\u{202E}`) || strings.Count(s, "Rahsia") != 2 {
		t.Errorf("hostile words in HTML: %.2000s", s)
	}
	if !bytes.Equal(html.Bytes(), again.Bytes()) || !bytes.Equal(pdf.Bytes(), pdfAgain.Bytes()) {
		t.Error("the same document gives other bytes")
	}
	if !bytes.HasPrefix(pdf.Bytes(), []byte("%PDF-")) || !bytes.Contains(pdf.Bytes()[pdf.Len()-10:], []byte("%%EOF")) {
		t.Error("no PDF")
	}
	if n := bytes.Count(pdf.Bytes(), []byte("/Type /Page\n")); n < 10 {
		t.Errorf("%d pages for 200 rows and a row longer than a page", n)
	}
}

// TestTables proves that a table whose rows do not fit its columns is refused.
func TestTables(t *testing.T) {
	for _, table := range []*Table{
		{Columns: []string{"a"}, Widths: []float64{1}, Rows: [][]string{{"1", "2"}}},
		{Columns: []string{"a", "b"}, Widths: []float64{1}},
	} {
		d := &Document{Parts: []Part{{Table: table}}}
		if d.WriteHTML(&bytes.Buffer{}) == nil || d.WritePDF(&bytes.Buffer{}) == nil {
			t.Errorf("%+v was written", table)
		}
	}
}

// TestInteropPDF proves with poppler that the words of a PDF can be read out of
// it and that each page carries its mark.
func TestInteropPDF(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs poppler-utils: run by make interop")
	}
	path := filepath.Join(t.TempDir(), "a.pdf")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := sample().WritePDF(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("pdftotext", "-layout", path, "-").CombinedOutput()
	if err != nil {
		t.Fatalf("%s%v", out, err)
	}
	pages := strings.Split(strings.TrimRight(string(out), "\f"), "\f")
	for i, p := range pages {
		if strings.Count(p, "RAHSIA") != 2 {
			t.Errorf("page %d of %d carries its mark %d times:\n%.300s", i+1, len(pages), strings.Count(p, "RAHSIA"), p)
		}
	}
	if !strings.Contains(pages[0], `\u{202E}`) || !strings.Contains(pages[0], "<script>") {
		t.Errorf("the words of page 1: %s", pages[0])
	}
}
