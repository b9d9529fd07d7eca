package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"saksi/internal/worker"
)

func doctorCommand(a *app) *cobra.Command {
	o := &indexFlags{}
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine: worker, sandbox, libraries, capture, index, keys, clock, disk",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return o.doctor(cmd, a) },
	}
	o.add(c)
	return c
}

// checkup is one line of the doctor.
type checkup struct{ what, state, detail, hint string }

func (o *indexFlags) doctor(cmd *cobra.Command, a *app) error {
	var list []checkup
	list = append(list, a.workerCheckups(cmd)...)
	list = append(list, captureCheckup(), o.indexCheckup(cmd), keyCheckup(), clockCheckup(), diskCheckup())
	r, err := a.rows("check", "state", "detail", "hint")
	if err != nil {
		return err
	}
	bad := 0
	for _, c := range list {
		if c.state == "bad" {
			bad++
		}
		if err := r.add(c.what, c.state, c.detail, c.hint); err != nil {
			return err
		}
	}
	if err := r.close(); err != nil {
		return err
	}
	if bad > 0 {
		return fail(exitFailed, fmt.Errorf("%d of %d checks failed", bad, len(list)))
	}
	return nil
}

func (a *app) workerCheckups(cmd *cobra.Command) []checkup {
	path, err := worker.Find(a.worker)
	if err != nil {
		return []checkup{{"worker", "bad", err.Error(), "disks, YARA and file.magic need it; all else runs without. Install the package saksi, or build it by 'make build'"}}
	}
	w, err := worker.Start(cmd.Context(), worker.Config{Path: path, Version: version})
	if err != nil {
		hint := "the packages libyara9, libtsk19 and libmagic1 bring its libraries (Debian 12)"
		if errors.Is(err, worker.ErrOpen) {
			hint = "use a kernel with seccomp and Landlock, or allow it by --allow-unsandboxed"
		}
		return []checkup{{"worker", "bad", err.Error(), hint}}
	}
	defer w.Close()
	list := []checkup{{"worker", "ok", path, ""}}
	sandbox := checkup{"sandbox", "ok", w.Layers().String(), ""}
	if l := w.Layers(); !l.Network || l.Landlock == 0 || !l.Seccomp {
		sandbox.state, sandbox.hint = "weak", "Linux 5.13 and later give all layers; without root, user namespaces must be allowed"
	}
	list = append(list, sandbox)
	out, err := exec.CommandContext(cmd.Context(), path, "version").Output()
	if err != nil {
		return append(list, checkup{"libraries", "bad", err.Error(), "run " + path + " version"})
	}
	return append(list, checkup{"libraries", "ok", strings.ReplaceAll(strings.TrimSpace(string(out)), "\n", ", "), ""})
}

// captureCheckup asks the kernel for a packet socket, as a live capture would.
func captureCheckup() checkup {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return checkup{"capture", "weak", err.Error(), "files can be read; a live interface needs root or 'setcap cap_net_raw+ep' on saksi"}
	}
	_ = unix.Close(fd)
	return checkup{"capture", "ok", "packet sockets can be opened", ""}
}

func (o *indexFlags) indexCheckup(cmd *cobra.Command) checkup {
	where, _, err := o.folder()
	if err != nil {
		return checkup{"index", "bad", err.Error(), "name a case by --case or an index by --index"}
	}
	ix, err := o.read(cmd.Context())
	var coded *exitError
	if errors.As(err, &coded) && !isURL(where) {
		return checkup{"index", "ok", "none yet in " + where, "it is made when something is stored"}
	}
	if err != nil && isURL(where) {
		return checkup{"index", "bad", err.Error(), "check the address and that the node runs"}
	}
	if err != nil {
		return checkup{"index", "bad", err.Error(), "'saksi findings push' builds it again from the spool"}
	}
	defer ix.Close()
	return checkup{"index", "ok", where, ""}
}

func keyCheckup() checkup {
	path, err := stationKey()
	if err != nil {
		return checkup{"key", "bad", err.Error(), "set HOME or XDG_DATA_HOME"}
	}
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return checkup{"key", "ok", "this station has no key yet", "it is made with the first case"}
	case st.Mode().Perm()&0o077 != 0:
		return checkup{"key", "bad", fmt.Sprintf("%s can be read by others (%o)", path, st.Mode().Perm()), "chmod 600 " + path}
	}
	return checkup{"key", "ok", path, ""}
}

// clockCheckup asks the kernel whether the clock is disciplined (adjtimex(2)).
func clockCheckup() checkup {
	now := time.Now()
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	zone, _ := now.Zone()
	detail := now.UTC().Format(time.RFC3339) + ", local zone " + zone
	switch {
	case now.Year() < 2026:
		return checkup{"clock", "bad", detail, "the clock is in the past: custody entries would be wrong"}
	case err != nil || state == unix.TIME_ERROR:
		return checkup{"clock", "weak", detail + ", not synchronized", "run an NTP client; times in the custody log come from this clock"}
	}
	return checkup{"clock", "ok", detail + ", synchronized", ""}
}

// lowDisk is the free space below which the doctor warns, in bytes.
const lowDisk = 5 << 30

func diskCheckup() checkup {
	dir, err := dataDir()
	if err != nil {
		return checkup{"disk", "bad", err.Error(), "set HOME or XDG_DATA_HOME"}
	}
	at := dir
	var st unix.Statfs_t
	for unix.Statfs(at, &st) != nil && at != "/" {
		at = at[:max(1, strings.LastIndexByte(at, '/'))]
	}
	free := int64(st.Bavail) * st.Bsize
	c := checkup{"disk", "ok", fmt.Sprintf("%s free for %s", size(free, "B"), dir), ""}
	if free < lowDisk {
		c.state, c.hint = "weak", "exhibits are copied into cases: leave room for them"
	}
	return c
}
