package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"saksi/evidence"
)

// gzipHeader is the head of every bundle (RFC 1952 section 2.3): deflate, no
// flags, no time, no extra flags, system unknown. With it fixed, every byte of
// the file is either checked or part of the checksum.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

// reader reads a bundle whose manifest is verified; its files are not yet.
type reader struct {
	*Manifest
	digest              string // SHA-256 of manifest.json in hex
	manifest, signature []byte
	src                 *bufio.Reader
	z                   *gzip.Reader
	t                   *tar.Reader
}

// verifier checks a signature over a manifest's bytes and returns what the
// statement says of it.
type verifier func(manifest, signature []byte) (*predicate, error)

// open reads and verifies the two first members. It holds at most MaxManifest
// and MaxSignature bytes, and decompresses no more before verify has agreed.
func open(r io.Reader, verify verifier) (*reader, error) {
	b := &reader{src: bufio.NewReaderSize(r, 128<<10)}
	head, err := b.src.Peek(len(gzipHeader))
	if err != nil && err != io.EOF {
		return nil, damaged("reading the bundle", err)
	}
	if !bytes.Equal(head, gzipHeader) {
		return nil, fmt.Errorf("%w: it begins with %x; expected the gzip header %x that saksi writes", ErrDamaged, head, gzipHeader)
	}
	if b.z, err = gzip.NewReader(b.src); err != nil {
		return nil, damaged("reading the bundle", err)
	}
	b.z.Multistream(false)
	b.t = tar.NewReader(b.z)
	if b.manifest, err = b.own(manifestName, MaxManifest); err != nil {
		return nil, err
	}
	if b.signature, err = b.own(signatureName, MaxSignature); err != nil {
		return nil, err
	}
	said, err := verify(b.manifest, b.signature)
	if err != nil {
		return nil, err
	}
	b.digest = evidence.SHA256(b.manifest)
	if b.Manifest, err = decode(b.manifest); err != nil {
		return nil, err
	}
	if want := (predicate{b.Name, b.Serial, b.Made}); *said != want {
		return nil, fmt.Errorf("%w: the statement speaks of %q, serial %d, of %q; the manifest of %q, serial %d, of %q",
			ErrDamaged, said.Name, said.Serial, said.Made, want.Name, want.Serial, want.Made)
	}
	return b, nil
}

// verifyWith checks with a public key. Errors: evidence.ErrTrust for another
// key than that which signed, evidence.ErrSignature for the rest.
func verifyWith(key *evidence.Public) verifier {
	return func(manifest, signature []byte) (*predicate, error) {
		st, err := evidence.Open(signature, key)
		if err != nil {
			// The hint is not authenticated; it only tells which error to give.
			var named struct {
				VerificationMaterial struct {
					PublicKey struct {
						Hint string `json:"hint"`
					} `json:"publicKey"`
				} `json:"verificationMaterial"`
			}
			hint := &named.VerificationMaterial.PublicKey.Hint
			if json.Unmarshal(signature, &named) == nil && *hint != "" && *hint != key.Hint() {
				return nil, fmt.Errorf("%w: the bundle is signed with key %.80q; the key given is %q", evidence.ErrTrust, *hint, key.Hint())
			}
			return nil, err
		}
		return stated(st, manifest)
	}
}

// stated holds a statement to the manifest it must speak of.
func stated(st *evidence.Statement, manifest []byte) (*predicate, error) {
	if st.PredicateType != Predicate {
		return nil, fmt.Errorf("%w: the statement is a %.200q; expected %q", evidence.ErrSignature, st.PredicateType, Predicate)
	}
	if len(st.Subject) != 1 {
		return nil, fmt.Errorf("%w: the statement speaks of %d files; expected %s alone", evidence.ErrSignature, len(st.Subject), manifestName)
	}
	if sum := evidence.SHA256(manifest); st.Subject[0].Digest["sha256"] != sum {
		return nil, fmt.Errorf("%w: %s has SHA-256 %s; the statement speaks of %.80q", evidence.ErrSignature, manifestName, sum, st.Subject[0].Digest["sha256"])
	}
	p := &predicate{}
	if err := json.Unmarshal(st.Predicate, p); err != nil {
		return nil, fmt.Errorf("%w: reading the statement: %w", evidence.ErrSignature, err)
	}
	return p, nil
}

// damaged is an error of reading the bundle: that of the disk as it is, every
// other as ErrDamaged.
func damaged(doing string, err error) error {
	var disk *fs.PathError
	switch {
	case errors.As(err, &disk) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return fmt.Errorf("%w: %s: the file is cut off", ErrDamaged, doing)
	}
	return fmt.Errorf("%w: %s: %w", ErrDamaged, doing, err)
}

// next reads the header of the next member, which must be a plain file.
func (b *reader) next(want string) (*tar.Header, error) {
	h, err := b.t.Next()
	if err == io.EOF {
		return nil, fmt.Errorf("%w: it ends without %q", ErrDamaged, want)
	}
	if err != nil {
		return nil, damaged("reading "+want, err)
	}
	if h.Typeflag != tar.TypeReg {
		return nil, fmt.Errorf("%w: member %.200q is a %s; only plain files are allowed", ErrDamaged, h.Name, memberKind(h.Typeflag))
	}
	for k := range h.PAXRecords {
		if k != "path" && k != "size" { // a sparse file says that it is one here
			return nil, fmt.Errorf("%w: member %.200q has the tar record %.80q; only path and size are allowed", ErrDamaged, h.Name, k)
		}
	}
	return h, nil
}

// own reads one of the first two members.
func (b *reader) own(name string, limit int64) ([]byte, error) {
	h, err := b.next(name)
	if err != nil {
		return nil, err
	}
	if h.Name != name {
		return nil, fmt.Errorf("%w: member %.200q stands where %s is expected", ErrDamaged, h.Name, name)
	}
	if h.Size > limit {
		return nil, fmt.Errorf("%w: %s has %d bytes; at most %d are read", ErrDamaged, name, h.Size, limit)
	}
	var buf bytes.Buffer
	if n, err := buf.ReadFrom(b.t); err != nil {
		return nil, damaged(fmt.Sprintf("reading %s at byte %d of %d", name, n, h.Size), err)
	}
	return buf.Bytes(), nil
}

// unpack reads every file of the bundle once, in order, and holds it to the
// manifest. create gives the place for its bytes. Only when unpack returns nil
// is anything of it verified.
func (b *reader) unpack(ctx context.Context, create func(File) (io.WriteCloser, error), count func(int64)) error {
	for i, f := range b.Files {
		h, err := b.next(f.Path)
		if err != nil {
			return err
		}
		if h.Name != f.Path {
			return b.misplaced(h.Name, i)
		}
		if h.Size != f.Size {
			return fmt.Errorf("%w: member %q has %d bytes; the manifest says %d", ErrDamaged, f.Path, h.Size, f.Size)
		}
		w, err := create(f)
		if err != nil {
			return fmt.Errorf("unpacking %s: %w", f.Path, err)
		}
		sum := sha256.New()
		to := &sink{w: w}
		_, err = copyAll(ctx, io.MultiWriter(sum, to), b.t, count)
		if cerr := w.Close(); err == nil && cerr != nil {
			err, to.err = cerr, cerr
		}
		if to.err != nil {
			return fmt.Errorf("unpacking %s: %w", f.Path, to.err)
		}
		if err != nil {
			return damaged("reading "+f.Path, err)
		}
		if found := sha256Hex(sum.Sum(nil)); found != f.SHA256 {
			return fmt.Errorf("%w: member %q has SHA-256 %s; the manifest says %s", ErrDamaged, f.Path, found, f.SHA256)
		}
	}
	return b.end()
}

// sink keeps apart the errors of writing from those of reading.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (n int, err error) {
	n, s.err = s.w.Write(p)
	return n, s.err
}

// misplaced says why a member may not stand at place i of the manifest, or
// after its end.
func (b *reader) misplaced(name string, i int) error {
	at, known := b.find(name)
	switch {
	case known && at < i || name == manifestName || name == signatureName:
		return fmt.Errorf("%w: member %q stands twice", ErrDamaged, name)
	case known:
		return fmt.Errorf("%w: member %q stands where %q is expected", ErrDamaged, name, b.Files[i].Path)
	}
	if err := checkPath(name, false); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return fmt.Errorf("%w: the manifest does not name member %q", ErrDamaged, name)
}

// end holds the bundle to end where its last file does.
func (b *reader) end() error {
	h, err := b.t.Next()
	if err == nil {
		return b.misplaced(h.Name, len(b.Files))
	}
	if err != io.EOF {
		return damaged("reading the end", err)
	}
	// Reading on verifies gzip's checksum.
	var more [1]byte
	if n, err := io.ReadFull(b.z, more[:]); n > 0 {
		return fmt.Errorf("%w: data follows the last member", ErrDamaged)
	} else if err != io.EOF {
		return damaged("reading the end", err)
	}
	if _, err := b.src.ReadByte(); err == nil {
		return fmt.Errorf("%w: data follows the compressed stream", ErrDamaged)
	} else if err != io.EOF {
		return damaged("reading the end", err)
	}
	return nil
}

// memberKind names a type of tar member.
func memberKind(flag byte) string {
	switch flag {
	case tar.TypeSymlink:
		return "symbolic link"
	case tar.TypeLink:
		return "hard link"
	case tar.TypeChar, tar.TypeBlock:
		return "device"
	case tar.TypeDir:
		return "folder"
	case tar.TypeFifo:
		return "pipe"
	}
	return fmt.Sprintf("member of type %q", flag)
}
