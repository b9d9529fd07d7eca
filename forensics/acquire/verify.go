package acquire

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"saksi/evidence"
)

// File is one file of an image.
type File struct {
	Name   string `json:"name"` // base name
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256,omitempty"`
}

// check reads the files of an image again and gives their digests; with verify
// also that of the media, out of the container. sha is the digest of all media
// as it was read, "" where the image is not complete.
func check(ctx context.Context, paths []string, o *Options, verify bool, sha string) (media string, list []File, err error) {
	var total int64
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return "", list, err
		}
		list = append(list, File{Name: filepath.Base(p), Bytes: st.Size()})
		total += st.Size()
	}
	if o.Form == Raw && !verify && sha != "" {
		list[0].SHA256 = sha // it was hashed when it was read
		return "", list, nil
	}
	what := "hashing the files"
	if verify {
		what = "verifying"
		forgetCache(paths)
	}
	progress := func(done, all int64) {
		if o.Progress != nil {
			o.Progress(what, done, all)
		}
	}
	var whole hash.Hash
	if verify && o.Form != E01 {
		whole = sha256.New()
	}
	if verify && o.Form == E01 {
		if media, err = mediaDigest(ctx, paths, progress); err != nil {
			return "", list, err
		}
	}
	done := int64(0)
	for i, p := range paths {
		if o.Form == Raw {
			whole = nil // the file is the media
		}
		if list[i].SHA256, err = fileDigest(ctx, p, whole, func(n int64) { progress(done+n, total) }); err != nil {
			return "", list, err
		}
		done += list[i].Bytes
	}
	switch {
	case verify && o.Form == Raw:
		media = list[0].SHA256
	case whole != nil:
		media = hex.EncodeToString(whole.Sum(nil))
	}
	return media, list, nil
}

// forgetCache asks the kernel to drop the files from memory, so that what is
// read again comes from the disk. They are synced.
func forgetCache(paths []string) {
	for _, p := range paths {
		if f, err := os.Open(p); err == nil {
			_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // advice
			_ = f.Close()
		}
	}
}

// fileDigest hashes a file; more, when not nil, gets the same bytes.
func fileDigest(ctx context.Context, path string, more hash.Hash, progress func(int64)) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var r io.Reader = f
	if more != nil {
		r = io.TeeReader(f, more)
	}
	sum, _, err := evidence.SHA256Reader(ctx, r, progress)
	if err != nil {
		return "", fmt.Errorf("reading %s again: %w", path, err)
	}
	return sum, nil
}

// mediaDigest unpacks the media of an image, on all processors, and hashes it
// in order.
func mediaDigest(ctx context.Context, paths []string, progress func(done, all int64)) (string, error) {
	im, closeAll, err := openImage(paths)
	if err != nil {
		return "", err
	}
	defer closeAll()
	type part struct {
		off  int64
		buf  []byte
		err  error
		done chan struct{}
	}
	workers := runtime.GOMAXPROCS(0)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work, order, free := make(chan *part, 2*workers), make(chan *part, 2*workers), make(chan []byte, 4*workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for p := range work {
				_, p.err = im.ReadAt(p.buf, p.off)
				close(p.done)
			}
		})
	}
	for range cap(free) {
		free <- make([]byte, blockBytes)
	}
	go func() {
		defer close(work)
		defer close(order)
		for off := int64(0); off < im.Size; off += blockBytes {
			var buf []byte
			select {
			case <-ctx.Done():
				return
			case buf = <-free:
			}
			p := &part{off: off, buf: buf[:min(blockBytes, im.Size-off)], done: make(chan struct{})}
			work <- p
			order <- p
		}
	}()
	h := sha256.New()
	for p := range order {
		<-p.done
		if p.err != nil && p.err != io.EOF && err == nil {
			err = fmt.Errorf("reading the image again at offset %d: %w", p.off, p.err)
			cancel()
		}
		h.Write(p.buf)
		progress(p.off+int64(len(p.buf)), im.Size)
		free <- p.buf[:blockBytes]
	}
	wg.Wait()
	if err == nil {
		err = ctx.Err()
	}
	return hex.EncodeToString(h.Sum(nil)), err
}
