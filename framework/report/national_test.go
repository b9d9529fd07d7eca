package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"saksi/framework"
	"saksi/framework/frameworktest"
	"saksi/framework/merge"
)

// national is a merge of many agencies, of which one is an attacker's.
func national(t testing.TB, n int) *merge.Merged {
	t.Helper()
	base, _ := frameworktest.Assess(t, frameworktest.Inputs(), frameworktest.Attack()...)
	more(base)
	g := merge.New("saksi test", []string{"Jabatan yang diam", evil}, []string{"Rahsia", "Sulit", "Terhad"})
	for i := range n {
		a := *base
		a.Agency = fmt.Sprintf("Jabatan Perkhidmatan dan Pembangunan Contoh %03d", i)
		a.Systems = nil
		for j := range 8 {
			a.Systems = append(a.Systems, framework.System{ID: fmt.Sprint(i, j), LifeEvent: fmt.Sprintf("Peristiwa kehidupan nombor %d, seperti kelahiran", (i+j)%9), Findings: int64(i + j), Severe: int64(j), Seen: j%2 == 0})
		}
		if p := g.Add(&merge.Bundle{File: fmt.Sprint(i), SHA256: framework.UUID(fmt.Sprint(i)), Key: "key", Person: "Pengarah Seeded", Assessment: &a}); p != nil {
			t.Fatal(p)
		}
	}
	g.Refuse("diubah.saksi.tar.gz")
	m := g.Merged()
	if n > 5 { // a merge refuses such a name; a merge.json of somebody else's may hold it
		m.Agencies[5].Name = evil + " agency"
	}
	return m
}

func renderNational(t testing.TB, m *merge.Merged, lang string, public bool, form string) []byte {
	t.Helper()
	n, err := NewNational(m, lang, public)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := map[string]func(io.Writer) error{"html": n.HTML, "pdf": n.PDF, "csv": n.CSV}[form](&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestNational proves that the summary is the same each time, one page as PDF
// however many agencies there are, whole as CSV, inert, and names no person in
// its public profile.
func TestNational(t *testing.T) {
	for _, size := range []int{1, 19, 700} {
		m := national(t, size)
		for _, lang := range Languages {
			pdf := renderNational(t, m, lang, false, "pdf")
			if n := bytes.Count(pdf, []byte("/Type /Page\n")); n != 1 {
				t.Errorf("%d agencies, %s: %d pages", size, lang, n)
			}
			if !bytes.Equal(pdf, renderNational(t, m, lang, false, "pdf")) {
				t.Errorf("%s: two runs differ", lang)
			}
			page := string(renderNational(t, m, lang, false, "html"))
			for _, bad := range []string{"<script", "\u202e", "\x1b", "src=", "url(", "ZgotmplZ", "<no value>"} {
				if strings.Contains(page, bad) {
					t.Errorf("the page holds %q", bad)
				}
			}
			if strings.Count(page, "Pengarah Seeded") != size {
				t.Errorf("%d agencies, %d signers", size, strings.Count(page, "Pengarah Seeded"))
			}
			for _, form := range []string{"html", "csv"} {
				if strings.Contains(string(renderNational(t, m, lang, true, form)), "Seeded") {
					t.Errorf("%s: the public profile names a person", form)
				}
			}
		}
		rows, err := csv.NewReader(bytes.NewReader(renderNational(t, m, "en", false, "csv"))).ReadAll()
		if err != nil || len(rows) != size+3 {
			t.Errorf("%d rows for %d agencies, %v", len(rows), size, err)
		}
	}
}

// TestInteropNational proves that axe-core finds nothing against the summary of
// 700 agencies, and that Chromium prints its first part on one page.
func TestInteropNational(t *testing.T) {
	tools := interop(t)
	m := national(t, 700)
	for _, lang := range Languages {
		page := renderNational(t, m, lang, false, "html")
		for _, v := range axe(t, tools, string(page)) {
			t.Errorf("%s: %s", lang, v)
		}
		dir := t.TempDir()
		file, pdf := filepath.Join(dir, "a.html"), filepath.Join(dir, "a.pdf")
		if err := os.WriteFile(file, page, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("chromium", "--no-sandbox", "--headless", "--disable-gpu", "--user-data-dir="+t.TempDir(), "--no-pdf-header-footer", "--print-to-pdf="+pdf, "file://"+file).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		out, err := exec.Command("pdftotext", "-f", "2", "-l", "2", "-layout", pdf, "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		if words, _ := labels(lang); !strings.Contains(strings.Join(strings.Fields(string(out)), " "), words["all_agencies"]) {
			t.Errorf("%s: the second page does not begin with all agencies:\n%.500s", lang, out)
		}
	}
}
