// Command saksi sees attacks on networks, examines seized disks, keeps the
// evidence and shows how all of it meets the security framework.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"saksi/evidence"
)

// version is set by the release build.
var version = "dev"

// app is what every command shares: its streams and the flags common to all.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	format         string // --output: table, json, ndjson, csv
	to             string // --to: file instead of stdout
	config         string
	worker         string // --worker: path of saksi-worker
	as             string // --as: key of the person who acts in a case
	quiet          bool
	ran            bool   // the command line was understood and a command began
	passphraseFD   int    // --passphrase-fd: -1 for none
	phrase         []byte // read from it
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "saksi",
		Short: "See attacks, examine disks, keep evidence, show auditors how it meets the framework",
		Long: "Saksi (Malay: witness) reads traffic and disks, says what it found in one vocabulary,\n" +
			"ties each finding to its evidence and to the controls it bears on, and lets anyone recompute it.",
		SilenceUsage:      true,
		SilenceErrors:     true,
		DisableAutoGenTag: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.applySettings(cmd); err != nil {
				return err
			}
			if err := a.checkFormat(cmd); err != nil {
				return err
			}
			if err := cmd.ValidateRequiredFlags(); err != nil {
				return err
			}
			a.ran = true
			return nil
		},
	}
	p := root.PersistentFlags()
	p.StringVarP(&a.format, "output", "o", "table", "form of the output: table, json, ndjson or csv")
	p.StringVar(&a.to, "to", "", "write the output to this `file` instead of standard output")
	p.StringVar(&a.config, "config", "", "settings `file` (default: the user's, then the system's)")
	p.StringVar(&a.worker, "worker", "", "`path` of saksi-worker (default: beside saksi, then in PATH)")
	p.IntVar(&a.passphraseFD, "passphrase-fd", -1, "`number` of an open file descriptor that gives the pass phrase of a signing key in its first line")
	p.StringVar(&a.as, "as", "", "signing key `file` of the person who acts in a case, whom this station's register of keys binds to a role (default: the key of the case acts)")
	p.BoolVarP(&a.quiet, "quiet", "q", false, "no progress on standard error")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return failHint(exitUsage, flagError(err), "see '%s --help'", cmd.CommandPath())
	})
	root.AddCommand(
		sensorCommand(a),
		rulesCommand(a),
		forensicsCommand(a),
		findingsCommand(a),
		caseCommand(a),
		evidenceCommand(a),
		frameworkCommand(a),
		demoCommand(a),
		doctorCommand(a),
		versionCommand(a),
		generateCommand(a),
	)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	return root
}

// run executes one command line and returns its exit code. No panic reaches a
// user: one is reported as what it is, a defect.
func run(ctx context.Context, a *app, args []string) (code exitCode) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(a.stderr, "saksi: internal error: %v\nsaksi: please report this with the lines below\n%s", r, debug.Stack())
			code = exitFailed
		}
	}()
	ctx, held := evidence.WithHeld(ctx)
	defer held.Close()
	root := newRoot(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	code = codeOf(err)
	if ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) { // see interruptible
		code = exitInterrupted
	}
	if code == exitFailed && !a.ran {
		err = failHint(exitUsage, err, "see '%s --help'", commandOf(root, args))
		code = exitUsage
	}
	if !a.ran {
		a.format = formatOf(args, a.format)
	}
	if code == exitInterrupted {
		err = errInterrupted
	}
	a.printError(code, err)
	return code
}

// commandOf is the command that a wrong command line means, as typed.
func commandOf(root *cobra.Command, args []string) string {
	if c, _, err := root.Find(args); err == nil {
		return c.CommandPath()
	}
	return root.Name()
}

// formatOf finds the form of the output in a command line that could not be
// understood, so that its error has that form too.
func formatOf(args []string, or string) string {
	for i, arg := range args {
		v, ok := strings.CutPrefix(arg, "--output=")
		switch {
		case arg == "--":
			return or
		case (arg == "-o" || arg == "--output") && i+1 < len(args):
			v = args[i+1]
		case !ok:
			v, _ = strings.CutPrefix(arg, "-o")
		}
		if slices.Contains(formats, v) {
			return v
		}
	}
	return or
}

// errInterrupted is what a person is told who stopped a command.
var errInterrupted = errors.New("interrupted; what was found until then is kept")

// printError says what failed on standard error; under -o json and ndjson as
// one JSON object.
func (a *app) printError(code exitCode, err error) {
	var e *exitError
	hint := ""
	if errors.As(err, &e) {
		hint = e.hint
	}
	if a.format == "json" || a.format == "ndjson" {
		b, _ := json.Marshal(struct {
			Error string   `json:"error"`
			Code  exitCode `json:"code"`
			Hint  string   `json:"hint,omitempty"`
		}{err.Error(), code, hint})
		fmt.Fprintf(a.stderr, "%s\n", b)
		return
	}
	fmt.Fprintf(a.stderr, "saksi: %s\n", printable(err.Error()))
	if hint != "" {
		fmt.Fprintf(a.stderr, "hint: %s\n", printable(hint))
	}
}

func main() { os.Exit(int(process())) }

// orderly is how long the end of the work may take before it is said that it does.
const orderly = 3 * time.Second

// process runs this process's own command line. The first interrupt ends the
// work in order, the second at once.
func process() exitCode {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() {
		stop()
		time.AfterFunc(orderly, func() { fmt.Fprintln(os.Stderr, "saksi: the work is being ended; interrupt once more to stop at once") })
	})
	os.Stdin = interruptible(ctx, os.Stdin)
	return run(ctx, &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}, os.Args[1:])
}

// interruptible lets a read from a pipe end, with os.ErrDeadlineExceeded, when
// ctx does: whoever waits for the next byte can't look at ctx. The pipe is
// opened anew for that, so that no flag changes for those who share it.
func interruptible(ctx context.Context, in *os.File) *os.File {
	st, err := in.Stat()
	if err != nil || st.Mode()&os.ModeNamedPipe == 0 {
		return in
	}
	f, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", in.Fd()), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return in
	}
	context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Now()) })
	return f
}

// noun makes a command that only groups others: alone it shows its help, with
// an unknown verb it fails.
func noun(use, short string, sub ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use:   use,
		Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return failHint(exitUsage, fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath()), "see '%s --help'", cmd.CommandPath())
			}
			return cmd.Help()
		},
	}
	c.AddCommand(sub...)
	return c
}
