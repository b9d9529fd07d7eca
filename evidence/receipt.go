package evidence

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// proofHeader is the first line of a proof (C2SP tlog-proof).
const proofHeader = "c2sp.org/tlog-proof@v1"

// MaxReceipt bounds a receipt on reading, in bytes.
const MaxReceipt = 256 << 10

// Receipt proves that an entry stands in a custody log: what a person keeps,
// on paper if need be.
type Receipt struct {
	Index      int64
	Line       []byte // the entry as the log has it
	Entry      Entry
	Proof      tlog.RecordProof
	Checkpoint []byte // signed
}

// Receipt makes the receipt for entry i under the log's present checkpoint.
func (st *LogState) Receipt(dir string, i int64) (*Receipt, error) {
	if i < 0 || i >= st.Size {
		return nil, fmt.Errorf("a receipt for entry %d: the log has entries 0 to %d", i, st.Size-1)
	}
	proof, err := tlog.ProveRecord(st.Size, i, st.hashes)
	if err != nil {
		return nil, fmt.Errorf("a receipt for entry %d: %w", i, err)
	}
	r := &Receipt{Index: i, Proof: proof, Checkpoint: st.checkpoint}
	if r.Line, err = entryLine(dir, i); err != nil {
		return nil, fmt.Errorf("a receipt for entry %d: %w", i, err)
	}
	r.Entry, err = parseEntry(r.Line)
	return r, err
}

// Marshal writes a receipt in C2SP's form of a proof (tlog-proof), the entry as
// its extra data: any reader of that form checks it.
func (r *Receipt) Marshal() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nextra %s\nindex %d\n", proofHeader, base64.StdEncoding.EncodeToString(r.Line), r.Index)
	for _, h := range r.Proof {
		fmt.Fprintln(&b, h)
	}
	b.WriteByte('\n')
	b.Write(r.Checkpoint)
	return b.Bytes()
}

// ParseReceipt reads a receipt and checks that its entry hashes to the root of
// its checkpoint; who signed that is checked by LogState.Follows. Errors are
// ErrCustody.
func ParseReceipt(b []byte) (*Receipt, error) {
	fail := func(format string, args ...any) (*Receipt, error) {
		return nil, fmt.Errorf("%w: the receipt %s", ErrCustody, fmt.Sprintf(format, args...))
	}
	// A text editor or a scanner of codes may have changed the ends of lines.
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	head, cp, ok := strings.Cut(string(b), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(b) > MaxReceipt || len(lines) < 3 || lines[0] != proofHeader {
		return fail("is none: expected %q, the entry, its index, a proof and a checkpoint", proofHeader)
	}
	r := &Receipt{Checkpoint: []byte(strings.TrimRight(cp, "\n") + "\n")}
	extra, ok := strings.CutPrefix(lines[1], "extra ")
	var err error
	if r.Line, err = base64.StdEncoding.DecodeString(extra); !ok || err != nil {
		return fail("holds no entry in line 2")
	}
	if r.Entry, err = parseEntry(r.Line); err != nil {
		return fail("holds an entry that can't be read: %v", err)
	}
	index, ok := strings.CutPrefix(lines[2], "index ")
	if r.Index, err = strconv.ParseInt(index, 10, 64); !ok || err != nil || r.Index < 0 {
		return fail("holds no index in line 3")
	}
	for _, l := range lines[3:] {
		h, err := tlog.ParseHash(l)
		if err != nil {
			return fail("holds a hash that can't be read: %q", l)
		}
		r.Proof = append(r.Proof, h)
	}
	c, err := ParseCheckpoint(r.Checkpoint)
	if err != nil {
		return fail("holds a checkpoint that can't be read: %v", err)
	}
	if r.Entry.Seq != r.Index {
		return fail("is for index %d and holds entry %d", r.Index, r.Entry.Seq)
	}
	if err := tlog.CheckRecord(r.Proof, c.Size, c.root, r.Index, tlog.RecordHash(r.Line)); err != nil {
		return fail("does not prove entry %d under the root of its checkpoint of %d entries", r.Index, c.Size)
	}
	return r, nil
}

// Checkpoint is a signed statement of how many entries a log has and what they
// hash to.
type Checkpoint struct {
	Origin string
	Size   int64
	root   tlog.Hash
}

// ParseCheckpoint reads a checkpoint (C2SP tlog-checkpoint) without checking
// who signed it.
func ParseCheckpoint(b []byte) (*Checkpoint, error) {
	if len(b) > maxCheckpoint {
		return nil, fmt.Errorf("a checkpoint of %d bytes", len(b))
	}
	lines := strings.SplitN(string(b), "\n", 5)
	if len(lines) < 4 || lines[3] != "" {
		return nil, errors.New("expected an origin, a size, a root and a signature")
	}
	c := &Checkpoint{Origin: lines[0]}
	var err error
	// The tree's arithmetic never ends for a size near the largest number.
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.Size < 0 || c.Size > maxEntries {
		return nil, fmt.Errorf("size %q; expected a number up to %d", lines[1], maxEntries)
	}
	if c.root, err = tlog.ParseHash(lines[2]); err != nil {
		return nil, fmt.Errorf("root %q; expected a hash", lines[2])
	}
	return c, nil
}

// RootAt is the base64 of the root that the first n entries have.
func (st *LogState) RootAt(n int64) (string, error) { return rootAt(st.hashes, st.Size, n) }

// RootAt is the base64 of the root that the first n entries have.
func (l *Log) RootAt(n int64) (string, error) { return rootAt(l.hashes, l.Len(), n) }

func rootAt(hashes storedHashes, size, n int64) (string, error) {
	if n < 0 || n > size {
		return "", fmt.Errorf("%w: the log has %d entries, not %d", ErrCustody, size, n)
	}
	if n == 0 {
		return tlog.Hash{}.String(), nil
	}
	h, err := tlog.TreeHash(n, hashes)
	return h.String(), err
}

// Follows checks that the log is the one that an earlier checkpoint, signed by
// key, speaks of, with nothing taken from it and nothing changed: not set back,
// and no other history shown to somebody else. The error is ErrCustody.
func (st *LogState) Follows(checkpoint []byte, origin string, key *Public) error {
	cp, err := openCheckpoint(checkpoint, origin, key)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCustody, err)
	}
	if cp.Size > uint64(st.Size) {
		return fmt.Errorf("%w: it was set back: it had %d entries once, signed, and has %d", ErrCustody, cp.Size, st.Size)
	}
	root, err := st.RootAt(int64(cp.Size))
	if err != nil {
		return err
	}
	if was := base64.StdEncoding.EncodeToString(cp.Hash); was != root {
		return fmt.Errorf("%w: its history is another: its first %d entries hashed to %s once, signed, and hash to %s", ErrCustody, cp.Size, was, root)
	}
	return nil
}

// Holds checks that the entry of a receipt stands in the log where it says, and
// that the log follows the receipt's checkpoint.
func (st *LogState) Holds(dir string, r *Receipt, origin string, key *Public) error {
	if err := st.Follows(r.Checkpoint, origin, key); err != nil {
		return err
	}
	line, err := entryLine(dir, r.Index)
	if err != nil {
		return fmt.Errorf("%w: entry %d can't be read: %w", ErrCustody, r.Index, err)
	}
	if !bytes.Equal(line, r.Line) {
		return fmt.Errorf("%w: entry %d is not the one of the receipt", ErrCustody, r.Index)
	}
	return nil
}
