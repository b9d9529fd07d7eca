package report

import (
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"saksi/framework"
	"saksi/framework/frameworktest"
)

// long is an assessment with 2,000 findings in the report, in which whatever can
// be is an attacker's text.
func long(t testing.TB) *framework.Assessment {
	a := attacked(t)
	with := 0
	for i := range a.Outcomes {
		o := &a.Outcomes[i]
		if len(o.Observations) == 0 {
			continue
		}
		ob := &o.Observations[0]
		ob.Evidence = nil
		for j := range 50 {
			ob.Evidence = append(ob.Evidence, framework.EvidenceRef{
				ID: fmt.Sprintf("%064x", i*100+j), Line: fmt.Sprintf("L9%02d%02d", i, j), Time: "2026-11-24T08:00:00Z", Rule: fmt.Sprintf("rule %d %s", j, evil), Severity: int64(j%4 + 1),
				Techniques: []string{"T1190", "T1505.003"}, Where: fmt.Sprintf("%d packets, 100 to 999%d", j, j), Source: "E1-demo.pcap", Case: "A-1", Exhibit: "E1",
			})
			with++
		}
		ob.More = 10
	}
	for i := 0; with < 2000; i++ {
		o := a.Outcomes[i%len(a.Outcomes)]
		o.Line = fmt.Sprintf("L8%03d", i)
		o.Observations = append([]framework.Observation{}, a.Outcomes[firstObserved(a)].Observations...)
		o.Observations[0].Evidence = append([]framework.EvidenceRef{}, o.Observations[0].Evidence...)
		for j := range o.Observations[0].Evidence {
			o.Observations[0].Evidence[j].Line = fmt.Sprintf("L7%03d%02d", i, j)
		}
		with += len(o.Observations[0].Evidence)
		a.Outcomes = append(a.Outcomes, o)
	}
	return a
}

func firstObserved(a *framework.Assessment) int {
	for i := range a.Outcomes {
		if len(a.Outcomes[i].Observations) > 0 {
			return i
		}
	}
	return -1
}

// axe runs axe-core on a page in headless Chromium and returns its violations.
// The page's own policy lets no script run, so the copy that is tested has none.
func axe(t *testing.T, tools, page string) []string {
	t.Helper()
	lib, err := os.ReadFile(filepath.Join(tools, "node_modules/axe-core/axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`
	if !strings.Contains(page, policy) {
		t.Fatal("the page has no policy against scripts")
	}
	page = strings.Replace(page, policy, "", 1)
	run := `<script>` + string(lib) + `</script><script>
window.addEventListener('load', () => axe.run(document, {runOnly: {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}}).then(r => {
  document.documentElement.innerHTML = ''; const p = document.createElement('pre'); p.id = 'axe';
  p.textContent = JSON.stringify({passes: r.passes.length, violations: r.violations.map(v => v.id + ': ' + v.help + ': ' + v.nodes.length + ' nodes, as ' + v.nodes[0].html.slice(0, 200) + ' ' + v.nodes[0].failureSummary)});
  document.body.append(p);
}));</script></body>`
	i := strings.LastIndex(page, "</body>")
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte(page[:i]+run+page[i+len("</body>"):]), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "chromium", "--no-sandbox", "--headless", "--disable-gpu", "--user-data-dir="+t.TempDir(), "--virtual-time-budget=600000", "--timeout=300000", "--dump-dom", "file://"+file)
	cmd.WaitDelay = time.Minute
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(out), `<pre id="axe">`)
	text, _, ok2 := strings.Cut(rest, "</pre>")
	if !ok || !ok2 {
		t.Fatalf("axe-core gave no answer: %.500s", out)
	}
	var answer struct {
		Passes     int
		Violations []string
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(text)), &answer); err != nil {
		t.Fatalf("%v: %.500s", err, text)
	}
	if answer.Passes < 15 {
		t.Errorf("only %d rules of axe-core apply", answer.Passes)
	}
	return answer.Violations
}

func interop(t *testing.T) string {
	tools := os.Getenv("SAKSI_OSCAL")
	if tools == "" {
		t.Skip("needs axe-core and chromium: run by make interop, which names their folder in SAKSI_OSCAL")
	}
	return tools
}

// TestInteropAccessible proves that axe-core finds nothing against WCAG 2.2 AA in
// a report of 2,000 findings, in both languages, and that it finds what is wrong.
func TestInteropAccessible(t *testing.T) {
	tools := interop(t)
	a := long(t)
	for _, lang := range Languages {
		page := string(render(t, a, lang, false, "html"))
		if n := strings.Count(page, `class="no">L`); n < 2000 {
			t.Fatalf("%d rows", n)
		}
		for _, v := range axe(t, tools, page) {
			t.Errorf("%s: %s", lang, v)
		}
		for _, v := range axe(t, tools, string(render(t, attacked(t), lang, true, "html"))) {
			t.Errorf("%s, public: %s", lang, v)
		}
	}
	wrong := strings.Replace(string(render(t, attacked(t), "en", true, "html")), `<html lang="en">`, `<html>`, 1)
	if len(axe(t, tools, wrong)) == 0 {
		t.Error("axe-core finds nothing against a page without a language")
	}
}

// TestInteropOffline proves that the report and the national summary open whole
// from a file in Chromium in a name space without a network.
func TestInteropOffline(t *testing.T) {
	interop(t)
	if out, err := exec.Command("unshare", "-rn", "true").CombinedOutput(); err != nil {
		t.Skipf("this machine lets nobody leave the network (unshare -rn): %v %s", err, out)
	}
	for name, c := range map[string]struct{ page, last string }{
		"report":   {string(render(t, long(t), "ms", false, "html")), "framework verify"},
		"national": {string(renderNational(t, national(t, 19), "en", false, "html")), "Jabatan Perkhidmatan dan Pembangunan Contoh 018"},
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "page.html")
		if err := os.WriteFile(file, []byte(c.page), 0o600); err != nil {
			t.Fatal(err)
		}
		chromium := func(args ...string) string {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), "unshare", append([]string{"-rn", "chromium", "--no-sandbox", "--headless", "--disable-gpu", "--user-data-dir=" + t.TempDir(), "--virtual-time-budget=60000", "--timeout=120000", "--window-size=1200,1600"}, args...)...)
			cmd.WaitDelay = time.Minute
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return string(out)
		}
		dom := chromium("--dump-dom", "file://"+file)
		if strings.Count(dom, "<tr") != strings.Count(c.page, "<tr") || strings.Count(dom, "<svg") != strings.Count(c.page, "<svg") || !strings.Contains(dom, c.last) {
			t.Errorf("%s: %d of %d rows, %d of %d drawings", name, strings.Count(dom, "<tr"), strings.Count(c.page, "<tr"), strings.Count(dom, "<svg"), strings.Count(c.page, "<svg"))
		}
		shot := filepath.Join(dir, "page.png")
		chromium("--screenshot="+shot, "file://"+file)
		if st, err := os.Stat(shot); err != nil || st.Size() < 30000 {
			t.Errorf("%s: its picture: %v %v", name, st, err)
		}
	}
}

// TestInteropPages proves with poppler that each page of the PDF carries its
// mark and that the long report is whole.
func TestInteropPages(t *testing.T) {
	interop(t)
	path := filepath.Join(t.TempDir(), "a.pdf")
	a := long(t)
	if err := os.WriteFile(path, render(t, a, "ms", false, "pdf"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("pdftotext", "-layout", path, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	pages := strings.Split(strings.TrimRight(string(out), "\f"), "\f")
	for i, p := range pages {
		if strings.Count(p, strings.ToUpper(frameworktest.Inputs().Classification)) != 2 {
			t.Errorf("page %d of %d carries its mark %d times", i+1, len(pages), strings.Count(p, "SULIT"))
		}
	}
	if n := strings.Count(string(out), "100 to 999"); n < 2000 {
		t.Errorf("%d findings in %d pages", n, len(pages))
	}
}
