package document

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed document.html
var page string

var pageTemplate = template.Must(template.New("document").Funcs(template.FuncMap{"plain": plain}).Parse(page))

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
