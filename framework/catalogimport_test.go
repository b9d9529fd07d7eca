package framework

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// real is a file that go-oscal brings along: catalogs and profiles that FedRAMP
// published.
func real(t *testing.T, name string) (string, []byte) {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/defenseunicorns/go-oscal").Output()
	if err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(strings.TrimSpace(string(out)), "testdata/generation/e2e/rev5", name)
	b, err := os.ReadFile(p)
	if err != nil {
		t.Skipf("the library's own test data is not here: %v", err)
	}
	return p, b
}

var errAsked = errors.New("asked for a catalog")

func noCatalog(href string) (string, []byte, error) { return href, nil, errAsked }

// TestImport proves that published catalogs become ours, in JSON and YAML alike,
// and that controls of the same id are decided by the checks of ours.
func TestImport(t *testing.T) {
	var kept []string
	for _, name := range []string{"json/FedRAMP_rev5_HIGH-baseline-resolved-profile_catalog.json", "yaml/FedRAMP_rev5_HIGH-baseline-resolved-profile_catalog.yaml"} {
		p, b := real(t, name)
		im, err := Import(p, b, "fedramp", "nist-800-53r5", noCatalog)
		if err != nil {
			t.Fatal(err)
		}
		k, err := im.Catalog.Control("ac-2")
		if err != nil {
			t.Fatal(err)
		}
		if k.Title.EN != "Account Management" || !strings.Contains(k.Requirement, "account") || k.Component != "group:ac" {
			t.Errorf("%s: %+v", name, k)
		}
		if n := len(im.Catalog.Controls); n < 400 {
			t.Errorf("%s: %d controls", name, n)
		}
		kept = append(kept, strings.ReplaceAll(string(im.YAML), ".yaml", ".json"))
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "fedramp.yaml"), im.YAML, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Library{dir}.Load("fedramp")
		if err != nil {
			t.Fatal(err)
		}
		if k, err = c.Control("si-4"); err != nil || len(k.Checks) == 0 || k.Mode != Partly {
			t.Errorf("si-4 is decided by %v (%v)", k.DecidedBy, err)
		}
	}
	if kept[0] != kept[1] {
		t.Error("JSON and YAML give different catalogs")
	}
}

// TestImportProfile proves that a profile takes what it selects.
func TestImportProfile(t *testing.T) {
	catalog := []byte(`{"catalog": {"metadata": {"title": "C", "version": "1"}, "groups": [{"id": "g", "title": "G", "controls": [
		{"id": "a-1", "title": "A1", "parts": [{"name": "statement", "prose": "Do it."}], "controls": [{"id": "a-1.1", "title": "A11"}]},
		{"id": "a-2", "title": "A2"}, {"id": "b-1", "title": "B1", "props": [{"name": "status", "value": "withdrawn"}]}]}]}}`)
	resolve := func(href string) (string, []byte, error) { return href, catalog, nil }
	for _, c := range []struct {
		selects   string
		want      string
		unapplied int
	}{
		{`"include-all": {}`, "a-1 a-1.1 a-2", 0},
		{`"include-controls": [{"with-ids": ["a-1"]}]`, "a-1", 0},
		{`"include-controls": [{"with-ids": ["a-1"], "with-child-controls": "yes"}]`, "a-1 a-1.1", 0},
		{`"include-controls": [{"matching": [{"pattern": "a-?"}]}]`, "a-1 a-2", 0},
		{`"include-all": {}, "exclude-controls": [{"with-ids": ["a-2"]}]`, "a-1 a-1.1", 0},
		{`"include-controls": [{"with-ids": ["a-1.1"]}]`, "a-1.1", 1},
		{`"include-all": {}, "exclude-controls": [{"with-ids": ["a-1"], "with-child-controls": "yes"}]`, "a-2", 1},
	} {
		im, err := Import("p.json", []byte(`{"profile": {"metadata": {"title": "P", "version": "1"}, "imports": [{"href": "#u", `+c.selects+`}],
			"modify": {"alters": [{"control-id": "a-1"}, {"control-id": "z-9"}]}, "back-matter": {"resources": [{"uuid": "u", "rlinks": [{"href": "c.json"}]}]}}}`), "p", "", resolve)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, k := range im.Catalog.Controls {
			if !k.Top {
				ids = append(ids, k.ID)
			}
		}
		if got := strings.Join(ids, " "); got != c.want || im.Withdrawn != 1 || im.Unapplied != 1+c.unapplied {
			t.Errorf("%s: %q, expected %q; %d withdrawn, %d not applied", c.selects, got, c.want, im.Withdrawn, im.Unapplied)
		}
	}
}

// TestImportHostile proves that what is no catalog, or a trap, ends with an
// error that names the place.
func TestImportHostile(t *testing.T) {
	deep := strings.Repeat(`{"id": "g", "title": "G", "groups": [`, 200) + strings.Repeat("]}", 200)
	for _, c := range []struct{ doc, want string }{
		{"", "neither"},
		{"{", "line 1"},
		{"{\n\"catalog\": 3}", "line 2"},
		{"{}", "neither a catalog nor a profile"},
		{"<catalog/>", "namespace"},
		{"<a", "line 1"},
		{xmlHead + "\n<metadata>\n<title>T</titel>", "line 3"},
		{xmlHead + "<metadata><title>&boom;</title></metadata></catalog>", "boom"},
		{`<!DOCTYPE catalog [<!ENTITY a "aaaa"><!ENTITY b SYSTEM "/etc/passwd">]>` + xmlHead + "<metadata><title>&b;</title></metadata></catalog>", "entity"},
		{xmlHead + strings.Repeat(`<group id="g">`, 200), "nested deeper"},
		{xmlHead + `<control id="a"><part name="statement"><p>` + strings.Repeat("<b>", 200), "nested deeper"},
		{xmlHead + strings.Repeat("<x>", 100000), "EOF"},
		{strings.Replace(xmlHead, "catalog", "mapping-collection", 1), "neither a catalog nor a profile"},
		{"a: &a [x]\nb: [*a, *a]\n", "line 2: aliases"},
		{`{"catalog": {"metadata": {"title": "T", "version": "1"}, "groups": [` + deep + `]}}`, "nested deeper"},
		{`{"catalog": {"metadata": {"title": "T", "version": "1"}}}`, "selects no control"},
		{`{"catalog": {"metadata": {"title": "T", "version": "1"}, "controls": [{"id": "a", "title": "A"}, {"id": "a", "title": "A"}]}}`, "there twice"},
		{`{"profile": {"metadata": {"title": "T", "version": "1"}, "imports": [{"href": "../../etc/passwd", "include-all": {}}]}}`, "asked for a catalog"},
	} {
		_, err := Import("x.json", []byte(c.doc), "x", "", noCatalog)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "x.json") {
			t.Errorf("%.80s: %v, expected %q", c.doc, err, c.want)
		}
	}
	if _, err := Import("x.json", []byte(`{"catalog": {"metadata": {"title": "T", "version": "1"}, "controls": [{"id": "a", "title": "A"}]}}`), "../x", "", noCatalog); err == nil {
		t.Error("a name that is a path was taken")
	}
}

// TestOverlay proves that an overlay changes what it may and nothing else.
func TestOverlay(t *testing.T) {
	head := "overlay: 1\nframework: rakkssa\nversion: jc1\nagency: Jabatan Contoh\n"
	dir := t.TempDir()
	own := head + `coverage: {share: 1, drops: 0}
controls:
  - id: rk-2-rangkaian
    checks:
      - {id: clear-management, what: {en: telnet, ms: telnet}, bad: "network.protocol:telnet", of: "event.dataset:saksi.flow", allowed: 0.5, min: 10, twin: {network.protocol: telnet}, good: {event.dataset: saksi.flow}}
  - {id: jc-1, component: rk-3, title: {en: Ours}, mode: attested, confidence: {title: read, requirement: read}}
`
	if err := os.WriteFile(filepath.Join(dir, "jc.overlay.yaml"), []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	plain, err := Load("rakkssa")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Library{dir}.Load("rakkssa")
	if err != nil {
		t.Fatal(err)
	}
	k, err := c.Control("rk-2-rangkaian")
	if err != nil || len(k.Checks) != len(plainControl(t, plain, k.ID).Checks) || k.Checks[0].ID != "clear-management" || k.Checks[0].Min != 10 {
		t.Errorf("%+v (%v)", k, err)
	}
	if len(c.Controls) != len(plain.Controls)+1 || c.Version != plain.Version+"+jc1" || c.SHA256 == plain.SHA256 || c.Coverage.Share != 1 {
		t.Errorf("%d controls, version %s, %s", len(c.Controls), c.Version, c.SHA256)
	}
	for _, bad := range []struct{ doc, want string }{
		{"overlay: 2\n", "overlay is 2"},
		{"overlay: 1\nframework: rakkssa\n", "a version and an agency"},
		{head + "remove: [rk-1]\n", "line 5"},
		{head + "controls:\n  - {id: rk-1.1, confidence: {title: read, requirement: read}}\n", "x.yaml:6"},
		{head + "controls:\n  - {id: rk-1.1, checks: [{id: c, bad: 'event.kind:alert', of: '*', min: 1}]}\n", "twin"},
		{head + "controls:\n  - {id: rk-new}\n", "mode"},
	} {
		if _, _, err := (Library{}).Overlaid("x.yaml", []byte(bad.doc)); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v, expected %q", bad.doc, err, bad.want)
		}
	}
}

// TestMapped proves the mapping by identifier, with ranges, enhancements and
// families.
func TestMapped(t *testing.T) {
	for _, c := range []struct {
		list, id string
		want     bool
	}{
		{"AC-2", "AC-2", true},
		{"AC-2", "AC-20", false},
		{"SC-7(10)", "SC-7", true},
		{"AC", "AC-2", false},
		{"5.1-5.9", "5.4", true},
		{"5.1-5.9", "5.10", false},
		{"5.1-5.9", "6.4", false},
		{"6.1 (clause)", "6.1", false},
		{"AC-2(12)", "ac-2", true},
	} {
		if got := mapsTo([]string{c.list}, c.id); got != c.want {
			t.Errorf("%s to %s: %v", c.list, c.id, got)
		}
	}
	for _, name := range Names() {
		f, err := Controls(name)
		if err != nil {
			t.Fatal(err)
		}
		if list := f([]string{"T1190"}, ""); len(list) == 0 {
			t.Errorf("%s: T1190 leads to no control", name)
		}
	}
}

func plainControl(t *testing.T, c *Catalog, id string) *Control {
	t.Helper()
	k, err := c.Control(id)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const xmlHead = `<catalog xmlns="http://csrc.nist.gov/ns/oscal/1.0" uuid="u">`

// TestImportXML proves that a catalog gives the same in XML and JSON, and a profile
// over it too: choices and values in the text, parts added and removed.
func TestImportXML(t *testing.T) {
	docs := map[string]string{
		"c.json": `{"catalog": {"metadata": {"title": "A small catalog", "version": "1.2"}, "params": [{"id": "p0", "label": "everywhere"}],
			"groups": [{"id": "g", "title": "G & H", "params": [{"id": "p1", "label": "a time"}], "controls": [
			{"id": "a-1", "title": "First", "params": [{"id": "p2", "select": {"how-many": "one-or-more", "choice": ["after {{ insert: param, p1 }}", "at once"]}}],
			 "parts": [{"id": "a-1_smt", "name": "statement", "prose": "Lock it {{ insert: param, p2 }}, {{ insert: param, p0 }}, {{ insert: param, p9 }}.",
			   "parts": [{"id": "a-1_smt.a", "name": "item", "prose": "Each one."}]}, {"name": "guidance", "prose": "No part of it."}],
			 "controls": [{"id": "a-1.1", "title": "Within"}]},
			{"id": "b-1", "title": "Gone", "props": [{"name": "status", "value": "withdrawn"}]}]}]}}`,
		"c.xml": xmlHead + `<metadata><title>A <em>small</em> catalog</title><version>1.2</version></metadata>
			<param id="p0"><label>everywhere</label></param>
			<group id="g"><title>G &amp; H</title><param id="p1"><label>a time</label></param>
			<control id="a-1"><title>First</title><param id="p2"><select how-many="one-or-more"><choice>after <insert type="param" id-ref="p1"/></choice><choice>at once</choice></select></param>
			<part id="a-1_smt" name="statement"><prop name="label" value="x"/><p>Lock it <insert type="param" id-ref="p2"/>, <insert type="param" id-ref="p0"/>, <insert type="param" id-ref="p9"/>.</p>
			<part id="a-1_smt.a" name="item"><p>Each one.</p></part></part><part name="guidance"><p>No part of it.</p><ul><li>nor this</li></ul></part>
			<control id="a-1.1"><title>Within</title></control></control>
			<control id="b-1"><title>Gone</title><prop name="status" value="withdrawn"/></control></group></catalog>`,
		"p.json": `{"profile": {"metadata": {"title": "P", "version": "1"}, "imports": [{"href": "#r", "include-all": {}}], "modify": {
			"set-parameters": [{"param-id": "p1", "values": ["30 minutes"]}, {"param-id": "p7", "values": ["x"]}],
			"alters": [{"control-id": "a-1", "removes": [{"by-id": "a-1_smt.a"}, {"by-name": "nothing"}], "adds": [
				{"by-id": "a-1_smt", "position": "ending", "parts": [{"id": "n", "name": "item", "prose": "Of {{ insert: param, p8 }}."}]},
				{"position": "ending", "title": "First of all", "params": [{"id": "p8", "label": "ours"}]}]}]},
			"back-matter": {"resources": [{"uuid": "r", "rlinks": [{"href": "c.md", "media-type": "text/markdown"}, {"href": "c.json", "media-type": "application/oscal+json"}]}]}}}`,
		"p.xml": `<?xml version="1.0"?><!-- one --><profile xmlns="http://csrc.nist.gov/ns/oscal/1.0"><metadata><title>P</title><version>1</version></metadata>
			<import href="#r"><include-all/></import><merge><as-is>true</as-is></merge><modify>
			<set-parameter param-id="p1"><value>30 minutes</value></set-parameter><set-parameter param-id="p7"><value>x</value></set-parameter>
			<alter control-id="a-1"><remove by-id="a-1_smt.a"/><remove by-name="nothing"/>
			<add by-id="a-1_smt" position="ending"><part id="n" name="item"><p>Of <insert type="param" id-ref="p8"/>.</p></part></add>
			<add position="ending"><title>First of all</title><param id="p8"><label>ours</label></param></add></alter></modify>
			<back-matter><resource uuid="r"><rlink href="c.md" media-type="text/markdown"/><rlink href="c.xml" media-type="application/oscal+xml"/></resource></back-matter></profile>`,
		// A profile over a profile takes what that selects, as that changed it.
		"q.json": `{"profile": {"metadata": {"title": "Q", "version": "1"}, "imports": [{"href": "p.json", "include-controls": [{"with-ids": ["a-1"]}]}, {"href": "c.json", "include-all": {}}]}}`,
		"q.xml":  `<profile xmlns="http://csrc.nist.gov/ns/oscal/1.0"><metadata><title>Q</title><version>1</version></metadata><import href="p.xml"><include-controls><with-id>a-1</with-id></include-controls></import><import href="c.xml"><include-all/></import></profile>`,
		"loop":   `{"profile": {"metadata": {"title": "L", "version": "1"}, "imports": [{"href": "loop"}, {"href": "loop"}]}}`,
	}
	resolve := func(href string) (string, []byte, error) { return href, []byte(docs[href]), nil }
	for name, want := range map[string]struct {
		title, text string
		unapplied   int
	}{
		"c": {"First", "Lock it [Selection (one or more): after [Assignment: a time]; at once], [Assignment: everywhere], {{ insert: param, p9 }}. Each one.", 0},
		"p": {"First of all", "Lock it [Selection (one or more): after 30 minutes; at once], [Assignment: everywhere], {{ insert: param, p9 }}. Of [Assignment: ours].", 2},
		"q": {"First of all", "Lock it [Selection (one or more): after 30 minutes; at once], [Assignment: everywhere], {{ insert: param, p9 }}. Of [Assignment: ours].", 2},
	} {
		var kept []string
		for _, form := range []string{".json", ".xml"} {
			im, err := Import(name+form, []byte(docs[name+form]), "x", "", resolve)
			if err != nil {
				t.Fatal(err)
			}
			k, err := im.Catalog.Control("a-1")
			if err != nil || k.Title.EN != want.title || k.Requirement != want.text || im.Unapplied != want.unapplied {
				t.Errorf("%s%s: %+v, %d not applied, %v", name, form, k, im.Unapplied, err)
			}
			kept = append(kept, strings.ReplaceAll(string(im.YAML), form, ""))
		}
		if kept[0] != kept[1] {
			t.Errorf("%s: JSON and XML give different catalogs:\n%s\n%s", name, kept[0], kept[1])
		}
	}
	if _, err := Import("loop", []byte(docs["loop"]), "x", "", resolve); err == nil || !strings.Contains(err.Error(), "import one another") {
		t.Errorf("a profile that imports itself: %v", err)
	}
}
