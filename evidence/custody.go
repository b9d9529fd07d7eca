package evidence

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sys/unix"
)

// ErrCustody is returned when the custody log contradicts itself or its
// checkpoint.
var ErrCustody = errors.New("custody log is broken")

// ErrLocked is returned when another process writes to the custody log.
var ErrLocked = errors.New("custody log is locked by another process")

// ErrUnfinished is returned when the disk failed while an act was recorded, so
// that it may be in the log or not. The log takes nothing more; the caller
// opens it again, which finds out and records it.
var ErrUnfinished = errors.New("custody entry was left unfinished; open the custody log again")

// Files of a custody log in its folder.
const (
	entriesFile    = "entries.ndjson"
	checkpointFile = "checkpoint"
	lockFile       = "lock"
	unfinishedFile = "unfinished"
)

// Bounds on what is written and read, in bytes.
const (
	maxEntry      = 1<<16 - 1 // one line of the log, as C2SP tlog-tiles bounds it
	maxLog        = 1 << 30   // all lines
	maxEntries    = 3_000_000 // their number: a hostile log could have an empty line a byte
	maxCheckpoint = 64 << 10
)

// ActRecover is the act of an entry that records what an interrupted one left:
// Detail holds the name of the file that has its bytes, and their SHA-256.
const ActRecover = "recover"

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

// storedHashes are the hashes of a log's tree, see tlog.StoredHashes.
type storedHashes []tlog.Hash

// ReadHashes implements tlog.HashReader.
func (s storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(s)) {
			return nil, fmt.Errorf("%w: hash %d of %d", ErrCustody, x, len(s))
		}
		out[i] = s[x]
	}
	return out, nil
}

// holders says who last received each exhibit.
type holders map[string]string

// pass takes over what e says of release and receipt. An exhibit that somebody
// holds is released by that holder and nobody else.
func (h holders) pass(e *Entry) error {
	have, held := h[e.Exhibit]
	if held && (e.From != "" || e.To != "") && e.From != have {
		return fmt.Errorf("%s is released by %q, but was last received by %q", e.Exhibit, e.From, have)
	}
	if e.To != "" {
		h[e.Exhibit] = e.To
	}
	return nil
}

// Log is a custody log open for writing by one process. It is not safe for
// concurrent use.
type Log struct {
	dir     string
	origin  string
	signer  *Signer
	lock    *os.File
	f       *os.File
	end     int64 // offset after the last entry
	hashes  storedHashes
	entries *Entries
	holder  holders
	failed  bool // an entry was left unfinished
	now     func() time.Time
}

// OpenLog opens the custody log in dir for appending, making it if there is
// none. What is there is verified against its checkpoint first. A last entry
// that a crash kept from its checkpoint is set aside and recorded as such.
func OpenLog(ctx context.Context, dir, caseID string, s *Signer) (*Log, error) {
	return openLog(ctx, dir, caseID, s, time.Now)
}

func openLog(ctx context.Context, dir, caseID string, s *Signer, now func() time.Time) (*Log, error) {
	if k := s.Public().Kind(); k != KeyECDSA {
		return nil, fmt.Errorf("%w: opening the custody log: a key of kind %s; checkpoints are signed with %s", ErrTrust, k, KeyECDSA)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the custody log: %w", err)
	}
	l := &Log{dir: dir, origin: Origin(caseID), signer: s, holder: holders{}, now: now}
	var err error
	if l.lock, err = openOwn(filepath.Join(dir, lockFile)); err != nil {
		return nil, fmt.Errorf("opening the custody log: %w", err)
	}
	if err := flock(ctx, l.lock); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the custody log %s: %w", dir, err), l.lock.Close())
	}
	if err := l.load(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// openOwn opens a file of the log for writing, making it if there is none, but
// never what a link leads to: the folder may come from somebody else.
func openOwn(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
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
		return fmt.Errorf("opening the custody log %s: %w: %s; run 'saksi evidence verify' for all of it", l.dir, ErrCustody, problems[0])
	}
	if l.f, err = openOwn(filepath.Join(l.dir, entriesFile)); err != nil {
		return fmt.Errorf("opening the custody log: %w", err)
	}
	l.hashes, l.entries, l.end = st.hashes, st.Entries, st.signed
	for _, e := range l.entries.All() {
		if err := l.holder.pass(e); err != nil {
			return fmt.Errorf("%w: %w", ErrCustody, err)
		}
	}
	if err := l.setAside(st.Unfinished); err != nil {
		return fmt.Errorf("setting an unfinished custody entry aside: %w", err)
	}
	return l.recordAside(ctx)
}

// asideName begins the names of the files that hold what was interrupted when
// the log had n entries.
func asideName(n int64) string { return fmt.Sprintf("%s-%d", unfinishedFile, n) }

// setAside moves bytes that follow the last entry into a file of their own.
func (l *Log) setAside(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	name := asideName(l.Len())
	err := WriteNew(filepath.Join(l.dir, name), b, 0o600)
	// A crash while an earlier crash was recorded leaves more than one.
	for i := 1; errors.Is(err, fs.ErrExist); i++ {
		err = WriteNew(filepath.Join(l.dir, fmt.Sprintf("%s-%d", name, i)), b, 0o600)
	}
	if err != nil {
		return err
	}
	if err := l.f.Truncate(l.end); err != nil {
		return err
	}
	return l.f.Sync()
}

// recordAside records each file that was set aside since the last entry.
func (l *Log) recordAside(ctx context.Context) error {
	list, err := os.ReadDir(l.dir)
	if err != nil {
		return fmt.Errorf("opening the custody log: %w", err)
	}
	name := asideName(l.Len())
	for _, e := range list {
		if e.Name() != name && !strings.HasPrefix(e.Name(), name+"-") {
			continue
		}
		b, err := ReadRegular(filepath.Join(l.dir, e.Name()), maxEntry+1)
		if errors.Is(err, ErrFile) {
			continue // none of ours; verifying names it
		}
		if err != nil {
			return fmt.Errorf("opening the custody log: %w", err)
		}
		if err := l.Append(ctx, Entry{
			Act: ActRecover, Who: "saksi", Why: "the entry before was interrupted before its checkpoint was signed",
			Detail: map[string]string{"file": e.Name(), "sha256": SHA256(b)},
		}); err != nil {
			return err
		}
	}
	return nil
}

// Append records one act: the entry is on the disk, and under a signed
// checkpoint that is on the disk, when it returns nil. Seq and Time are
// filled in; the time is never before the last entry's. Who gives or receives
// an exhibit that somebody holds must name that holder in From. After
// ErrUnfinished the act may be recorded or not; after any other error it is
// not, and the log is as it was.
func (l *Log) Append(ctx context.Context, e Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.failed {
		return fmt.Errorf("recording in the custody log: %w", ErrUnfinished)
	}
	e.Seq = l.Len()
	if e.Tool == "" {
		e.Tool = "saksi"
	}
	line, err := l.line(&e)
	if err != nil {
		return fmt.Errorf("recording in the custody log: %w", err)
	}
	more, err := tlog.StoredHashes(e.Seq, line, l.hashes)
	if err != nil {
		return fmt.Errorf("recording in the custody log: %w", err)
	}
	hashes := append(l.hashes, more...)
	root, err := tlog.TreeHash(e.Seq+1, hashes)
	if err != nil {
		return fmt.Errorf("recording in the custody log: %w", err)
	}
	if err := l.write(append(line, '\n'), e.Seq+1, root); err != nil {
		l.failed = true
		return fmt.Errorf("recording in the custody log: %w: %w", ErrUnfinished, err)
	}
	l.hashes, l.end = hashes, l.end+int64(len(line))+1
	l.entries.add(&e)
	if e.To != "" {
		l.holder[e.Exhibit] = e.To
	}
	return nil
}

// line dates the entry and encodes it, if it may follow those that are there.
func (l *Log) line(e *Entry) ([]byte, error) {
	if e.Act == "" || e.Who == "" {
		return nil, errors.New("an entry needs an act and who did it")
	}
	if err := maps.Clone(l.holder).pass(e); err != nil {
		return nil, err
	}
	now := l.now().UTC()
	if n := l.Len(); n > 0 {
		last := l.entries.At(n - 1).Time
		if t, err := time.Parse(time.RFC3339Nano, last); err == nil && now.Before(t) {
			return nil, fmt.Errorf("the clock says %s, the last entry %s: set the clock right", now.Format(time.RFC3339Nano), last)
		}
	}
	e.Time = now.Format(time.RFC3339Nano)
	line, err := json.Marshal(e)
	switch {
	case err != nil:
		return nil, err
	case len(line) > maxEntry:
		return nil, fmt.Errorf("an entry of %d bytes; at most %d", len(line), maxEntry)
	case l.Len() >= maxEntries:
		return nil, fmt.Errorf("the log would have more than %d entries; go on in a new case", maxEntries)
	case l.end+int64(len(line)) >= maxLog:
		return nil, fmt.Errorf("the log would have more than %d bytes; go on in a new case", maxLog)
	}
	return line, nil
}

// write brings a line, and then the checkpoint over n entries, to the disk.
func (l *Log) write(line []byte, n int64, root tlog.Hash) error {
	cp := log.Checkpoint{Origin: l.origin, Size: uint64(n), Hash: root[:]}
	msg, err := note.Sign(&note.Note{Text: string(cp.Marshal())}, noteSigner{l.origin, l.signer})
	if err != nil {
		return fmt.Errorf("signing the checkpoint: %w", err)
	}
	if _, err := l.f.WriteAt(line, l.end); err != nil {
		return err
	}
	if err := l.f.Sync(); err != nil {
		return err
	}
	tmp := filepath.Join(l.dir, checkpointFile+".tmp")
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := WriteNew(tmp, msg, 0o600); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(l.dir, checkpointFile)); err != nil {
		return err
	}
	return SyncDir(l.dir)
}

// Len is the number of entries.
func (l *Log) Len() int64 { return l.entries.Len() }

// Entries are the entries under the checkpoint, verified when the log was
// opened.
func (l *Log) Entries() *Entries { return l.entries }

// Close ends writing.
func (l *Log) Close() error {
	var err error
	if l.f != nil {
		err = l.f.Close()
	}
	if cerr := l.lock.Close(); err == nil {
		err = cerr
	}
	return err
}
