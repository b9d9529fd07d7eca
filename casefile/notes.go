package casefile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"saksi/evidence"
)

// Notes of a case and what the custody log calls them.
const (
	NotesDir    = "data/notes"
	ActNote     = "note"
	ActBookmark = "bookmark"
)

// MaxNote bounds the text of a note, in bytes.
const MaxNote = 16 << 10

// maxNoteFile bounds a note's file on reading, in bytes: JSON may write a byte
// of text as six.
const maxNoteFile = 8 * MaxNote

// Note is what an examiner wrote down: a file of its own below data/notes, named
// by the custody entry that holds its digest. It is never changed or taken away.
type Note struct {
	Seq      int64  `json:"seq"` // custody entry
	Kind     string `json:"kind"`
	Time     string `json:"time"` // RFC 3339, UTC
	Who      string `json:"who"`
	Exhibit  string `json:"exhibit,omitempty"`
	Finding  string `json:"finding,omitempty"` // id, 64 hex digits
	Path     string `json:"path,omitempty"`    // in the exhibit
	Offset   *int64 `json:"offset,omitempty"`  // in the exhibit, bytes
	Text     string `json:"text"`
	Previous string `json:"previous,omitempty"` // SHA-256 of the note before
}

// AddNote keeps a note, and records its digest in the custody log. Who, Time, Seq
// and Previous are filled in. After an error other than evidence.ErrUnfinished
// there is no note.
func (c *Case) AddNote(ctx context.Context, n Note) (*Note, error) {
	if err := c.addNote(ctx, &n); err != nil {
		return nil, fmt.Errorf("adding a note: %w", err)
	}
	return &n, nil
}

func (c *Case) addNote(ctx context.Context, n *Note) error {
	if n.Kind == "" {
		n.Kind = ActNote
	}
	switch {
	case n.Kind != ActNote && n.Kind != ActBookmark:
		return fmt.Errorf("kind %q: expected %s or %s", n.Kind, ActNote, ActBookmark)
	case strings.TrimSpace(n.Text) == "" && n.Kind == ActNote:
		return errors.New("it says nothing")
	case len(n.Text) > MaxNote || len(n.Path) > MaxNote:
		return fmt.Errorf("a text of %d and a path of %d bytes; at most %d", len(n.Text), len(n.Path), MaxNote)
	case !utf8.ValidString(n.Text) || !utf8.ValidString(n.Path):
		return errors.New("it is no UTF-8")
	case n.Exhibit != "" && !slices.ContainsFunc(c.Exhibits, func(x Exhibit) bool { return x.ID == n.Exhibit }):
		return fmt.Errorf("the case has no exhibit %q", n.Exhibit)
	case n.Exhibit == "" && (n.Path != "" || n.Offset != nil):
		return errors.New("a path or an offset is one of an exhibit: name it")
	case n.Offset != nil && *n.Offset < 0:
		return fmt.Errorf("offset %d is negative", *n.Offset)
	case n.Kind == ActBookmark && n.Path == "" && n.Offset == nil && n.Finding == "":
		return errors.New("a bookmark names a finding, or a path or an offset of an exhibit")
	}
	if err := errors.Join(c.Unsealed(), c.MayAct(n.Kind)); err != nil {
		return err
	}
	n.Previous = ""
	for _, e := range c.log.Entries().All() {
		if e.Act == ActNote || e.Act == ActBookmark {
			n.Previous = e.SHA256
		}
	}
	n.Seq, n.Who, n.Time = c.log.Len(), c.who, time.Now().UTC().Format(time.RFC3339Nano)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(n); err != nil {
		return err
	}
	name := fmt.Sprintf("%s/%06d-%s.json", NotesDir, n.Seq, n.Kind)
	detail := map[string]string{"bytes": strconv.Itoa(b.Len())}
	if n.Finding != "" {
		detail["finding"] = n.Finding
	}
	if n.Offset != nil {
		detail["offset"] = strconv.FormatInt(*n.Offset, 10)
	}
	if n.Previous != "" {
		detail["previous"] = n.Previous
	}
	return c.keep(ctx, name, b.Bytes(), evidence.Entry{Act: n.Kind, Exhibit: n.Exhibit, Detail: detail})
}

// Notes gives the notes of the case in dir, the oldest first. One whose bytes are
// not those that the custody log recorded is evidence.ErrDigest.
func Notes(dir string) ([]Note, error) {
	entries, err := ReadLog(dir)
	if err != nil {
		return nil, err
	}
	return notesOf(dir, entries)
}

func notesOf(dir string, entries []evidence.Entry) ([]Note, error) {
	var list []Note
	for i := range entries {
		e := &entries[i]
		if e.Act != ActNote && e.Act != ActBookmark {
			continue
		}
		var n Note
		if err := readKept(dir, e, NotesDir, maxNoteFile, func(b []byte) error { return json.Unmarshal(b, &n) }); err != nil {
			return nil, fmt.Errorf("reading the note of custody entry %d: %w", e.Seq, err)
		}
		if n.Seq != e.Seq || n.Kind != e.Act || n.Who != e.Who || n.Exhibit != e.Exhibit {
			return nil, fmt.Errorf("reading the note of custody entry %d: %w: it says another entry, kind, person or exhibit than the log", e.Seq, evidence.ErrCustody)
		}
		list = append(list, n)
	}
	return list, nil
}

// readKept reads what keep wrote below a folder, if it is that.
func readKept(dir string, e *evidence.Entry, folder string, most int64, take func([]byte) error) error {
	if !strings.HasPrefix(e.Where, folder+"/") || !filepath.IsLocal(filepath.FromSlash(e.Where)) {
		return fmt.Errorf("%w: it stands at %q, not in %s", evidence.ErrCustody, e.Where, folder)
	}
	b, err := evidence.ReadRegular(filepath.Join(dir, filepath.FromSlash(e.Where)), most)
	if err != nil {
		return err
	}
	if sum := evidence.SHA256(b); sum != e.SHA256 {
		return fmt.Errorf("%w: %s has SHA-256 %s; the custody log recorded %s", evidence.ErrDigest, e.Where, sum, e.SHA256)
	}
	return take(b)
}
