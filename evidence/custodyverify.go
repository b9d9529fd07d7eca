package evidence

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"time"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// maxProblems bounds what is said of one log: a hostile one may have millions
// of bad lines.
const maxProblems = 100

// maxTries bounds how often a log is read again because a writer was faster.
const maxTries = 100

// LogState is what VerifyLog read.
type LogState struct {
	Size       int64
	Root       string // base64 of the tree's hash, when Size is the checkpoint's
	Entries    *Entries
	Unfinished []byte // an entry, whole or torn, after the last under the checkpoint
	hashes     storedHashes
	checkpoint []byte
	signed     int64 // offset after the last entry under the checkpoint
	problems   []string
	full       bool // more problems than are listed
}

func newState() *LogState { return &LogState{Entries: &Entries{}} }

func (st *LogState) problem(format string, args ...any) {
	switch {
	case st.full:
	case len(st.problems) == maxProblems:
		st.full = true
		st.problems = append(st.problems, "and more; the rest is not listed")
	default:
		st.problems = append(st.problems, fmt.Sprintf(format, args...))
	}
}

// VerifyLog reads a custody log and checks everything in it: each line, their
// numbers and times, who released and received, the tree's hash against the
// checkpoint, and the checkpoint's signature (with a nil key its form only).
// problems are what is wrong, in words, the first 100 of it; the error is for a
// log that the system can't read at all. A missing log is empty. One entry
// after those under the checkpoint is what a crash leaves and no problem; more
// of them are one: the checkpoint was set back, or lines were added. A writer
// may be at work meanwhile.
func VerifyLog(dir, origin string, key *Public) (st *LogState, problems []string, err error) {
	path := filepath.Join(dir, checkpointFile)
	for try := 0; ; try++ {
		cp, err := ReadRegular(path, maxCheckpoint)
		switch {
		case errors.Is(err, ErrFile):
			return newState(), []string{"the checkpoint can't be read: " + err.Error()}, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, nil, fmt.Errorf("reading the custody log: %w", err)
		}
		st, err := verifyEntries(filepath.Join(dir, entriesFile), cp, origin, key)
		if err != nil || len(st.problems) == 0 || try == maxTries {
			return st, st.problems, err
		}
		// A writer may have gone on between the two reads.
		if now, err := ReadRegular(path, maxCheckpoint); err != nil || bytes.Equal(now, cp) {
			return st, st.problems, nil
		}
	}
}

// verifyEntries checks the file of entries, as long as it is now.
func verifyEntries(path string, cp []byte, origin string, key *Public) (*LogState, error) {
	f, err := OpenRegular(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		st := newState()
		if cp != nil {
			st.problem("the entries are missing; expected %s", entriesFile)
		}
		return st, nil
	case errors.Is(err, ErrFile):
		st := newState()
		st.problem("the entries can't be read: %v", err)
		return st, nil
	case err != nil:
		return newState(), fmt.Errorf("reading the custody log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return newState(), fmt.Errorf("reading the custody log: %w", err)
	}
	return verifyLog(cp, io.NewSectionReader(f, 0, info.Size()), origin, key)
}

// verifyLog checks entries against a checkpoint; a nil one is missing.
func verifyLog(checkpoint []byte, entries *io.SectionReader, origin string, key *Public) (*LogState, error) {
	st := newState()
	st.checkpoint = checkpoint
	// One line must fit: what is longer is refused without being kept.
	r := bufio.NewReaderSize(entries, int(min(entries.Size(), maxEntry))+2)
	if checkpoint == nil {
		head, err := r.Peek(r.Size())
		if err != nil && err != io.EOF {
			return st, fmt.Errorf("reading the custody log: %w", err)
		}
		if oneLine(head) {
			st.Unfinished = bytes.Clone(head)
			return st, nil
		}
		st.problem("the checkpoint is missing; expected %s", checkpointFile)
		return st, st.read(r, math.MaxInt64)
	}
	cp, err := openCheckpoint(checkpoint, origin, key)
	if err != nil {
		st.problem("%v", err)
		// Without a signed size every line is looked at all the same.
		return st, st.read(r, math.MaxInt64)
	}
	if err := st.read(r, int64(min(cp.Size, math.MaxInt64))); err != nil {
		return st, err
	}
	if uint64(st.Size) != cp.Size {
		st.problem("%d whole entries; the signed checkpoint says %d", st.Size, cp.Size)
		return st, nil
	}
	var root tlog.Hash
	if st.Size > 0 {
		if root, err = tlog.TreeHash(st.Size, st.hashes); err != nil {
			return st, err
		}
	}
	if !bytes.Equal(root[:], cp.Hash) {
		st.problem("the entries hash to %s; the signed checkpoint says %s: an entry was changed, moved or replaced", root, base64.StdEncoding.EncodeToString(cp.Hash))
	}
	st.Root = root.String()
	return st, nil
}

// oneLine reports whether b is at most one line of a log, whole or torn.
func oneLine(b []byte) bool {
	i := bytes.IndexByte(b, '\n')
	return len(b) <= maxEntry+1 && (i < 0 || i == len(b)-1)
}

// Interrupted reports whether what follows the entries under the checkpoint is
// what an interrupted Append can leave: the beginning of the next entry, or zeros
// where the system had not written it yet. The error says what else it is. An entry
// that is whole may still be added by somebody who has no key: nothing signs it.
func (st *LogState) Interrupted() error {
	b := bytes.TrimRight(st.Unfinished, "\x00")
	head := fmt.Appendf(nil, `{"seq":%d,"time":"`, st.Size)
	line, whole := bytes.CutSuffix(b, []byte("\n"))
	if n := min(len(head), len(line)); !bytes.Equal(line[:n], head[:n]) || whole && n < len(head) {
		return fmt.Errorf("%d bytes that do not begin as entry %d would: %.40q", len(st.Unfinished), st.Size, st.Unfinished)
	}
	if !whole {
		return nil
	}
	e, err := parseEntry(line)
	if err != nil {
		return fmt.Errorf("a line that is no entry: %w", err)
	}
	t, err := time.Parse(time.RFC3339Nano, e.Time)
	if err != nil || e.Act == "" || e.Who == "" {
		return fmt.Errorf("a line that is no entry of act %q by %q at %q", e.Act, e.Who, e.Time)
	}
	if st.Size > 0 && st.Entries.Len() == st.Size {
		if last, err := time.Parse(time.RFC3339Nano, st.Entries.At(st.Size-1).Time); err == nil && t.Before(last) {
			return fmt.Errorf("an entry of %s, before the last signed one of %s", e.Time, last.Format(time.RFC3339Nano))
		}
	}
	return nil
}

// openCheckpoint reads a checkpoint. Only the bytes that saksi would write for
// it are taken, so that no byte of it can be changed unseen.
func openCheckpoint(b []byte, origin string, key *Public) (cp log.Checkpoint, err error) {
	var text string
	if key == nil {
		// The form only; nothing is said of who signed it.
		head, _, ok := bytes.Cut(b, []byte("\n\n"))
		if !ok {
			return cp, errors.New("the checkpoint carries no signature")
		}
		text = string(head) + "\n"
	} else {
		v, err := fnote.NewECDSAVerifier(key.VerifierKey(origin))
		if err != nil {
			return cp, fmt.Errorf("the key can't verify checkpoints: %w", err)
		}
		n, err := note.Open(b, note.VerifierList(v))
		if err != nil {
			return cp, fmt.Errorf("the checkpoint's signature is not that of key %q: %w", key.Hint(), err)
		}
		if len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
			return cp, fmt.Errorf("the checkpoint carries %d signatures; expected 1", len(n.Sigs)+len(n.UnverifiedSigs))
		}
		text = n.Text
		sig, err := base64.StdEncoding.Strict().DecodeString(n.Sigs[0].Base64)
		if err != nil || string(b) != text+"\n\u2014 "+origin+" "+base64.StdEncoding.EncodeToString(sig)+"\n" {
			return cp, errors.New("the checkpoint's signature is not written as saksi writes it")
		}
	}
	if _, err := cp.Unmarshal([]byte(text)); err != nil {
		return cp, fmt.Errorf("the checkpoint can't be read: %w", err)
	}
	if string(cp.Marshal()) != text {
		return cp, errors.New("the checkpoint is not written as saksi writes it")
	}
	if cp.Origin != origin {
		return cp, fmt.Errorf("the checkpoint is of log %q; expected %q", cp.Origin, origin)
	}
	return cp, nil
}
