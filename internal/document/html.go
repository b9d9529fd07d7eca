package document

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed document.html
var page string

var pageTemplate = template.Must(template.New("document").Funcs(template.FuncMap{"plain": plain, "rects": rects}).Parse(page))

// WriteHTML writes the document as one HTML file that loads nothing.
func (d *Document) WriteHTML(w io.Writer) error {
	if err := d.check(); err != nil {
		return err
	}
	if err := pageTemplate.Execute(w, d); err != nil {
		return fmt.Errorf("writing a document: %w", err)
	}
	return nil
}

// rect is a segment of a bar that is 1000 wide.
type rect struct {
	X, W int
	Fill string
}

// rects lays the segments of a bar side by side.
func rects(list []Segment) (out []rect) {
	x := 0.0
	for _, s := range list {
		out = append(out, rect{int(x * 1000), max(1, int(s.Share*1000)), fmt.Sprintf("#%02x%02x%02x", s.Color[0], s.Color[1], s.Color[2])})
		x += s.Share
	}
	return out
}
