package soak

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Killed starts the test's own program with args, kills it after some time and
// returns the last number that it acknowledged by a line on its standard
// output, -1 for none. That it ended before by itself is an error.
func Killed(after time.Duration, args ...string) (acked int64, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	c := exec.Command(self, args...)
	var said strings.Builder
	c.Stderr = &said
	out, err := c.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := c.Start(); err != nil {
		return 0, err
	}
	t := time.AfterFunc(after, func() { _ = c.Process.Kill() })
	defer t.Stop()
	acked = -1
	for sc := bufio.NewScanner(out); sc.Scan(); {
		if _, err := fmt.Sscan(sc.Text(), &acked); err != nil {
			return 0, err
		}
	}
	err = c.Wait()
	var ee *exec.ExitError
	if !errors.As(err, &ee) || ee.ExitCode() != -1 {
		return acked, fmt.Errorf("the writer ended by itself: %w: %s", err, said.String())
	}
	return acked, nil
}

// UntilDone starts the test's own program with env again and again, killing it
// (SIGKILL) at random moments of the time that a whole run takes, and later with each
// run, until it ends by itself. It returns how often it was killed.
func UntilDone(r *rand.Rand, took time.Duration, env ...string) (kills int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	for run := range 100 {
		c := exec.Command(self)
		c.Env = append(os.Environ(), env...)
		var said bytes.Buffer
		c.Stderr = &said
		if err := c.Start(); err != nil {
			return kills, err
		}
		t := time.AfterFunc(time.Duration(r.Int64N(int64(took)))+time.Duration(run)*took/20, func() { _ = c.Process.Kill() })
		err := c.Wait()
		t.Stop()
		var ee *exec.ExitError
		switch {
		case err == nil:
			return kills, nil
		case !errors.As(err, &ee) || ee.ExitCode() != -1:
			return kills, fmt.Errorf("run %d: %w: %s", run, err, said.String())
		}
		kills++
	}
	return kills, errors.New("a hundred runs, and no end")
}

// Rounds is n in a full run (see Run), and few in an ordinary one.
func Rounds(few, n int) int {
	if os.Getenv(envFull) == "1" {
		return n
	}
	return few
}
