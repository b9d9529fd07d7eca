package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTerminal: nothing that drives a terminal reaches one, however writes are cut, and text does.
func TestTerminal(t *testing.T) {
	in := "satu,\tdua\n\x1b]0;t\x07 \u202egnp \xe2\x82\xac é 試験 \x9b31m \xc2\x9b \r x"
	const want = "satu,\tdua\n" + `\x1b]0;t\x07 \u202egnp € é 試験 \x9b31m \x9b \x0d x`
	for size := 1; size < len(in); size++ {
		var b strings.Builder
		w := &terminal{w: &b}
		for from := 0; from < len(in); from += size {
			p := in[from:min(from+size, len(in))]
			if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
				t.Fatal(n, err)
			}
		}
		if b.String() != want {
			t.Fatalf("in pieces of %d: %q, expected %q", size, b.String(), want)
		}
	}
	var b strings.Builder
	if w := onTerminal(&b); w != &b {
		t.Error("what is no terminal gets other bytes")
	}
}

// TestTerminalQuiet: no command asks the terminal for anything. A library did, for its colors, when
// the program began: where no answer came each command took five seconds more.
func TestTerminalQuiet(t *testing.T) {
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	defer ours.Close()
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	c := exec.Command(os.Args[0])
	c.Args = []string{"saksi", "findings", "saved"} // few words: nobody reads meanwhile
	c.Stdin, c.Stdout, c.Stderr = theirs, theirs, theirs
	c.Env = []string{"TERM=xterm-256color", "HOME=" + t.TempDir()}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	_ = c.Run() // what it says is looked at, not how it ends
	if _, err := theirs.WriteString("end\n"); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	b := make([]byte, 4096)
	for !strings.Contains(got.String(), "end") {
		n, err := ours.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		got.Write(b[:n])
	}
	if strings.Contains(got.String(), "\x1b") || got.Len() < 10 {
		t.Errorf("%q", got.String())
	}
}
