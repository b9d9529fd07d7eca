package hashset

import (
	"bufio"
	"bytes"
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
)

// Built says what Build did.
type Built struct {
	Count   int64 // digests in the set
	Read    int64 // digests read, repeated ones too
	Without int64 // lines or rows without a digest of the algorithm
}

const (
	maxRuns   = 512
	runBuffer = 64 << 10
	// MinMemory is the least memory Build takes, in bytes.
	MinMemory = 1 << 20
)

// RDS gives f each value of a column (md5, sha1, sha256) of the table FILE of an NSRL
// RDS v3 database, which MUST NOT be kept. Package rds has one; who only looks digests
// up links no SQLite.
type RDS func(ctx context.Context, path, column string, f func(text []byte) error) error

// Build writes a set of the digests of an algorithm that inputs hold to path,
// which MUST NOT exist. It sorts in about memory bytes and a file beside path.
func Build(ctx context.Context, path, algorithm string, inputs []string, memory int64, rds RDS) (res Built, err error) {
	size := SizeOf(algorithm)
	if size == 0 {
		return res, fmt.Errorf("building a hash set: there is no algorithm %q; expected md5, sha1 or sha256", algorithm)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".hashset-*")
	if err != nil {
		return res, fmt.Errorf("building a hash set: %w", err)
	}
	defer func() { _ = tmp.Close() }()
	if err := os.Remove(tmp.Name()); err != nil {
		return res, fmt.Errorf("building a hash set: %w", err)
	}
	n := max(memory, MinMemory) / int64(size) * int64(size)
	s := &sorter{size: size, limit: int(n), spill: tmp}
	for _, in := range inputs {
		if err := read(ctx, in, size, rds, &res, s.add); err != nil {
			return res, fmt.Errorf("building a hash set: reading %s: %w", in, err)
		}
	}
	if res.Read == 0 {
		return res, fmt.Errorf("building a hash set: the inputs hold no %s; name another --algorithm", algorithm)
	}
	if err := s.flush(); err != nil {
		return res, fmt.Errorf("building a hash set: %w", err)
	}
	s.buf = nil
	out, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return res, fmt.Errorf("building a hash set: %w", err)
	}
	res.Count, err = s.write(ctx, out)
	if err = errors.Join(err, out.Close()); err != nil {
		_ = os.Remove(path)
		return res, fmt.Errorf("building the hash set %s: %w", path, err)
	}
	return res, nil
}

// sorter sorts digests, in runs that it spills.
type sorter struct {
	size, limit int
	buf         []byte
	tmp         [32]byte
	spill       *os.File
	ends        []int64
}

func (s *sorter) Len() int { return len(s.buf) / s.size }
func (s *sorter) Less(i, j int) bool {
	return bytes.Compare(s.buf[i*s.size:(i+1)*s.size], s.buf[j*s.size:(j+1)*s.size]) < 0
}

func (s *sorter) Swap(i, j int) {
	a, b := s.buf[i*s.size:(i+1)*s.size], s.buf[j*s.size:(j+1)*s.size]
	copy(s.tmp[:], a)
	copy(a, b)
	copy(b, s.tmp[:s.size])
}

func (s *sorter) add(d []byte) error {
	if s.buf == nil {
		s.buf = make([]byte, 0, s.limit)
	}
	s.buf = append(s.buf, d...)
	if len(s.buf) >= s.limit {
		return s.flush()
	}
	return nil
}

func (s *sorter) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	if len(s.ends) == maxRuns {
		return fmt.Errorf("there are more digests than %d runs of %d bytes hold; give more --memory", maxRuns, s.limit)
	}
	sort.Sort(s)
	if _, err := s.spill.Write(s.buf); err != nil {
		return err
	}
	end := int64(len(s.buf))
	if n := len(s.ends); n > 0 {
		end += s.ends[n-1]
	}
	s.ends, s.buf = append(s.ends, end), s.buf[:0]
	return nil
}

// run is what is left of a sorted run.
type run struct {
	r   *bufio.Reader
	cur []byte
}

type runs []*run

func (r runs) Len() int           { return len(r) }
func (r runs) Less(i, j int) bool { return bytes.Compare(r[i].cur, r[j].cur) < 0 }
func (r runs) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }
func (r *runs) Push(x any)        { *r = append(*r, x.(*run)) }
func (r *runs) Pop() any {
	old := *r
	x := old[len(old)-1]
	*r = old[:len(old)-1]
	return x
}

func (s *sorter) write(ctx context.Context, out *os.File) (count int64, err error) {
	var all runs
	start := int64(0)
	for _, end := range s.ends {
		r := &run{r: bufio.NewReaderSize(io.NewSectionReader(s.spill, start, end-start), runBuffer), cur: make([]byte, s.size)}
		if _, err := io.ReadFull(r.r, r.cur); err != nil {
			return 0, err
		}
		all, start = append(all, r), end
	}
	heap.Init(&all)
	head := make([]byte, headerSize+indexSize)
	if _, err := out.Write(head); err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(out, 1<<20)
	index := make([]uint64, buckets+1)
	last := make([]byte, 0, s.size)
	for n := 0; len(all) > 0; n++ {
		if n&0xffff == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		r := all[0]
		if !bytes.Equal(r.cur, last) {
			last = append(last[:0], r.cur...)
			if _, err := w.Write(last); err != nil {
				return 0, err
			}
			index[int(last[0])<<8+int(last[1])+1]++
			count++
		}
		switch _, err := io.ReadFull(r.r, r.cur); {
		case err == nil:
			heap.Fix(&all, 0)
		case errors.Is(err, io.EOF):
			heap.Pop(&all)
		default:
			return 0, err
		}
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	copy(head, magic)
	binary.LittleEndian.PutUint32(head[8:], version)
	binary.LittleEndian.PutUint32(head[12:], uint32(s.size))
	binary.LittleEndian.PutUint64(head[16:], uint64(count))
	sum := uint64(0)
	for i, n := range index {
		sum += n
		binary.LittleEndian.PutUint64(head[headerSize+i*8:], sum)
	}
	if _, err := out.WriteAt(head, 0); err != nil {
		return 0, err
	}
	h := sha256.New()
	n := int64(len(head)) + count*int64(s.size)
	if _, err := io.Copy(h, io.NewSectionReader(out, 0, n)); err != nil {
		return 0, err
	}
	if _, err := out.WriteAt(h.Sum(nil), n); err != nil {
		return 0, err
	}
	return count, out.Sync()
}
