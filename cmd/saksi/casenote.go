package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/event"
	"saksi/evidence"
	"saksi/findings/mask"
)

type noteFlags struct {
	casefile.Note
	bookmark  bool
	offset    int64
	file, key string
}

func caseNote(a *app) *cobra.Command {
	o := &noteFlags{}
	c := &cobra.Command{
		Use:   "note DIR [TEXT]",
		Short: "Write a note or a bookmark into a case",
		Long: "A note is a file of its own in the case, and the custody log holds who wrote it, when, and its digest: it is never changed or taken away,\n" +
			"and what was wrong is said in a further note. A bookmark is a note on a place: a finding, or a path or an offset of an exhibit. Personal data and\n" +
			"credentials in it are masked like everything else that is stored. --file - reads standard input.",
		Example: "  saksi case note kes-17 'Imaged behind write blocker WB-3, seal 4711 intact' --exhibit E1\n" +
			"  saksi case note kes-17 --bookmark --exhibit E1 --path /Users/nurul/surat.pdf --offset 1048576 'the letter'\n  saksi case note kes-17 --file notes.txt --finding 68106c68",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, a, args) },
	}
	f := c.Flags()
	f.StringVar(&o.file, "file", "", "read the text from a `file`; - for standard input")
	f.StringVar(&o.Exhibit, "exhibit", "", "`id` of the exhibit it is about")
	f.StringVar(&o.Finding, "finding", "", "`id` of the finding it is about, or the beginning of one")
	f.StringVar(&o.Path, "path", "", "`path` in the exhibit")
	f.Int64Var(&o.offset, "offset", 0, "`offset` in the exhibit, bytes")
	f.BoolVar(&o.bookmark, "bookmark", false, "make it a bookmark")
	f.StringVar(&o.key, "key", "", "signing key `file` of the case (default: this station's own)")
	return c
}

func (o *noteFlags) run(cmd *cobra.Command, a *app, args []string) (err error) {
	n := o.Note
	switch {
	case len(args) == 2 && o.file != "":
		return usage("give TEXT or --file, not both")
	case len(args) == 2:
		n.Text = args[1]
	case o.file != "":
		if n.Text, err = a.noteText(o.file); err != nil {
			return err
		}
	case !o.bookmark:
		return usage("a note needs TEXT or --file")
	}
	if o.bookmark {
		n.Kind = casefile.ActBookmark
	}
	if cmd.Flags().Changed("offset") {
		n.Offset = &o.offset
	}
	if n.Finding != "" {
		if n.Finding, err = findingID(cmd, args[0], n.Finding); err != nil {
			return err
		}
	}
	masked := 0
	for _, s := range []*string{&n.Text, &n.Path} {
		var k int
		*s, k = mask.Text(*s)
		masked += k
	}
	cs, err := a.openCase(cmd, args[0], o.key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cs.Close()) }()
	kept, err := cs.AddNote(cmd.Context(), n)
	if err != nil {
		return caseError(err)
	}
	if masked > 0 {
		a.warn(fmt.Sprintf("%d values in it (personal data or credentials) are masked", masked))
	}
	return a.printNotes([]casefile.Note{*kept})
}

// noteText reads the text of a note.
func (a *app) noteText(path string) (string, error) {
	if path != "-" {
		b, err := evidence.ReadRegular(path, casefile.MaxNote)
		if err != nil {
			return "", fmt.Errorf("reading the note: %w", err)
		}
		return string(b), nil
	}
	b, err := io.ReadAll(io.LimitReader(a.stdin, casefile.MaxNote+1))
	if err != nil {
		return "", fmt.Errorf("reading the note from standard input: %w", err)
	}
	return string(b), nil
}

// findingID completes the id of a document of a case.
func findingID(cmd *cobra.Command, dir, begin string) (string, error) {
	ix, err := (&indexFlags{caseID: dir}).read(cmd.Context())
	if err != nil {
		return "", err
	}
	defer ix.Close()
	e, err := lookup(cmd.Context(), ix, begin)
	if err != nil {
		return "", err
	}
	id, _ := e.GetStr(event.EventID)
	return id, nil
}

func caseNotes(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "notes DIR",
		Short: "List the notes and bookmarks of a case",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			list, err := casefile.Notes(args[0])
			if err != nil {
				return caseError(err)
			}
			return a.printNotes(list)
		},
	}
}

func (a *app) printNotes(list []casefile.Note) error {
	r, err := a.rows("entry", "kind", "time", "who", "exhibit", "finding", "path", "offset", "text")
	if err != nil {
		return err
	}
	for _, n := range list {
		offset := ""
		if n.Offset != nil {
			offset = fmt.Sprint(*n.Offset)
		}
		finding := n.Finding
		if a.format == "table" {
			finding = finding[:min(len(finding), idShown)]
		}
		if err := r.add(n.Seq, n.Kind, n.Time, n.Who, n.Exhibit, finding, n.Path, offset, strings.TrimRight(n.Text, "\n")); err != nil {
			return err
		}
	}
	return r.close()
}

func caseReview(a *app) *cobra.Command {
	var note, key string
	c := &cobra.Command{
		Use:   "review DIR --as KEY --note TEXT",
		Short: "Sign, as a second examiner, that a case was reviewed",
		Long: "Signs a statement by the reviewer's own key over the custody log and everything that was made in the case until now, and records that. Whoever\n" +
			"did any of the work, and whoever no register binds to a role, is refused.",
		Example: "  saksi case review kes-17 --as ravi.key --note 'repeated the scan of E1, same findings'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			cs, err := a.openCase(cmd, args[0], key)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, cs.Close()) }()
			text, n := mask.Text(note)
			name, err := cs.AddReview(cmd.Context(), text)
			if err != nil {
				return caseError(err)
			}
			if n > 0 {
				a.warn(fmt.Sprintf("%d values in the note (personal data or credentials) are masked", n))
			}
			r, err := a.rows("statement", "note")
			if err != nil {
				return err
			}
			return errors.Join(r.add(name, text), r.close())
		},
	}
	c.Flags().StringVar(&note, "note", "", "what was reviewed and what came of it, in `words`")
	c.Flags().StringVar(&key, "key", "", "signing key `file` of the case (default: this station's own)")
	cobra.CheckErr(c.MarkFlagRequired("note"))
	return c
}
