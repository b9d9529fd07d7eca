// Package tsk binds libtsk (The Sleuth Kit) 4.11: partition tables, file
// systems, their live and deleted entries and the content of files. It reads
// through an io.ReaderAt by libtsk's external-image hook, so containers are
// opened in Go. It is linked into saksi-worker only: libtsk parses hostile
// bytes in C and MAY crash or hang on them.
//
// libtsk is used by one goroutine at a time; a lock of the package sees to it.
// Times of FAT, which have no zone, are taken as UTC.
package tsk

/*
#cgo pkg-config: tsk
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"io"
	"runtime/cgo"
	"sync"
	"unsafe"
)

// mu guards libtsk.
var mu sync.Mutex

func init() { C.sk_init() }

// Version is the version of libtsk this process is linked with.
func Version() string { return C.GoString(C.tsk_version_get_str()) }

// Error is an error of libtsk. Code is one of its TSK_ERR_* numbers.
type Error struct {
	Code uint32
	Text string
}

func (e *Error) Error() string { return e.Text }

// Errors that callers branch on.
var (
	// ErrNoVolumes is returned when there is no partition table.
	ErrNoVolumes = errors.New("no partition table")
	// ErrNoFileSystem is returned when libtsk recognizes no file system.
	ErrNoFileSystem = errors.New("no file system recognized")
	// ErrEncrypted is returned for an encrypted volume.
	ErrEncrypted = errors.New("the volume is encrypted")
	// ErrNoStream is returned for a file without the stream asked for.
	ErrNoStream = errors.New("the file has no such stream")
	// ErrNotFound is returned for a path that leads nowhere.
	ErrNotFound = errors.New("no such file")
)

// Is maps libtsk's numbers to the errors above.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNoVolumes:
		return e.Code == C.TSK_ERR_VS_UNKTYPE || e.Code == C.TSK_ERR_VS_MAGIC
	case ErrNoFileSystem:
		return e.Code == C.TSK_ERR_FS_UNKTYPE || e.Code == C.TSK_ERR_FS_MAGIC
	case ErrNoStream:
		return e.Code == C.TSK_ERR_FS_ATTR_NOTFOUND
	case ErrEncrypted:
		return e.Code == C.TSK_ERR_FS_ENCRYPTED || e.Code == C.TSK_ERR_FS_POSSIBLY_ENCRYPTED
	}
	return false
}

func fault(doing string, e *C.sk_err) error {
	return fmt.Errorf("%s: %w", doing, &Error{Code: uint32(e.code), Text: C.GoString(&e.text[0])})
}

// Image is media that libtsk reads.
type Image struct {
	c      *C.sk_image
	h      cgo.Handle
	source *source
}

// source is what the read hook reads. failed is the first error.
type source struct {
	r      io.ReaderAt
	size   int64
	failed error
	count  int
}

// Open makes media readable by libtsk. sector is the size of its sectors in
// bytes, a multiple of 512; 0 is 512.
func Open(r io.ReaderAt, size int64, sector int) (*Image, error) {
	im := &Image{source: &source{r: r, size: size}}
	im.h = cgo.NewHandle(im.source)
	mu.Lock()
	defer mu.Unlock()
	if sector%512 != 0 {
		sector = 512
	}
	im.c = C.sk_open(C.uintptr_t(im.h), C.int64_t(size), C.uint32_t(sector))
	if im.c == nil {
		im.h.Delete()
		return nil, errors.New("opening the image in libtsk: out of memory")
	}
	return im, nil
}

// Close releases the image; its file systems MUST be closed before.
func (im *Image) Close() {
	mu.Lock()
	defer mu.Unlock()
	C.sk_close(im.c)
	im.h.Delete()
}

// ReadErrors returns how many reads of the media failed and the first error.
func (im *Image) ReadErrors() (int, error) { return im.source.count, im.source.failed }

//export saksiTskRead
func saksiTskRead(h C.uintptr_t, off C.int64_t, buf *C.char, n C.size_t) C.ssize_t {
	s := cgo.Handle(h).Value().(*source)
	p := unsafe.Slice((*byte)(unsafe.Pointer(buf)), int(n))
	if int64(off) < 0 || int64(off) >= s.size {
		return 0
	}
	got, err := s.r.ReadAt(p, int64(off))
	if got > 0 || err == io.EOF {
		return C.ssize_t(got)
	}
	s.count++
	if s.failed == nil {
		s.failed = err
	}
	return -1
}

// Part is one stretch of a partition table.
type Part struct {
	Start, Length int64 // bytes
	Allocated     bool  // a volume; otherwise free space or the table itself
	Meta          bool
	Table, Slot   int
	Desc          string
}

// maxParts bounds the partitions taken from one table; libtsk itself stops
// extended tables in a loop.
const maxParts = 1024

// Parts reads the partition table: its scheme ("dos", "gpt", "mac", "bsd",
// "sun") and its parts in their order. backup says that the first copy of a
// GPT was damaged. Without a table the error matches ErrNoVolumes.
func (im *Image) Parts() (scheme string, parts []Part, backup bool, err error) {
	mu.Lock()
	defer mu.Unlock()
	out := make([]C.sk_part, maxParts)
	var name [16]C.char
	var e C.sk_err
	var b C.int
	n := C.sk_volumes(im.c, &out[0], maxParts, &name[0], &b, &e)
	if n < 0 {
		return "", nil, false, fault("reading the partition table", &e)
	}
	for _, p := range out[:n] {
		parts = append(parts, Part{
			Start: int64(p.start), Length: int64(p.length), Desc: C.GoString(&p.desc[0]),
			Allocated: p.flags&C.TSK_VS_PART_FLAG_ALLOC != 0, Meta: p.flags&C.TSK_VS_PART_FLAG_META != 0,
			Table: int(p.table), Slot: int(p.slot),
		})
	}
	return C.GoString(&name[0]), parts, b != 0, nil
}

// PoolVolume is one volume of an APFS container.
type PoolVolume struct {
	Block     uint64
	Desc      string
	Encrypted bool
}

// Pool lists the volumes of the APFS container at offset.
func (im *Image) Pool(offset int64) ([]PoolVolume, error) {
	mu.Lock()
	defer mu.Unlock()
	pool, vols, err := im.pool(offset)
	if err != nil {
		return nil, err
	}
	C.sk_pool_close(pool)
	return vols, nil
}

func (im *Image) pool(offset int64) (*C.TSK_POOL_INFO, []PoolVolume, error) {
	var out [100]C.sk_pool_volume // APFS has at most 100 volumes a container
	var e C.sk_err
	var pool *C.TSK_POOL_INFO
	n := C.sk_pool(im.c, C.int64_t(offset), &out[0], C.int(len(out)), &pool, &e)
	if n < 0 {
		return nil, nil, fault(fmt.Sprintf("opening an APFS container at offset %d", offset), &e)
	}
	var vols []PoolVolume
	for _, v := range out[:n] {
		vols = append(vols, PoolVolume{Block: uint64(v.block), Desc: C.GoString(&v.desc[0]), Encrypted: v.encrypted != 0})
	}
	return pool, vols, nil
}
