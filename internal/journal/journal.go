// Package journal keeps what a long run has done, so that a run which was ended at
// any moment, kill -9 included, is taken up again. Open reads what is there and Append
// adds to it.
//
// A journal holds what was found in evidence, before anything is masked: it is
// encrypted, for the station whose key it is under, and readable by its owner only. Each
// record is sealed by XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with a random nonce
// and its number as additional data, under a key of the file's own by HKDF (RFC 5869).
// What was torn at its end is cut off, and done again.
package journal

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/sys/unix"
)

const (
	magic     = "SAKSI JOURNAL 1\n"
	saltSize  = 32
	head      = len(magic) + saltSize
	maxRecord = 256 << 20 // bytes of one record; what is larger is not kept
)

// Errors that callers branch on.
var (
	// ErrOther is returned for a journal of something else: another work, another
	// version, or another station's.
	ErrOther = errors.New("it is the journal of something else")
	// ErrNone is returned for a file that is no journal. It is left as it is.
	ErrNone = errors.New("it is no journal")
	// ErrBusy is returned for a journal that a running process has.
	ErrBusy = errors.New("another run has it")
)

// Journal is an open journal. Its methods may be called by several goroutines.
type Journal struct {
	f    *os.File
	aead cipher.AEAD

	mu     sync.Mutex
	end    int64    // where the next record goes
	number uint64   // of the next record
	at     []record // those that were there, without the first
	failed error    // of writing: nothing is added after it
}

type record struct {
	off    int64
	size   int
	number uint64
}

// Open opens the journal at path, or makes one. key is the station's, of 16 bytes or
// more; work says what is done, by a digest of all it depends on. For a record that is
// there f is called with its number, from 0, and its bytes, which it MUST NOT keep.
func Open(path string, key, work []byte, f func(i int, b []byte) error) (*Journal, error) {
	j, err := open(path, key, work, f)
	if err != nil {
		return nil, fmt.Errorf("opening the journal %s: %w", path, err)
	}
	return j, nil
}

func open(path string, key, work []byte, f func(i int, b []byte) error) (_ *Journal, err error) {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() { // a pipe would block
		return nil, ErrNone
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = file.Close()
		}
	}()
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	st, err := file.Stat()
	if err != nil {
		return nil, err
	}
	j := &Journal{f: file}
	salt := make([]byte, head)
	n, err := file.ReadAt(salt, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if !bytes.HasPrefix([]byte(magic), salt[:min(n, len(magic))]) {
		return nil, ErrNone
	}
	if n < head { // new, or torn in its first bytes
		copy(salt, magic)
		_, _ = rand.Read(salt[len(magic):]) // never fails
		if _, err := file.WriteAt(salt, 0); err != nil {
			return nil, err
		}
	}
	own, err := hkdf.Key(sha256.New, key, salt[len(magic):], "saksi journal", chacha20poly1305.KeySize)
	if err != nil {
		return nil, err
	}
	if j.aead, err = chacha20poly1305.NewX(own); err != nil {
		return nil, err
	}
	j.end = int64(head)
	if err := j.load(max(st.Size(), j.end), work, f); err != nil {
		return nil, err
	}
	if err := file.Truncate(j.end); err != nil {
		return nil, err
	}
	if j.number == 0 {
		return j, j.Append(work)
	}
	return j, nil
}

// load reads the records up to the first that is torn.
func (j *Journal) load(size int64, work []byte, f func(i int, b []byte) error) error {
	for {
		r := record{off: j.end, number: j.number}
		var n [4]byte
		if _, err := j.f.ReadAt(n[:], j.end); err != nil {
			return unlessEnd(err)
		}
		r.size = int(binary.LittleEndian.Uint32(n[:]))
		if r.size < j.overhead() || r.size > maxRecord || int64(r.size) > size-j.end-4 {
			if j.number == 0 && size > int64(head)+4 && int64(r.size) <= size-j.end-4 {
				return ErrOther
			}
			return nil
		}
		b, err := j.read(r)
		switch {
		case errors.Is(err, errSeal) && j.number == 0, err == nil && j.number == 0 && !bytes.Equal(b, work):
			return ErrOther
		case errors.Is(err, errSeal):
			return nil
		case err != nil:
			return unlessEnd(err)
		}
		if j.number > 0 {
			if err := f(len(j.at), b); err != nil {
				return err
			}
			j.at = append(j.at, r)
		}
		j.number++
		j.end += 4 + int64(r.size)
	}
}

func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

func (j *Journal) overhead() int { return j.aead.NonceSize() + j.aead.Overhead() }

// errSeal is for a record that was torn or changed.
var errSeal = errors.New("a record is torn or was changed")

func (j *Journal) read(r record) ([]byte, error) {
	b := make([]byte, r.size)
	if _, err := j.f.ReadAt(b, r.off+4); err != nil {
		return nil, err
	}
	n := j.aead.NonceSize()
	out, err := j.aead.Open(b[n:n], b[:n], b[n:], binary.LittleEndian.AppendUint64(nil, r.number))
	if err != nil {
		return nil, errSeal
	}
	return out, nil
}

// Read gives the bytes of a record that was there when the journal was opened.
func (j *Journal) Read(i int) ([]byte, error) {
	b, err := j.read(j.at[i])
	if err != nil {
		return nil, fmt.Errorf("reading record %d of the journal at offset %d: %w", i, j.at[i].off, err)
	}
	return b, nil
}

// Append adds a record. One that is too large is left out: what it tells is done again.
func (j *Journal) Append(b []byte) error {
	if len(b) > maxRecord-j.overhead() {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil {
		return j.failed
	}
	out := make([]byte, 4+j.aead.NonceSize(), 4+j.overhead()+len(b))
	binary.LittleEndian.PutUint32(out, uint32(j.overhead()+len(b)))
	_, _ = rand.Read(out[4:])
	out = j.aead.Seal(out, out[4:], b, binary.LittleEndian.AppendUint64(nil, j.number))
	if _, err := j.f.WriteAt(out, j.end); err != nil {
		j.failed = fmt.Errorf("writing to the journal: %w", err)
		return j.failed
	}
	j.end += int64(len(out))
	j.number++
	return nil
}

// Close closes the journal and keeps it.
func (j *Journal) Close() error { return j.f.Close() }

// Remove closes the journal and removes it: all was done.
func (j *Journal) Remove() error { return errors.Join(os.Remove(j.f.Name()), j.f.Close()) }
