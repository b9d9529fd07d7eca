package evidence

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sys/unix"
)

// ErrCustody is returned when the custody log contradicts itself or its
// checkpoint.
var ErrCustody = errors.New("custody log is broken")

// ErrLocked is returned when another process writes to the custody log.
var ErrLocked = errors.New("custody log is locked by another process")

// Files of a custody log in its folder.
const (
	entriesFile    = "entries.ndjson"
	checkpointFile = "checkpoint"
	lockFile       = "lock"
	unfinishedFile = "unfinished"
)

// maxEntry bounds one line of the log, in bytes.
const maxEntry = 1 << 20

// Entry is one act on the case or on an exhibit: who, what, when, where, why,
// on whose authority.
type Entry struct {
	Seq       int64             `json:"seq"` // from 0
	Time      string            `json:"time"`
	Act       string            `json:"act"` // open, add, acquire, examine, export, transfer, sign, report, recover ...
	Who       string            `json:"who"`
	Exhibit   string            `json:"exhibit,omitempty"`
	SHA256    string            `json:"sha256,omitempty"`
	SourceKey string            `json:"source_key,omitempty"`
	Where     string            `json:"where,omitempty"`
	Why       string            `json:"why,omitempty"`
	Authority string            `json:"authority,omitempty"`
	From      string            `json:"released_by,omitempty"`
	To        string            `json:"received_by,omitempty"`
	Tool      string            `json:"tool"`
	Detail    map[string]string `json:"detail,omitempty"`
}

// Origin is the name of a case's log in its checkpoints.
func Origin(caseID string) string {
	return "saksi.custody/" + base64.RawURLEncoding.EncodeToString([]byte(caseID))
}

// noteSigner signs checkpoints with the case's ECDSA key in the form of
// transparency-dev/formats (algorithm 2): the key hash is the first four bytes
// of the SHA-256 of the key's DER.
type noteSigner struct {
	name string
	s    *Signer
}

func (n noteSigner) Name() string    { return n.name }
func (n noteSigner) KeyHash() uint32 { return keyHash(n.s.der) }
func (n noteSigner) Sign(msg []byte) ([]byte, error) {
	return n.s.Sign(context.Background(), msg)
}

func keyHash(der []byte) uint32 {
	b, err := base64.StdEncoding.DecodeString((&Public{der: der}).Hint())
	if err != nil || len(b) < 4 {
		return 0
	}
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// VerifierKey is the public key in the form note verifiers take.
func (p *Public) VerifierKey(name string) string {
	return fmt.Sprintf("%s+%08x+%s", name, keyHash(p.der), base64.StdEncoding.EncodeToString(append([]byte{2}, p.der...)))
}

// Log is a custody log open for writing by one process.
type Log struct {
	dir    string
	origin string
	signer *Signer
	lock   *os.File
	f      *os.File
	hashes []tlog.Hash // stored hashes, see tlog.StoredHashes
	n      int64
	last   Entry
	// holder is who last received each exhibit.
	holder map[string]string
	now    func() time.Time
}

func (l *Log) readHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(l.hashes)) {
			return nil, fmt.Errorf("%w: hash %d of %d", ErrCustody, x, len(l.hashes))
		}
		out[i] = l.hashes[x]
	}
	return out, nil
}

// OpenLog opens the custody log in dir for appending, making it if there is
// none. What is there is verified against its checkpoint first. A last entry
// that a crash kept from its checkpoint is set aside and recorded as such.
func OpenLog(ctx context.Context, dir, caseID string, s *Signer) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the custody log: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the custody log: %w", err)
	}
	if err := flock(ctx, lock); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	l := &Log{dir: dir, origin: Origin(caseID), signer: s, lock: lock, holder: map[string]string{}, now: time.Now}
	if err := l.load(ctx); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return l, nil
}

// lockWait is how long a writer waits for another.
const lockWait = 5 * time.Second

func flock(ctx context.Context, f *os.File) error {
	deadline := time.Now().Add(lockWait)
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		if time.Now().After(deadline) {
			return ErrLocked
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (l *Log) load(ctx context.Context) error {
	st, problems, err := VerifyLog(l.dir, l.origin, l.signer.Public())
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("%w: %s; run 'saksi evidence verify' for all of it", ErrCustody, problems[0])
	}
	path := filepath.Join(l.dir, entriesFile)
	if l.f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return fmt.Errorf("opening the custody log: %w", err)
	}
	l.n, l.hashes = st.Size, st.hashes
	for _, e := range st.Entries {
		l.last = e
		if e.To != "" {
			l.holder[e.Exhibit] = e.To
		}
	}
	if _, err := l.f.Seek(st.signed, io.SeekStart); err != nil {
		return err
	}
	if len(st.Unfinished) == 0 {
		return nil
	}
	aside := filepath.Join(l.dir, fmt.Sprintf("%s-%d", unfinishedFile, l.n))
	if err := writeNew(aside, st.Unfinished, 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := l.f.Truncate(st.signed); err != nil {
		return fmt.Errorf("setting an unfinished custody entry aside: %w", err)
	}
	return l.Append(ctx, Entry{
		Act: "recover", Who: "saksi", Why: "the entry before was interrupted before its checkpoint was signed",
		Detail: map[string]string{"file": filepath.Base(aside), "sha256": SHA256(st.Unfinished)},
	})
}

// Append records one act: the entry is on the disk, and under a signed
// checkpoint that is on the disk, when it returns nil. Seq and Time are
// filled in; the time is never before the last entry's. For a transfer,
// From must be who received the exhibit last.
func (l *Log) Append(ctx context.Context, e Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.Act == "" || e.Who == "" {
		return fmt.Errorf("recording in the custody log: an entry needs an act and who did it")
	}
	if have, ok := l.holder[e.Exhibit]; e.From != "" && ok && have != e.From {
		return fmt.Errorf("recording in the custody log: %s is released by %q, but was last received by %q", e.Exhibit, e.From, have)
	}
	e.Seq = l.n
	now := l.now().UTC()
	if l.n > 0 {
		if last, err := time.Parse(time.RFC3339Nano, l.last.Time); err == nil && now.Before(last) {
			return fmt.Errorf("recording in the custody log: the clock says %s, the last entry %s: set the clock right", now.Format(time.RFC3339Nano), l.last.Time)
		}
	}
	e.Time = now.Format(time.RFC3339Nano)
	if e.Tool == "" {
		e.Tool = "saksi"
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if len(line) > maxEntry {
		return fmt.Errorf("recording in the custody log: an entry of %d bytes; at most %d", len(line), maxEntry)
	}
	if _, err := l.f.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("recording in the custody log: %w", err)
	}
	if err := l.f.Sync(); err != nil {
		return fmt.Errorf("recording in the custody log: %w", err)
	}
	more, err := tlog.StoredHashes(l.n, line, tlog.HashReaderFunc(l.readHashes))
	if err != nil {
		return fmt.Errorf("recording in the custody log: %w", err)
	}
	hashes := append(l.hashes, more...)
	old := l.hashes
	l.hashes = hashes
	root, err := tlog.TreeHash(l.n+1, tlog.HashReaderFunc(l.readHashes))
	if err == nil {
		err = l.checkpoint(l.n+1, root)
	}
	if err != nil {
		l.hashes = old
		return fmt.Errorf("signing the checkpoint of the custody log: %w", err)
	}
	l.n++
	l.last = e
	if e.To != "" {
		l.holder[e.Exhibit] = e.To
	}
	return nil
}

func (l *Log) checkpoint(n int64, root tlog.Hash) error {
	cp := log.Checkpoint{Origin: l.origin, Size: uint64(n), Hash: root[:]}
	msg, err := note.Sign(&note.Note{Text: string(cp.Marshal())}, noteSigner{l.origin, l.signer})
	if err != nil {
		return err
	}
	tmp := filepath.Join(l.dir, checkpointFile+".tmp")
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(msg); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(l.dir, checkpointFile)); err != nil {
		return err
	}
	d, err := os.Open(l.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Len is the number of entries.
func (l *Log) Len() int64 { return l.n }

// Close ends writing.
func (l *Log) Close() error {
	err := l.f.Close()
	if cerr := l.lock.Close(); err == nil {
		err = cerr
	}
	return err
}

// LogState is what VerifyLog read.
type LogState struct {
	Size       int64
	Root       string // base64 of the tree's hash
	Entries    []Entry
	Unfinished []byte // bytes after the last entry under the checkpoint
	hashes     []tlog.Hash
	signed     int64 // offset after the last entry under the checkpoint
}

// VerifyLog reads a custody log and checks everything in it: each line, their
// numbers and times, who released and received, the tree's hash against the
// checkpoint, and the checkpoint's signature (with a nil key its form only).
// problems are all that is wrong, in words; the error is for a log that can't
// be read at all. A missing log is empty.
func VerifyLog(dir, origin string, key *Public) (st *LogState, problems []string, err error) {
	st = &LogState{}
	cpBytes, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	noCheckpoint := errors.Is(err, fs.ErrNotExist)
	if err != nil && !noCheckpoint {
		return nil, nil, fmt.Errorf("reading the custody log: %w", err)
	}
	var cp log.Checkpoint
	if !noCheckpoint {
		if cp, err = openCheckpoint(cpBytes, origin, key); err != nil {
			problems = append(problems, err.Error())
			// Without a signed size every line is looked at all the same.
			cp.Size = 1 << 62
		}
	}
	f, err := os.Open(filepath.Join(dir, entriesFile))
	if errors.Is(err, fs.ErrNotExist) {
		if !noCheckpoint {
			problems = append(problems, "the entries are missing; expected "+entriesFile)
		}
		return st, problems, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the custody log: %w", err)
	}
	defer f.Close()
	lines, more := st.read(f, int64(min(cp.Size, 1<<62)))
	problems = append(problems, more...)
	if noCheckpoint || cp.Size == 1<<62 {
		if noCheckpoint && st.Size > 0 {
			problems = append(problems, "the checkpoint is missing; expected "+checkpointFile)
		}
		return st, problems, nil
	}
	if uint64(st.Size) != cp.Size {
		problems = append(problems, fmt.Sprintf("%d whole entries; the signed checkpoint says %d", st.Size, cp.Size))
		return st, problems, nil
	}
	root, err := st.root(lines)
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(root[:], cp.Hash) {
		problems = append(problems, fmt.Sprintf("the entries hash to %s; the signed checkpoint says %s: an entry was changed, moved or replaced", root, base64.StdEncoding.EncodeToString(cp.Hash)))
	}
	st.Root = root.String()
	return st, problems, nil
}

func openCheckpoint(b []byte, origin string, key *Public) (cp log.Checkpoint, err error) {
	if key == nil {
		// The form only; nothing is said of who signed it.
		text, _, ok := bytes.Cut(b, []byte("\n\n"))
		if !ok {
			return cp, fmt.Errorf("the checkpoint carries no signature")
		}
		if _, err := cp.Unmarshal(append(text, '\n')); err != nil {
			return cp, fmt.Errorf("the checkpoint can't be read: %w", err)
		}
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
		if _, err := cp.Unmarshal([]byte(n.Text)); err != nil {
			return cp, fmt.Errorf("the checkpoint can't be read: %w", err)
		}
	}
	if cp.Origin != origin {
		return cp, fmt.Errorf("the checkpoint is of log %q; expected %q", cp.Origin, origin)
	}
	return cp, nil
}

// read takes at most size lines; what follows them is unfinished.
func (st *LogState) read(f io.Reader, size int64) (lines [][]byte, problems []string) {
	r := bufio.NewReaderSize(f, 64<<10)
	holder := map[string]string{}
	var last time.Time
	for {
		line, err := r.ReadBytes('\n')
		if err != nil || st.Size == size {
			rest, _ := io.ReadAll(io.LimitReader(r, maxEntry))
			st.Unfinished = append(line, rest...)
			return lines, problems
		}
		at := fmt.Sprintf("entry %d", st.Size)
		st.signed += int64(len(line))
		line = line[:len(line)-1]
		lines = append(lines, line)
		st.Size++
		var e Entry
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil {
			problems = append(problems, fmt.Sprintf("%s can't be read: %v", at, err))
			continue
		}
		st.Entries = append(st.Entries, e)
		if e.Seq != st.Size-1 {
			problems = append(problems, fmt.Sprintf("%s says it is number %d", at, e.Seq))
		}
		t, err := time.Parse(time.RFC3339Nano, e.Time)
		switch {
		case err != nil:
			problems = append(problems, fmt.Sprintf("%s: time %q can't be read", at, e.Time))
		case t.Before(last):
			problems = append(problems, fmt.Sprintf("%s is of %s, before the entry before it (%s)", at, e.Time, last.Format(time.RFC3339Nano)))
		default:
			last = t
		}
		if have, ok := holder[e.Exhibit]; e.From != "" && ok && have != e.From {
			problems = append(problems, fmt.Sprintf("%s: %s was released by %q, but last received by %q", at, e.Exhibit, e.From, have))
		}
		if e.To != "" {
			holder[e.Exhibit] = e.To
		}
	}
}

// root is the tree's hash over lines; it keeps the stored hashes.
func (st *LogState) root(lines [][]byte) (tlog.Hash, error) {
	l := &Log{}
	for i, line := range lines {
		more, err := tlog.StoredHashes(int64(i), line, tlog.HashReaderFunc(l.readHashes))
		if err != nil {
			return tlog.Hash{}, err
		}
		l.hashes = append(l.hashes, more...)
	}
	st.hashes = l.hashes
	if len(lines) == 0 {
		return tlog.Hash{}, nil
	}
	return tlog.TreeHash(int64(len(lines)), tlog.HashReaderFunc(l.readHashes))
}
