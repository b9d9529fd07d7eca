package hashset

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"saksi/internal/infile"
)

const maxLine = 1 << 20

// read gives add each digest of size bytes that a file holds: an NSRL RDS v3
// database (table FILE), NSRLFile.txt, a file of hashdeep, CSV with a header,
// or lines with a digest in them.
func read(ctx context.Context, path string, size int, rds RDS, res *Built, add func([]byte) error) error {
	f, err := infile.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	r := bufio.NewReaderSize(f, maxLine)
	if b, _ := r.Peek(16); string(b) == "SQLite format 3\x00" {
		return readRDS(ctx, path, size, rds, res, add)
	}
	digest, column, line := make([]byte, size), -1, 0
	for ; ; line++ {
		if line&0xffff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		b, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("line %d has more than %d bytes; it is no list of digests", line+1, maxLine)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("line %d: %w", line+1, err)
		}
		if t := bytes.TrimSpace(b); len(t) > 0 {
			if c := header(string(t[:min(len(t), 4096)]), size); column < 0 && c >= 0 && line < 8 {
				column = c
			} else if t[0] != '#' && t[0] != '%' {
				if !find(t, column, digest) {
					res.Without++
				} else if err := add(digest); err != nil {
					return err
				} else {
					res.Read++
				}
			}
		}
		if err != nil {
			return nil
		}
	}
}

// header finds the column of the algorithm in a line that names columns, or -1.
func header(line string, size int) int {
	line = strings.TrimPrefix(strings.TrimPrefix(line, "\ufeff"), "%%%% ")
	return slices.IndexFunc(strings.Split(line, ","), func(s string) bool {
		return strings.ReplaceAll(strings.ToLower(strings.Trim(s, `" `)), "-", "") == Algorithms[size]
	})
}

// find takes the digest of a line: of a column of CSV, or the first word that
// is as long as one.
func find(line []byte, column int, digest []byte) bool {
	quoted, n := false, 0
	if column >= 0 {
		start := 0
		for i := 0; i <= len(line); i++ {
			if i < len(line) && line[i] == '"' {
				quoted = !quoted
			}
			if i == len(line) || line[i] == ',' && !quoted {
				if n == column {
					return decode(bytes.Trim(line[start:i], `" `), digest)
				}
				n, start = n+1, i+1
			}
		}
		return false
	}
	for _, w := range bytes.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t,;|=\"*\ufeff", r) }) {
		if decode(w, digest) {
			return true
		}
	}
	return false
}

func decode(w, digest []byte) bool {
	if len(w) != 2*len(digest) {
		return false
	}
	_, err := hex.Decode(digest, w)
	return err == nil
}

// readRDS reads the digests of an NSRL RDS v3 database.
func readRDS(ctx context.Context, path string, size int, rds RDS, res *Built, add func([]byte) error) error {
	if rds == nil {
		return errors.New("it is an SQLite database, which is not read here")
	}
	digest := make([]byte, size)
	return rds(ctx, path, Algorithms[size], func(text []byte) error {
		if !decode(text, digest) {
			res.Without++
			return nil
		}
		res.Read++
		return add(digest)
	})
}
