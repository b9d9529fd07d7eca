package artifact

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// maxLine bounds a line of a log in text, in bytes.
const maxLine = 64 << 10

// eachLine gives f every line that is not empty, without its end. A line
// that is too long is a problem, and the next one is read.
func eachLine(in Input, f func(off int64, line string) error, problem func(Problem)) error {
	return eachRaw(in, func(off int64, line []byte) error { return f(off, strings.ToValidUTF8(string(line), "\uFFFD")) }, problem)
}

// eachAny gives empty lines too.
func eachAny(in Input, f func(off int64, line string) error, problem func(Problem)) error {
	return lines(in, true, func(off int64, line []byte) error { return f(off, strings.ToValidUTF8(string(line), "\uFFFD")) }, problem)
}

// eachRaw gives lines that are not empty as their bytes, valid until f returns.
func eachRaw(in Input, f func(off int64, line []byte) error, problem func(Problem)) error {
	return lines(in, false, f, problem)
}

func lines(in Input, empty bool, f func(off int64, line []byte) error, problem func(Problem)) error {
	b := bufio.NewReaderSize(io.NewSectionReader(in, 0, in.Size), maxLine)
	for off := int64(0); ; {
		line, err := b.ReadSlice('\n')
		n := int64(len(line))
		if errors.Is(err, bufio.ErrBufferFull) {
			problem(Problem{off, fmt.Sprintf("a line has more than %d bytes; it is not read", maxLine)})
			for errors.Is(err, bufio.ErrBufferFull) {
				line, err = b.ReadSlice('\n')
				n += int64(len(line))
			}
			line = nil
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 || empty && n > 0 {
			if err := f(off, line); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading at offset %d: %w", off, err)
		}
		off += n
	}
}

// firstLine is the first line of a head that is not empty.
func firstLine(head []byte) string {
	line, _, _ := strings.Cut(strings.TrimLeft(string(head), "\r\n"), "\n")
	return strings.TrimRight(line, "\r")
}

// timeUTC writes Unix nanoseconds as RFC 3339 does.
func timeUTC(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }
