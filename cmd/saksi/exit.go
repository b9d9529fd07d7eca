package main

import (
	"context"
	"errors"
	"fmt"

	"saksi/findings"
)

// exitCode is what the process returns; the table below is the interface
// others script against, and the man page is generated from it.
type exitCode int

const (
	exitOK          exitCode = 0
	exitFailed      exitCode = 1
	exitUsage       exitCode = 2
	exitIncomplete  exitCode = 3
	exitFailOn      exitCode = 4
	exitDigest      exitCode = 10
	exitCustody     exitCode = 11
	exitTrust       exitCode = 12
	exitNoCase      exitCode = 20
	exitLocked      exitCode = 21
	exitInterrupted exitCode = 130
)

var exitCodes = []struct {
	code   exitCode
	reason string
}{
	{exitOK, "success"},
	{exitFailed, "the command failed; the error says what was being done"},
	{exitUsage, "the command line or a setting is wrong; nothing was done"},
	{exitIncomplete, "finished, but part of the input could not be read; what was found is kept"},
	{exitFailOn, "a finding at or above --fail-on was found"},
	{exitDigest, "a digest or a signature does not match"},
	{exitCustody, "the custody log is broken"},
	{exitTrust, "a key or the root of trust is missing or wrong"},
	{exitNoCase, "there is no case in the folder"},
	{exitLocked, "another process holds the case or the index, or the case is locked (encrypted)"},
	{exitInterrupted, "interrupted; what was found until then is kept"},
}

// exitError is an error with its exit code and, if there is one, the next
// thing to do.
type exitError struct {
	code exitCode
	err  error
	hint string
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// fail gives err an exit code.
func fail(code exitCode, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code: code, err: err}
}

// failHint gives err an exit code and says what to do next.
func failHint(code exitCode, err error, hint string, args ...any) error {
	if err == nil {
		return nil
	}
	return &exitError{code: code, err: err, hint: fmt.Sprintf(hint, args...)}
}

// usage is a wrong command line.
func usage(format string, args ...any) error {
	return fail(exitUsage, fmt.Errorf(format, args...))
}

// codeOf decides the exit code of an error by its values, never by its text.
func codeOf(err error) exitCode {
	var e *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &e):
		return e.code
	case errors.Is(err, findings.ErrLocked):
		return exitLocked
	}
	return exitFailed
}
