// Package quarantine stores the files that findings are about, encrypted, so that
// nobody runs them, no scanner for malware removes them and no preview opens them by
// accident. Box collects the findings of a scan, Store writes the files.
//
// Each distinct content is one file, SHA256.age (age-encryption.org/v1), beside
// Manifest, which says of each what it is, where it lay and what found it.
package quarantine

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"filippo.io/age"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/mask"
	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/archive"
	"saksi/internal/infile"
	"saksi/internal/worker"
)

// Manifest is the name of the list beside the files: one JSON object a line.
const Manifest = "quarantine.ndjson"

// Bounds.
const (
	maxFiles = 100_000 // distinct contents of one run
	maxRules = 64      // told of one
	maxLine  = 1 << 20 // bytes of a line of the manifest
)

// Config says where and for whom.
type Config struct {
	To         string // folder, made if it is not there
	Recipients []age.Recipient
	For        []string // names of the recipients
	Most       int64    // bytes of one file
	Images     []string // first file of each image
	Worker     worker.Config
	// Scratch makes an empty unlinked file in which archives may be unpacked.
	Scratch func() (*os.File, error)
	Warn    func(line string)
	// Begin is told, before the first byte is read, how many files there are; may be
	// nil. Its error ends the work.
	Begin func(files int) error
}

// Summary says what was done.
type Summary struct {
	Stored   int
	Bytes    int64  // of them
	There    int    // that were stored before
	Places   int64  // findings that are about no file: slack, unallocated space
	Problems int    // files that were not stored; each was told
	Manifest string // path of the list
	Digest   string // SHA-256 of it, when a file was stored
}

// Line is one of the manifest.
type Line struct {
	SHA256    string   `json:"sha256"`
	Size      int64    `json:"size"`
	Encrypted string   `json:"encrypted_sha256"` // of SHA256.age
	Path      string   `json:"path"`             // with personal data masked
	Stream    string   `json:"stream,omitempty"`
	Member    string   `json:"member,omitempty"` // of an archive or document
	Inode     string   `json:"inode"`
	Volume    int      `json:"volume"`
	Image     string   `json:"image"`
	Source    string   `json:"source_key"`
	More      int      `json:"more_places,omitempty"` // where the same content lies too
	Rules     []string `json:"rules"`
	For       []string `json:"for"`
}

// Box collects what findings are about.
type Box struct {
	files  map[string]*target
	order  []*target
	places int64
	over   int
}

// target is a content to store, and where it was found first.
type target struct {
	line   Line
	member string // as it is
	path   string // as it is
}

// Sink gives findings on to next and keeps what they are about. It MUST stand before
// what masks.
func (b *Box) Sink(next findings.Sink) findings.Sink {
	return findings.SinkFunc(func(e *event.Event) error {
		if kind, _ := e.GetStr(event.EventKind); kind == "alert" {
			b.add(e)
		}
		return next.Emit(e)
	})
}

// nothing is the SHA-256 of no bytes.
const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func (b *Box) add(e *event.Event) {
	str := func(f event.Field) string {
		s, _ := e.GetStr(f)
		return s
	}
	digest := str(event.FileHashSHA256)
	if digest == "" || digest == nothing || str(event.SaksiFilePlace) != "" {
		b.places++
		return
	}
	t := b.files[digest]
	volume, _ := e.GetInt(event.SaksiFileVolume)
	if t == nil {
		if len(b.files) >= maxFiles {
			b.over++
			return
		}
		if b.files == nil {
			b.files = map[string]*target{}
		}
		t = &target{member: str(event.SaksiFileMember), path: str(event.FilePath)}
		path, _ := mask.Text(t.path)
		stream, _ := mask.Text(str(event.SaksiFileStream))
		member, _ := mask.Text(t.member)
		t.line = Line{
			SHA256: digest, Path: path, Stream: stream, Member: member, Inode: str(event.FileInode),
			Volume: int(volume), Image: str(event.SaksiEvidenceName), Source: str(event.SaksiEvidenceKey),
		}
		b.files[digest] = t
		b.order = append(b.order, t)
	} else if str(event.FilePath) != t.path || str(event.FileInode) != t.line.Inode || str(event.SaksiEvidenceKey) != t.line.Source || int(volume) != t.line.Volume {
		t.line.More++
	}
	if id := str(event.RuleID); id != "" && len(t.line.Rules) < maxRules && !slices.Contains(t.line.Rules, id) {
		t.line.Rules = append(t.line.Rules, id)
	}
}

// storer is a run of Store.
type storer struct {
	cfg *Config
	sum *Summary
	im  *disk.Image
}

// Store writes the files. What can't be stored is told and counted; an error is one of
// writing, or of Config.Begin.
func (b *Box) Store(ctx context.Context, cfg Config) (sum Summary, err error) {
	sum.Places, sum.Manifest = b.places, filepath.Join(cfg.To, Manifest)
	if b.over > 0 {
		sum.Problems += b.over
		cfg.Warn(fmt.Sprintf("findings of more than %d files: those of %d findings are not in quarantine", maxFiles, b.over))
	}
	if cfg.Begin != nil {
		if err := cfg.Begin(len(b.order)); err != nil {
			return sum, err
		}
	}
	if len(b.order) == 0 {
		return sum, nil
	}
	if err := os.MkdirAll(cfg.To, 0o700); err != nil {
		return sum, fmt.Errorf("making the quarantine: %w", err)
	}
	listed, torn, err := readManifest(sum.Manifest)
	if err != nil {
		return sum, err
	}
	list, err := os.OpenFile(sum.Manifest, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return sum, fmt.Errorf("opening the list of the quarantine: %w", err)
	}
	defer func() {
		err = errors.Join(err, list.Sync(), list.Close())
		if sum.Stored > 0 {
			var derr error
			sum.Digest, derr = digestOf(sum.Manifest)
			err = errors.Join(err, derr)
		}
	}()
	if torn {
		if _, err := list.WriteString("\n"); err != nil {
			return sum, fmt.Errorf("writing the list of the quarantine: %w", err)
		}
	}
	done := map[string]bool{}
	for _, path := range cfg.Images {
		st := &storer{cfg: &cfg, sum: &sum}
		err := st.image(ctx, path, func(key string) error {
			if done[key] {
				return nil
			}
			done[key] = true
			for _, t := range b.order {
				if t.line.Source != key {
					continue
				}
				if err := st.one(ctx, t, listed, list); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return sum, err
		}
	}
	for _, t := range b.order {
		if !done[t.line.Source] {
			sum.Problems++
			cfg.Warn(fmt.Sprintf("%s: %s was not stored: its image can't be opened again, or changed", t.line.Image, t.line.Path))
		}
	}
	return sum, nil
}

// image opens an image and calls f with its source key.
func (s *storer) image(ctx context.Context, path string, f func(key string) error) error {
	im, err := disk.Open(ctx, path, s.cfg.Worker)
	if err != nil {
		s.cfg.Warn(fmt.Sprintf("%s: %v", path, err))
		return ctx.Err()
	}
	src := im.Source
	defer src.Close()
	s.im = im
	defer func() {
		if s.im != nil {
			s.im.Close()
		}
	}()
	return f(src.Key)
}

// one stores one content, if it is not there.
func (s *storer) one(ctx context.Context, t *target, listed map[string]bool, list io.Writer) error {
	path := filepath.Join(s.cfg.To, t.line.SHA256+".age")
	if _, err := os.Lstat(path); err == nil && listed[t.line.SHA256] {
		s.sum.There++
		return nil
	}
	problem, err := s.write(ctx, t, path)
	if err != nil {
		return err
	}
	if problem != "" {
		s.sum.Problems++
		s.cfg.Warn(fmt.Sprintf("%s: volume %d: %s was not stored: %s", t.line.Image, t.line.Volume, t.line.Path, problem))
		return nil
	}
	t.line.For = s.cfg.For
	b, err := json.Marshal(&t.line)
	if err != nil {
		return err
	}
	if _, err := list.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("writing the list of the quarantine: %w", err)
	}
	s.sum.Stored++
	s.sum.Bytes += t.line.Size
	return nil
}

// errLarge ends what is over Config.Most.
var errLarge = errors.New("it is too large")

// bounded counts what it passes on, and ends it at most.
type bounded struct {
	w       io.Writer
	n, most int64
	failed  error // of w
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.n += int64(len(p)); b.n > b.most {
		return 0, errLarge
	}
	n, err := b.w.Write(p)
	if err != nil {
		b.failed = err
	}
	return n, err
}

// write writes content encrypted; a whole file has its name only when it is whole.
func (s *storer) write(ctx context.Context, t *target, path string) (problem string, err error) {
	ref, err := filesystem.ParseInode(t.line.Inode)
	if err != nil {
		return err.Error(), nil
	}
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a run that was ended
		return "", fmt.Errorf("writing to the quarantine: %w", err)
	}
	out, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("writing to the quarantine: %w", err)
	}
	defer func() {
		if cerr := out.Close(); cerr != nil && err == nil && !errors.Is(cerr, os.ErrClosed) {
			err = cerr
		}
		if err != nil || problem != "" {
			_ = os.Remove(part)
		}
	}()
	plain, packed := sha256.New(), sha256.New()
	enc, err := age.Encrypt(io.MultiWriter(out, packed), s.cfg.Recipients...)
	if err != nil {
		return "", fmt.Errorf("encrypting for the quarantine: %w", err)
	}
	w := &bounded{w: io.MultiWriter(enc, plain), most: s.cfg.Most}
	err = s.copy(ctx, t, ref, w)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case w.failed != nil:
		return "", fmt.Errorf("writing to the quarantine: %w", w.failed)
	case w.n > w.most:
		return fmt.Sprintf("it has more than %d bytes", w.most), nil
	case err != nil:
		return err.Error(), nil
	}
	if got := hex.EncodeToString(plain.Sum(nil)); got != t.line.SHA256 {
		return fmt.Sprintf("its SHA-256 is %s now and was %s: the image changed", got, t.line.SHA256), nil
	}
	t.line.Size = w.n
	if err := errors.Join(enc.Close(), out.Sync(), out.Close()); err != nil {
		return "", fmt.Errorf("writing to the quarantine: %w", err)
	}
	t.line.Encrypted = hex.EncodeToString(packed.Sum(nil))
	if err := os.Rename(part, path); err != nil {
		return "", fmt.Errorf("writing to the quarantine: %w", err)
	}
	return "", nil
}

// copy gives w the content. A worker that dies over it is started anew for the next.
func (s *storer) copy(ctx context.Context, t *target, ref filesystem.Ref, w io.Writer) error {
	var err error
	if t.member == "" {
		_, _, err = s.im.Copy(ctx, t.line.Volume, ref, w)
	} else {
		scratch, serr := s.cfg.Scratch()
		if serr != nil {
			return fmt.Errorf("making a scratch file: %w", serr)
		}
		defer scratch.Close()
		it := disk.Item{Volume: t.line.Volume, Ref: ref, Path: t.path}
		_, _, err = s.im.CopyMember(ctx, &it, t.member, archive.Limits{Depth: 32, Members: 1 << 30, Bytes: 64 << 30, Member: 64 << 30, Ratio: 1 << 20}, 0, -1, scratch, w)
	}
	var remote *disk.Error
	if err != nil && !errors.As(err, &remote) && ctx.Err() == nil {
		src := s.im.Source
		s.im.Close()
		im, oerr := src.Open(ctx, s.cfg.Worker)
		if oerr != nil {
			return errors.Join(err, oerr)
		}
		s.im = im
	}
	return err
}

// readManifest gives the digests that a list tells, and whether its last line was torn.
func readManifest(path string) (seen map[string]bool, torn bool, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("reading the list of the quarantine %s: %w", path, err)
		}
	}()
	seen = map[string]bool{}
	f, err := infile.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return seen, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, maxLine)
	for {
		b, err := r.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return seen, len(b) > 0, nil
		}
		if err != nil {
			return nil, false, err
		}
		var l Line
		if json.Unmarshal(b, &l) == nil { // a torn line tells nothing
			seen[l.SHA256] = true
		}
	}
}

func digestOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("hashing %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
