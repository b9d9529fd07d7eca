package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"saksi/casefile"
	"saksi/evidence"
	"saksi/internal/tokenclient"
	"saksi/internal/worker"
)

// stationKey is the path of this machine's own key: it signs where no
// examiner's key is given. It lies in clear, for its owner alone, so that work
// at night needs no pass phrase; sealing a case takes a person's key.
func stationKey() (string, error) {
	dir, err := dataDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "keys", "station.key"), nil
}

// signer loads the key at path, or the station's, which is made on first use.
func (a *app) signer(path string) (*evidence.Signer, error) {
	if path == "" {
		station, err := stationKey()
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(station); errors.Is(err, fs.ErrNotExist) {
			pub, err := evidence.GenerateKey(station, evidence.KeyECDSA, nil)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(a.stderr, "saksi: made this station's key; its public half is %s\n", pub)
		}
		path = station
	}
	if strings.HasPrefix(path, tokenclient.Scheme) {
		return a.tokenSigner(path)
	}
	s, err := evidence.LoadSigner(path, a.passphrase)
	if err != nil {
		return nil, evidenceError(err)
	}
	return s, nil
}

// tokenSigner signs with a key on a PKCS #11 token; the PIN is asked for as a
// pass phrase.
func (a *app) tokenSigner(address string) (*evidence.Signer, error) {
	k, err := tokenclient.Parse(address)
	if err != nil {
		return nil, fail(exitTrust, err)
	}
	pin, err := a.passphrase(false)
	if err != nil {
		return nil, fail(exitTrust, err)
	}
	c, err := tokenclient.Open(context.Background(), worker.Config{Path: a.worker, Version: version, Env: tokenEnv()}, k, pin)
	if err != nil {
		return nil, fail(exitTrust, err)
	}
	s, err := evidence.RemoteSigner(c.Public(), c.Sign)
	return s, evidenceError(err)
}

// casePhrase asks for the pass phrase of an encrypted case, which need not be that
// of a signing key.
func (a *app) casePhrase(confirm bool) ([]byte, error) {
	if p := envCasePhrase.get(); p != "" {
		return []byte(p), nil
	}
	return a.passphrase(confirm)
}

// errNoPassphrase is returned when a key needs a pass phrase and nobody can be
// asked.
var errNoPassphrase = errors.New("the key needs a pass phrase")

// maxPassphrase bounds a pass phrase, in bytes.
const maxPassphrase = 4 << 10

// passphrase asks for a pass phrase: from the file descriptor that was named,
// from SAKSI_PASSPHRASE, else on the terminal; never from an argument.
func (a *app) passphrase(confirm bool) ([]byte, error) {
	if a.passphraseFD >= 0 {
		return a.passphraseFrom(a.passphraseFD)
	}
	if p := envPassphrase.get(); p != "" {
		return []byte(p), nil
	}
	in, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, fmt.Errorf("%w: set %s, name a file descriptor by --passphrase-fd, or run it on a terminal", errNoPassphrase, envPassphrase.name)
	}
	ask := func(prompt string) ([]byte, error) {
		fmt.Fprint(a.stderr, prompt)
		p, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(a.stderr)
		return p, err
	}
	p, err := ask("pass phrase: ")
	if err != nil || !confirm {
		return p, err
	}
	again, err := ask("the same again: ")
	if err != nil {
		return nil, err
	}
	if string(p) != string(again) {
		return nil, errors.New("the two pass phrases differ")
	}
	return p, nil
}

// passphraseFrom reads the first line of a file descriptor once; a command may
// need it for more than one key.
func (a *app) passphraseFrom(fd int) ([]byte, error) {
	if a.phrase == nil {
		f := os.NewFile(uintptr(fd), fmt.Sprintf("file descriptor %d", fd))
		if f == nil {
			return nil, fmt.Errorf("%w: file descriptor %d is not open", errNoPassphrase, fd)
		}
		b, err := io.ReadAll(io.LimitReader(f, maxPassphrase+1))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoPassphrase, err)
		}
		line, _, _ := bytes.Cut(b, []byte("\n"))
		if len(line) == 0 || len(b) > maxPassphrase {
			return nil, fmt.Errorf("%w: file descriptor %d gives none, or more than %d bytes", errNoPassphrase, fd, maxPassphrase)
		}
		a.phrase = line
	}
	return bytes.Clone(a.phrase), nil
}

// who is the person at the keyboard, for the custody log.
func who() string {
	if u, err := user.Current(); err == nil {
		if u.Name != "" && u.Name != u.Username {
			return u.Name + " (" + u.Username + ")"
		}
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

func toolName() string { return "saksi " + version }

// evidenceError gives errors of evidence their exit codes.
func evidenceError(err error) error {
	var coded *exitError
	switch {
	case err == nil || errors.As(err, &coded):
		return err
	case errors.Is(err, evidence.ErrTrust):
		return fail(exitTrust, err)
	case errors.Is(err, evidence.ErrSignature), errors.Is(err, evidence.ErrDigest), errors.Is(err, evidence.ErrFile):
		return fail(exitDigest, err)
	case errors.Is(err, evidence.ErrCustody):
		return fail(exitCustody, err)
	case errors.Is(err, evidence.ErrLocked):
		return fail(exitLocked, err)
	}
	return err
}

// caseError gives errors of a case folder their exit codes.
func caseError(err error) error {
	if errors.Is(err, casefile.ErrLockedCase) {
		return failHint(exitLocked, err, "'saksi case unlock DIR' opens it")
	}
	if errors.Is(err, casefile.ErrNoCase) {
		return failHint(exitNoCase, err, "'saksi case new DIR --id ID --agency NAME' makes one")
	}
	return evidenceError(err)
}
