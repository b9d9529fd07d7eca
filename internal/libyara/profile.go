package libyara

import (
	"context"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"saksi/internal/wire"
	"saksi/rules/yara"
)

// profile compiles one rule alone and scans a content by it: whether it
// matched, and the CPU time of the scan.
func (h *handlers) profile(_ context.Context, req []byte, files []*os.File, reply func([]byte) error) error {
	r := wire.Reader{B: req}
	src := yara.Source{Namespace: r.String(), Text: append([]byte(nil), r.Bytes()...)}
	name := r.String()
	if r.Err() != nil {
		return r.Err()
	}
	in, err := h.content(&r, files)
	if err != nil {
		return err
	}
	set, _, err := Compile([]yara.Source{src})
	if err != nil {
		return err
	}
	defer set.Close()
	sc, err := set.NewScanner()
	if err != nil {
		return err
	}
	defer sc.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begun := threadTime()
	matches, err := sc.Scan(in, scanLimit)
	spent := threadTime() - begun
	if err != nil {
		return err
	}
	matched := false
	for i := range matches {
		matched = matched || matches[i].Rule == name
	}
	var w wire.Writer
	w.Bool(matched)
	w.Uint(uint64(spent))
	return reply(w.B)
}

// threadTime is the CPU time of this thread, or the clock where there is none.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return time.Duration(time.Now().UnixNano())
	}
	return time.Duration(t.Nano())
}
