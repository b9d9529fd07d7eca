package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// progress shows how far long work has come: a bar on a terminal, a line every
// few seconds elsewhere. It is safe for concurrent use.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	what  string
	unit  string
	bar   bool
	begun time.Time
	last  time.Time
	drawn bool
}

// Intervals between two updates.
const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 5 * time.Second
)

// progress starts the display of one piece of work; nil, which does nothing,
// under --quiet. The caller MUST call finish.
func (a *app) progress(what, unit string) *progress {
	if a.quiet {
		return nil
	}
	f, ok := a.stderr.(*os.File)
	now := time.Now()
	return &progress{w: a.stderr, what: what, unit: unit, bar: ok && term.IsTerminal(int(f.Fd())), begun: now, last: now}
}

// update shows done of total units; total 0 is unknown.
func (p *progress) update(done, total int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	every := lineEvery
	if p.bar {
		every = barEvery
	}
	if now.Sub(p.last) < every {
		return
	}
	p.last, p.drawn = now, true
	line := fmt.Sprintf("%s: %s %s", p.what, size(done, p.unit), rate(done, now.Sub(p.begun), p.unit))
	if total > 0 {
		left := time.Duration(float64(now.Sub(p.begun)) / float64(max(done, 1)) * float64(total-done)).Round(time.Second)
		line = fmt.Sprintf("%s: %s of %s, %d %%, %s, %s left", p.what, size(done, p.unit), size(total, p.unit), done*100/total, rate(done, now.Sub(p.begun), p.unit), left)
		if p.bar {
			n := int(done * 20 / total)
			line = "[" + strings.Repeat("#", n) + strings.Repeat("-", max(0, 20-n)) + "] " + line
		}
	}
	if p.bar {
		fmt.Fprintf(p.w, "\r\x1b[K%s", line)
	} else {
		fmt.Fprintf(p.w, "saksi: %s\n", line)
	}
}

// finish clears the bar.
func (p *progress) finish() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar && p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// size formats a count; unit "B" gives binary multiples.
func size(n int64, unit string) string {
	if unit != "B" {
		return fmt.Sprintf("%d %s", n, unit)
	}
	const k = 1024
	switch {
	case n < k:
		return fmt.Sprintf("%d B", n)
	case n < k*k:
		return fmt.Sprintf("%.1f KiB", float64(n)/k)
	case n < k*k*k:
		return fmt.Sprintf("%.1f MiB", float64(n)/(k*k))
	}
	return fmt.Sprintf("%.2f GiB", float64(n)/(k*k*k))
}

func rate(n int64, d time.Duration, unit string) string {
	if d <= 0 {
		return ""
	}
	return size(int64(float64(n)/d.Seconds()), unit) + "/s"
}
