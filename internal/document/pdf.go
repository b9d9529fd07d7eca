package document

import (
	"fmt"
	"io"
	"strings"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
)

// Measures of a page in millimeters: A4 with margins.
const (
	margin   = 18.0
	bodySize = 9.5 // points
	lineStep = 4.6
)

// fontName is the Go font, which is in the program: the file needs none of the
// reader's.
const fontName = "go"

// pdfWriter lays a document out.
type pdfWriter struct {
	*fpdf.Fpdf
	d    *Document
	font *sfnt.Font
	buf  sfnt.Buffer
}

// WritePDF writes the document as PDF with its fonts in it.
func (d *Document) WritePDF(w io.Writer) error {
	if err := d.check(); err != nil {
		return err
	}
	f, err := sfnt.Parse(goregular.TTF)
	if err != nil {
		return fmt.Errorf("writing a document: %w", err)
	}
	p := &pdfWriter{Fpdf: fpdf.New("P", "mm", "A4", ""), d: d, font: f}
	p.AddUTF8FontFromBytes(fontName, "", goregular.TTF)
	p.AddUTF8FontFromBytes(fontName, "B", gobold.TTF)
	p.SetCreationDate(d.Time)
	p.SetModificationDate(d.Time)
	p.SetCatalogSort(true)
	p.SetTitle(p.text(d.Title), true)
	p.SetLang(d.Lang)
	p.SetMargins(margin, margin+4, margin)
	p.SetAutoPageBreak(true, margin+8)
	p.AliasNbPages("{pages}")
	p.SetHeaderFunc(p.head)
	p.SetFooterFunc(p.foot)
	p.AddPage()
	p.SetFont(fontName, "B", 15)
	p.MultiCell(0, 7, p.text(d.Title), "", "L", false)
	p.Ln(1)
	if d.Draft != "" {
		p.SetFont(fontName, "B", bodySize)
		p.SetTextColor(138, 28, 0)
		p.SetDrawColor(138, 28, 0)
		p.MultiCell(0, 6, p.text(d.Draft), "1", "L", false)
		p.SetTextColor(0, 0, 0)
		p.SetDrawColor(110, 110, 110)
	}
	for i := range d.Parts {
		if d.Parts[i].Heading != "" && i+1 < len(d.Parts) {
			p.withNext(&d.Parts[i+1])
		}
		p.part(&d.Parts[i])
	}
	if err := p.Output(w); err != nil {
		return fmt.Errorf("writing a document: %w", err)
	}
	return nil
}

// text is what can be shown of s: characters that the font has not are written
// as their numbers.
func (p *pdfWriter) text(s string) string {
	var b strings.Builder
	for _, r := range plain(s) {
		if i, err := p.font.GlyphIndex(&p.buf, r); r != '\n' && (err != nil || i == 0) {
			fmt.Fprintf(&b, "\\u{%X}", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (p *pdfWriter) head() {
	if p.d.Mark == "" {
		return
	}
	p.SetY(9)
	p.SetFont(fontName, "B", 9)
	p.CellFormat(0, 5, strings.ToUpper(p.text(p.d.Mark)), "", 1, "C", false, 0, "")
	p.SetY(margin + 4)
}

func (p *pdfWriter) foot() {
	p.SetY(-margin - 3)
	p.SetFont(fontName, "", 7.5)
	p.CellFormat(0, 4, p.oneLine(p.text(p.d.Foot)), "T", 1, "L", false, 0, "")
	p.CellFormat(0, 4, fmt.Sprintf("%s %d / {pages}", p.text(p.d.Page), p.PageNo()), "", 1, "R", false, 0, "")
	p.SetFont(fontName, "B", 9)
	p.CellFormat(0, 5, strings.ToUpper(p.text(p.d.Mark)), "", 0, "C", false, 0, "")
}

// oneLine cuts a text that is wider than the page.
func (p *pdfWriter) oneLine(s string) string {
	width, _ := p.GetPageSize()
	lines := p.SplitText(strings.ReplaceAll(s, "\n", " "), width-2*margin-5)
	if len(lines) > 1 {
		return lines[0] + "..."
	}
	return s
}

// room begins a new page when less than h is left on this one.
func (p *pdfWriter) room(h float64) {
	_, height := p.GetPageSize()
	if p.GetY()+h > height-margin-8 {
		p.AddPage()
	}
}

// withNext begins a new page when a heading would stand there alone: when the
// first of what comes next does not fit below it.
func (p *pdfWriter) withNext(next *Part) {
	const heading = 14
	switch t := next.Table; {
	case t != nil && len(t.Rows) > 0:
		if !p.fits(t.Rows[0], t.Widths, heading+p.height(t.Columns, t.Widths)) {
			p.AddPage()
		}
	case len(next.Bars) > 0 || len(next.Facts) > 0:
		p.room(heading + 4*lineStep)
	}
}

func (p *pdfWriter) part(part *Part) {
	p.Ln(2)
	switch {
	case part.Heading != "":
		p.room(16)
		p.Ln(2)
		p.SetFont(fontName, "B", 11)
		p.MultiCell(0, 5.5, p.text(part.Heading), "", "L", false)
		return
	case part.Text != "":
		p.SetFont(fontName, "", bodySize)
		p.MultiCell(0, lineStep, p.text(part.Text), "", "L", false)
	}
	for _, f := range part.Facts {
		p.row([]string{f.Name, f.Value}, []float64{0.3, 0.7}, "", 0)
	}
	if t := part.Table; t != nil {
		p.SetDrawColor(110, 110, 110)
		if len(t.Rows) > 0 && !p.fits(t.Rows[0], t.Widths, p.height(t.Columns, t.Widths)) {
			p.AddPage() // a head never stands alone
		}
		p.row(t.Columns, t.Widths, "B", 1)
		for _, r := range t.Rows {
			if !p.fits(r, t.Widths, 0) {
				p.AddPage()
				p.row(t.Columns, t.Widths, "B", 1)
			}
			p.row(r, t.Widths, "", 1)
		}
	}
	for i := range part.Bars {
		p.bar(&part.Bars[i])
	}
	for _, s := range part.Sign {
		p.room(18)
		p.Ln(11)
		p.SetFont(fontName, "", bodySize)
		p.CellFormat(90, 5, p.text(s), "T", 1, "L", false, 0, "")
	}
}

// bar draws one: its name, its segments, and below them its note.
func (p *pdfWriter) bar(b *Bar) {
	width, _ := p.GetPageSize()
	width -= 2 * margin
	p.SetFont(fontName, "B", bodySize-1)
	name := p.SplitText(p.text(b.Name), width*0.42-2)
	p.SetFont(fontName, "", bodySize-1)
	note := p.SplitText(p.text(b.Note), width*0.58-1)
	h := max(float64(len(name))*lineStep, lineStep+float64(len(note))*lineStep) + 1.5
	p.room(h)
	top := p.GetY()
	x := margin + width*0.42
	for _, s := range b.Segments {
		w := s.Share * (width*0.58 - 1)
		p.SetFillColor(int(s.Color[0]), int(s.Color[1]), int(s.Color[2]))
		p.Rect(x, top+0.7, w, lineStep-1.4, "F")
		x += w
	}
	p.SetFont(fontName, "B", bodySize-1)
	for i, l := range name {
		p.SetXY(margin, top+float64(i)*lineStep)
		p.CellFormat(width*0.42, lineStep, l, "", 0, "L", false, 0, "")
	}
	p.SetFont(fontName, "", bodySize-1)
	for i, l := range note {
		p.SetXY(margin+width*0.42-1, top+float64(i+1)*lineStep)
		p.CellFormat(width*0.58, lineStep, l, "", 0, "L", false, 0, "")
	}
	p.SetXY(margin, top+h)
}

// lines breaks the cells of a row into lines.
func (p *pdfWriter) lines(cells []string, widths []float64, style string, border int) (out [][]string, most int) {
	width, _ := p.GetPageSize()
	width -= 2 * margin
	for i, c := range cells {
		p.cellFont(style, border, i)
		var lines []string
		for _, l := range strings.Split(p.text(c), "\n") {
			if l == "" {
				lines = append(lines, "")
				continue
			}
			lines = append(lines, p.SplitText(l, widths[i]*width-1)...)
		}
		out, most = append(out, lines), max(most, len(lines))
	}
	return out, most
}

// cellFont sets the font of a cell: names of facts, which have no border, are bold.
func (p *pdfWriter) cellFont(style string, border, i int) {
	if border == 0 && i == 0 {
		style = "B"
	}
	p.SetFont(fontName, style, bodySize-1)
}

// height is that of a row.
func (p *pdfWriter) height(cells []string, widths []float64) float64 {
	_, most := p.lines(cells, widths, "B", 1)
	return float64(most) * lineStep
}

// fits reports whether a row fits what is left of the page below what stands
// before it; one that fits no page is broken anyway.
func (p *pdfWriter) fits(cells []string, widths []float64, before float64) bool {
	_, height := p.GetPageSize()
	need := p.height(cells, widths) + 1
	return p.GetY()+before+need <= height-margin-8 || need > height-2*margin-30
}

// row writes one row of cells, line by line, so that a long one goes on over
// the page's end.
func (p *pdfWriter) row(cells []string, widths []float64, style string, border int) {
	width, _ := p.GetPageSize()
	width -= 2 * margin
	lines, most := p.lines(cells, widths, style, border)
	for n := range most {
		p.room(lineStep + 1)
		x := margin
		for i := range cells {
			text, edge := "", ""
			if n < len(lines[i]) {
				text = lines[i][n]
			}
			if border == 1 {
				edge = "LR"
				if n == 0 {
					edge += "T"
				}
				if n == most-1 {
					edge += "B"
				}
			}
			p.cellFont(style, border, i)
			p.SetX(x)
			p.CellFormat(widths[i]*width, lineStep, text, edge, 0, "L", false, 0, "")
			x += widths[i] * width
		}
		p.Ln(lineStep)
	}
}
