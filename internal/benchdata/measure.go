package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// measure runs a command without its output and prints its seconds by the clock,
// its CPU seconds and its largest resident size in KiB. An exit code of 3,
// incomplete input, is no error: some captures of the mix are.
func measure(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: benchdata measure COMMAND [ARGUMENT]")
	}
	c := exec.Command(args[0], args[1:]...)
	c.Stderr = os.Stderr
	begun := time.Now()
	err := c.Run()
	took := time.Since(begun)
	if err != nil && c.ProcessState.ExitCode() != 3 {
		return fmt.Errorf("%v: %w", args, err)
	}
	u, ok := c.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("this system tells no usage of a process")
	}
	cpu := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	fmt.Printf("%.3f %.3f %d\n", took.Seconds(), cpu.Seconds(), u.Maxrss)
	return nil
}
