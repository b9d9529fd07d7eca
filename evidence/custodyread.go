package evidence

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Bounds on a batch of lines.
const (
	batchLines = 4096
	batchBytes = 4 << 20
)

// batch is a run of lines that are parsed and hashed at the same time; what they
// say together is checked one after the other.
type batch struct {
	buf     []byte
	ends    []int // of each line in buf, without its end
	entries []Entry
	errs    []error
	hashes  []tlog.Hash
}

func (b *batch) line(i int) []byte {
	from := 0
	if i > 0 {
		from = b.ends[i-1]
	}
	return b.buf[from:b.ends[i]]
}

// fill reads at most most lines. Its error is io.EOF at the end of the file, with
// the part of a line that is left, or bufio.ErrBufferFull for a line that is too
// long; the lines before are in the batch.
func (b *batch) fill(r *bufio.Reader, most int64) (rest []byte, err error) {
	b.buf, b.ends = b.buf[:0], b.ends[:0]
	for int64(len(b.ends)) < most && len(b.ends) < batchLines && len(b.buf) < batchBytes {
		line, err := r.ReadSlice('\n')
		switch {
		case err == io.EOF:
			return bytes.Clone(line), io.EOF
		case err == bufio.ErrBufferFull || len(line) > maxEntry+1:
			return nil, bufio.ErrBufferFull
		case err != nil:
			return nil, err
		}
		b.buf = append(b.buf, line[:len(line)-1]...)
		b.ends = append(b.ends, len(b.buf))
	}
	return nil, nil
}

// parse reads and hashes the lines on all processors.
func (b *batch) parse() {
	n := len(b.ends)
	b.entries, b.errs, b.hashes = make([]Entry, n), make([]error, n), make([]tlog.Hash, n)
	part := max(64, n/runtime.GOMAXPROCS(0)+1)
	var wg sync.WaitGroup
	for from := 0; from < n; from += part {
		wg.Go(func() {
			for i := from; i < min(from+part, n); i++ {
				line := b.line(i)
				b.hashes[i] = tlog.RecordHash(line)
				b.entries[i], b.errs[i] = parseEntry(line)
			}
		})
	}
	wg.Wait()
}

// reading is what the entries of a log so far say together.
type reading struct {
	holder holders
	last   time.Time
	seq    int64
}

// read takes at most size lines; what follows them is unfinished.
func (st *LogState) read(r *bufio.Reader, size int64) error {
	so := &reading{holder: holders{}}
	var b batch
	if n := min(size, maxEntries); n > 4*batchLines && size != math.MaxInt64 {
		st.hashes = make(storedHashes, 0, tlog.StoredHashCount(n))
	}
	for st.Size < size {
		if st.Size >= maxEntries {
			st.problem("the log has more than %d entries; reading stopped there", maxEntries)
			return nil
		}
		rest, err := b.fill(r, min(size, maxEntries)-st.Size)
		b.parse()
		for i := range b.ends {
			if st.signed += int64(len(b.line(i))) + 1; st.signed > maxLog {
				st.problem("the log has more than %d bytes; reading stopped at entry %d", maxLog, st.Size)
				return nil
			}
			if err := st.take(so, &b, i); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			st.Unfinished = rest
			return nil
		case err == bufio.ErrBufferFull:
			st.problem("entry %d has more than %d bytes; reading stopped there", st.Size, maxEntry)
			return nil
		case err != nil:
			return fmt.Errorf("reading the custody log: %w", err)
		}
	}
	rest, err := io.ReadAll(io.LimitReader(r, maxEntry+2))
	if err != nil {
		return fmt.Errorf("reading the custody log: %w", err)
	}
	if st.Unfinished = rest; !oneLine(rest) {
		st.problem("more than one entry follows the %d under the signed checkpoint, and a crash leaves one at most: the checkpoint was set back, or lines were added", st.Size)
	}
	return nil
}

// take adds line i of a batch to the log and checks it against those before.
func (st *LogState) take(so *reading, b *batch, i int) error {
	more, err := tlog.StoredHashesForRecordHash(st.Size, b.hashes[i], st.hashes)
	if err != nil {
		return err
	}
	st.hashes = append(st.hashes, more...)
	at := st.Size
	st.Size++
	e := &b.entries[i]
	if b.errs[i] != nil {
		st.problem("entry %d can't be read: %v", at, b.errs[i])
		so.seq++
		return nil
	}
	if !st.full {
		st.Entries.add(e)
	}
	if e.Seq != so.seq {
		st.problem("entry %d says it is number %d; expected %d", at, e.Seq, so.seq)
	}
	so.seq = e.Seq + 1
	if e.Act == "" || e.Who == "" {
		st.problem("entry %d does not say what was done and who did it", at)
	}
	t, err := time.Parse(time.RFC3339Nano, e.Time)
	if err != nil {
		st.problem("entry %d: time %q can't be read", at, e.Time)
	} else {
		if t.Before(so.last) {
			st.problem("entry %d is of %s, before the entry before it (%s)", at, e.Time, so.last.Format(time.RFC3339Nano))
		}
		so.last = t
	}
	if err := so.holder.pass(e); err != nil {
		st.problem("entry %d: %v", at, err)
	}
	return nil
}

// parseEntry reads one line. It refuses what other readers of JSON take in
// another way: a key twice or in other letters, a second value on the line.
func parseEntry(line []byte) (e Entry, err error) {
	// A line that is what saksi writes for what it reads there holds none of that.
	if json.Unmarshal(line, &e) == nil {
		if b, err := json.Marshal(&e); err == nil && bytes.Equal(b, line) {
			return e, nil
		}
	}
	e = Entry{}
	return e, DecodeExact(line, &e)
}

// DecodeExact reads JSON that is evidence into v, a struct. It refuses what other
// readers of JSON take in another way: a field that v has not, a key twice or in
// other letters, a mark of the order of bytes, anything behind the value.
func DecodeExact(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one value")
	}
	d = json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("not an object")
	}
	return exactKeys(d, true)
}

// exactKeys reads an object to its end, from after its opening brace.
func exactKeys(d *json.Decoder, fields bool) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		k, _ := t.(string)
		if seen[k] {
			return fmt.Errorf("key %q twice", k)
		}
		seen[k] = true
		// Decoding has matched the fields without regard to case.
		if fields && strings.Trim(k, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return fmt.Errorf("key %q in other letters", k)
		}
		if t, err = d.Token(); err != nil {
			return err
		}
		if err := exactValue(d, t); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// exactValue reads the rest of a value that begins with t.
func exactValue(d *json.Decoder, t json.Token) error {
	switch t {
	case json.Delim('{'):
		return exactKeys(d, false)
	case json.Delim('['):
		for d.More() {
			t, err := d.Token()
			if err == nil {
				err = exactValue(d, t)
			}
			if err != nil {
				return err
			}
		}
		_, err := d.Token()
		return err
	}
	return nil
}
