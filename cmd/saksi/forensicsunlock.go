package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"saksi/forensics/disk"
	"saksi/internal/infile"
)

// unlockFlags give what opens encrypted volumes: never as an argument itself.
type unlockFlags struct {
	ask  bool
	fd   int
	keys []string
}

func (o *unlockFlags) add(c *cobra.Command) {
	f := c.PersistentFlags()
	f.BoolVar(&o.ask, "unlock", false, "ask for a pass phrase, recovery password or recovery key that opens encrypted volumes (LUKS, BitLocker, FileVault), read-only")
	f.IntVar(&o.fd, "unlock-fd", -1, "`number` of an open file descriptor that gives such pass phrases, one a line")
	f.StringArrayVar(&o.keys, "unlock-key", nil, "key `file` that opens encrypted volumes (of LUKS; .BEK of BitLocker)")
	c.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		if err := cmd.Root().PersistentPreRunE(cmd, args); err != nil {
			return err
		}
		secrets, err := o.secrets(cmd)
		if err == nil && len(secrets) > 0 {
			cmd.SetContext(disk.WithSecrets(cmd.Context(), secrets))
		}
		return err
	}
}

// maxSecrets bounds what is tried on every volume.
const maxSecrets = 64

func (o *unlockFlags) secrets(cmd *cobra.Command) (list [][]byte, err error) {
	for _, path := range o.keys {
		b, err := infile.Read(path, maxKeyFile)
		if err == nil && len(b) == 0 {
			err = fmt.Errorf("%s is empty", path)
		}
		if err != nil {
			return nil, usage("--unlock-key: %w", err)
		}
		list = append(list, b)
	}
	if o.fd >= 0 {
		f := os.NewFile(uintptr(o.fd), fmt.Sprintf("file descriptor %d", o.fd))
		if f == nil {
			return nil, usage("--unlock-fd %d: it is not open", o.fd)
		}
		b, err := io.ReadAll(io.LimitReader(f, maxPassphrase*maxSecrets+1))
		if err != nil {
			return nil, usage("--unlock-fd %d: %w", o.fd, err)
		}
		if len(b) > maxPassphrase*maxSecrets {
			return nil, usage("--unlock-fd %d: it gives more than %d bytes; name what is no pass phrase by --unlock-key", o.fd, maxPassphrase*maxSecrets)
		}
		for _, line := range bytes.Split(b, []byte("\n")) {
			if line = bytes.TrimSuffix(line, []byte("\r")); len(line) > 0 {
				list = append(list, line)
			}
		}
	}
	if o.ask {
		in, ok := cmd.InOrStdin().(*os.File)
		if !ok || !term.IsTerminal(int(in.Fd())) {
			return nil, usage("--unlock asks on a terminal; elsewhere name a file descriptor by --unlock-fd")
		}
		fmt.Fprint(cmd.ErrOrStderr(), "pass phrase of the volume: ")
		p, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	if len(list) > maxSecrets {
		return nil, usage("%d pass phrases and keys; at most %d are tried", len(list), maxSecrets)
	}
	return list, nil
}

// maxKeyFile is the most bytes of a key file, as cryptsetup has it.
const maxKeyFile = 8 << 20
