package casefile

import (
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The metadata of a sealed case is written as streams, file by file: a case may
// hold millions.

// uuidOf makes a UUID (RFC 9562 version 8) out of what it names, so that the
// same case gives the same metadata.
func uuidOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	sum[6], sum[8] = sum[6]&0x0f|0x50, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// graphContext are the namespaces of CASE 1 and UCO 1.
const graphContext = `{"kb":"https://saksi.example/kb/","case-investigation":"https://ontology.caseontology.org/case/investigation/",` +
	`"uco-core":"https://ontology.unifiedcyberontology.org/uco/core/","uco-action":"https://ontology.unifiedcyberontology.org/uco/action/",` +
	`"uco-identity":"https://ontology.unifiedcyberontology.org/uco/identity/","uco-observable":"https://ontology.unifiedcyberontology.org/uco/observable/",` +
	`"uco-tool":"https://ontology.unifiedcyberontology.org/uco/tool/","uco-types":"https://ontology.unifiedcyberontology.org/uco/types/",` +
	`"uco-vocabulary":"https://ontology.unifiedcyberontology.org/uco/vocabulary/","xsd":"http://www.w3.org/2001/XMLSchema#"}`

// graphWriter writes metadata/case.jsonld: the case as investigation, each
// payload file as an observable file with size and digest (CASE 1.4, UCO 1.4).
type graphWriter struct {
	w    io.Writer
	id   string // of the case
	ids  []string
	last error
}

type object = map[string]any

func typed(kind, value string) object { return object{"@type": kind, "@value": value} }

func (g *graphWriter) put(o object) {
	if g.last != nil {
		return
	}
	b, err := json.Marshal(o)
	if err == nil {
		_, err = fmt.Fprintf(g.w, ",\n%s", b)
	}
	g.last = err
}

// begin writes the head of the document and the tool.
func (g *graphWriter) begin(tool string) {
	name, version, _ := strings.Cut(tool, " ")
	tid := "kb:tool-" + uuidOf("tool", tool)
	b, err := json.Marshal(object{"@id": tid, "@type": "uco-tool:Tool", "uco-core:name": name, "uco-tool:version": version})
	if err == nil {
		_, err = fmt.Fprintf(g.w, "{\"@context\":%s,\n\"@graph\":[\n%s", graphContext, b)
	}
	g.last, g.ids = err, append(g.ids, tid)
}

func (g *graphWriter) file(f payloadFile) {
	id := uuidOf(g.id, "file", f.Path)
	name := f.Path[strings.LastIndexByte(f.Path, '/')+1:]
	g.put(object{"@id": "kb:file-" + id, "@type": "uco-observable:File", "uco-core:hasFacet": []object{
		{
			"@id": "kb:facet-" + uuidOf(id, "file"), "@type": "uco-observable:FileFacet", "uco-observable:fileName": name, "uco-observable:filePath": f.Path,
			"uco-observable:sizeInBytes": typed("xsd:integer", fmt.Sprint(f.Size)),
		},
		{"@id": "kb:facet-" + uuidOf(id, "content"), "@type": "uco-observable:ContentDataFacet", "uco-observable:hash": []object{
			{
				"@id": "kb:hash-" + uuidOf(id, "hash"), "@type": "uco-types:Hash", "uco-types:hashMethod": "SHA256",
				"uco-types:hashValue": typed("xsd:hexBinary", f.SHA256),
			},
		}},
	}})
}

// end writes the exhibits as provenance records, the investigation over all of
// it, and closes the document.
func (g *graphWriter) end(info *Info, exhibits []Exhibit) error {
	for _, x := range exhibits {
		id := "kb:provenance-" + uuidOf(g.id, "exhibit", x.ID)
		g.ids = append(g.ids, id)
		o := object{"@id": id, "@type": "case-investigation:ProvenanceRecord", "case-investigation:exhibitNumber": x.ID, "uco-core:description": x.Name}
		if x.Copied {
			o["uco-core:object"] = []object{{"@id": "kb:file-" + uuidOf(g.id, "file", x.Path)}}
		}
		g.put(o)
	}
	refs := make([]object, len(g.ids))
	for i, id := range g.ids {
		refs[i] = object{"@id": id}
	}
	g.put(object{
		"@id": "kb:investigation-" + uuidOf(g.id, "investigation"), "@type": "case-investigation:Investigation", "uco-core:name": info.ID,
		"uco-core:description": info.Agency + ", " + info.Classification, "uco-core:object": refs,
	})
	if g.last == nil {
		_, g.last = io.WriteString(g.w, "\n]}\n")
	}
	return g.last
}

// dfxmlWriter writes metadata/dfxml.xml: Digital Forensics XML 1.
type dfxmlWriter struct {
	w    io.Writer
	last error
}

func (d *dfxmlWriter) printf(format string, args ...any) {
	if d.last == nil {
		_, d.last = fmt.Fprintf(d.w, format, args...)
	}
}

func xmlText(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return ""
	}
	return b.String()
}

func (d *dfxmlWriter) begin(info *Info, tool string) {
	name, version, _ := strings.Cut(tool, " ")
	d.printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<dfxml xmlns=\"http://www.forensicswiki.org/wiki/Category:Digital_Forensics_XML\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" version=\"1.2.0\">\n"+
		"  <metadata><dc:type>Sealed case</dc:type><dc:identifier>%s</dc:identifier></metadata>\n  <creator version=\"1.0\"><program>%s</program><version>%s</version></creator>\n",
		xmlText(info.ID), xmlText(name), xmlText(version))
}

func (d *dfxmlWriter) file(f payloadFile) {
	d.printf("  <fileobject><filename>%s</filename><filesize>%d</filesize><hashdigest type=\"sha256\">%s</hashdigest></fileobject>\n", xmlText(f.Path), f.Size, f.SHA256)
}

func (d *dfxmlWriter) end() error {
	d.printf("</dfxml>\n")
	return d.last
}
