package soak

import (
	"bufio"
	"errors"
	"fmt"
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
