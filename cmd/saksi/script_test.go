package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"saksi/internal/ecs"
)

// TestMain makes this test binary act as saksi inside the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"saksi": main,
	})
}

// TestScript runs every command as a user types it: testdata/script/*.txtar,
// named after their noun.
func TestScript(t *testing.T) {
	scripts(t, "testdata/script", nil)
}

// TestIntegrationScript runs commands against a real Elasticsearch node, whose
// URL is in $ES; $AGENCY is a name of this run's own.
func TestIntegrationScript(t *testing.T) {
	node := os.Getenv("SAKSI_TEST_ES")
	if node == "" {
		t.Skip("SAKSI_TEST_ES names no Elasticsearch node; make integration starts one")
	}
	scripts(t, "testdata/integration", map[string]string{"ES": node, "AGENCY": "uji_" + strconv.FormatInt(time.Now().UnixNano(), 36)})
}

// TestInteropStock holds output to that of the stock tools.
func TestInteropStock(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs sleuthkit: run by make interop")
	}
	scripts(t, "testdata/stock", nil)
}

// TestInteropLive captures from an interface over which tcpreplay sends the
// captures of testdata, in a network of each script's own. It is part of make
// interop, which installs what it needs, and runs wherever that is there.
func TestInteropLive(t *testing.T) { scripts(t, "testdata/live", nil) }

// scripts runs the scripts of a folder. $TESTDATA is the repository's testdata
// folder, SAKSI_WORKER names the worker, built for the run.
func scripts(t *testing.T, dir string, env map[string]string) {
	t.Helper()
	testdata, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	worker := buildWorker(t)
	var live liveCommands
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(e *testscript.Env) error {
			for k, v := range env {
				e.Setenv(k, v)
			}
			e.Setenv("TESTDATA", testdata)
			e.Setenv("SAKSI_WORKER", worker)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, ".config"))
			e.Setenv("XDG_DATA_HOME", filepath.Join(e.WorkDir, ".data"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await":        cmdAwait,
			"conforms":     cmdConforms,
			"ecs":          cmdECS,
			"exitcode":     cmdExitCode,
			"firstid":      cmdFirstID,
			"flip":         cmdFlip,
			"hold":         cmdHold,
			"interrupt":    cmdInterrupt,
			"live":         cmdLive(&live),
			"netns":        cmdNetns,
			"samealerts":   cmdSameAlerts,
			"samefindings": cmdSameFindings,
			"samepackets":  cmdSamePackets,
			"shorter":      cmdShorter,
			"signal":       cmdSignal(&live),
			"tmpfs":        cmdTmpfs,
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "mount":
				return canMount(t), nil
			case "netns":
				return canNetns(), nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// cmdECS holds documents, one a line, to ECS; there must be some.
func cmdECS(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ecs FILE")
	}
	docs, wrong := 0, 0
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		docs++
		for _, w := range ecs.Check([]byte(line)) {
			ts.Logf("%s: %s", w, line)
			wrong++
		}
	}
	if docs == 0 || wrong > 0 {
		ts.Fatalf("%s: %d documents, %d things are not ECS's", args[0], docs, wrong)
	}
}

// cmdExitCode runs "exitcode N saksi ARGS..." and fails unless the command
// ends with that code.
func cmdExitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N COMMAND [ARGS...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		ee, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("running %v: %v", args[1:], err)
		}
		code = strconv.Itoa(ee.ExitCode())
	}
	if code != args[0] {
		ts.Fatalf("%v: exit code %s, expected %s", args[1:], code, args[0])
	}
}

// cmdFlip runs "flip FILE OFFSET": one bit of the byte there changes.
func cmdFlip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE OFFSET")
	}
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	if at >= len(b) {
		ts.Fatalf("%s has %d bytes, none at offset %d", args[0], len(b), at)
	}
	b[at] ^= 1
	ts.Check(os.WriteFile(path, b, 0o600))
}

// cmdHold runs "hold FILE": another holder has the lock on it until the script
// ends. (A lock belongs to an open file, so this process is another holder.)
func cmdHold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hold FILE")
	}
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_RDWR, 0)
	ts.Check(err)
	ts.Check(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	ts.Defer(func() { f.Close() })
}

// cmdInterrupt runs "interrupt [-once] PCAP saksi ARGS...": the packets of
// a pcap file go to standard input again and again, to 3 MB, or once, then nothing
// more comes and it stays open. After a second it is interrupted, and must
// end with exit code 130 within ten. Its output is in the files
// interrupt.stdout and interrupt.stderr.
func cmdInterrupt(ts *testscript.TestScript, neg bool, args []string) {
	const pcapHeader = 24
	enough := 3 << 20
	if len(args) > 0 && args[0] == "-once" {
		enough, args = 0, args[1:]
	}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: interrupt [-once] PCAP COMMAND [ARGS...]")
	}
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	for packets := b[min(pcapHeader, len(b)):]; len(packets) > 0 && len(b) < enough; {
		b = append(b, packets...)
	}
	path, err := lookPath(ts.Getenv("PATH"), args[1])
	ts.Check(err)
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	c := exec.CommandContext(ctx, path, args[2:]...)
	c.Dir = ts.MkAbs(".")
	for _, k := range []string{"PATH", "HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "SAKSI_WORKER"} {
		c.Env = append(c.Env, k+"="+ts.Getenv(k))
	}
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	in, err := c.StdinPipe()
	ts.Check(err)
	ts.Check(c.Start())
	_, werr := in.Write(b)
	time.Sleep(time.Second)
	ts.Check(c.Process.Signal(os.Interrupt))
	err = c.Wait()
	ts.Check(os.WriteFile(ts.MkAbs("interrupt.stdout"), stdout.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("interrupt.stderr"), stderr.Bytes(), 0o600))
	var ee *exec.ExitError
	if !errors.As(err, &ee) || ee.ExitCode() != int(exitInterrupted) {
		ts.Fatalf("%v: %v, expected exit code %d; writing to it: %v\n%s", args[1:], err, exitInterrupted, werr, stderr.String())
	}
}

func lookPath(path, name string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p, nil
		}
	}
	return "", exec.ErrNotFound
}

// cmdShorter runs "shorter FILE N": no line of the file has more than N
// characters. Lines that hold a command or a path to copy are left out.
func cmdShorter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: shorter FILE N")
	}
	most, err := strconv.Atoi(args[1])
	ts.Check(err)
	copied := regexp.MustCompile(`^(  saksi |  xdg-open |Case |Report )`)
	for i, line := range strings.Split(ts.ReadFile(args[0]), "\n") {
		if n := utf8.RuneCountInString(line); n > most && !copied.MatchString(line) {
			ts.Fatalf("%s:%d: %d characters, more than %d: %s", args[0], i+1, n, most, line)
		}
	}
}

// cmdTmpfs runs "tmpfs DIR BYTES": a file system in memory of that size, until
// the script ends.
func cmdTmpfs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tmpfs DIR BYTES")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+args[1]))
	ts.Defer(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

// canMount tries whether this user may mount a file system in memory.
func canMount(t *testing.T) bool {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		return false
	}
	return unix.Unmount(dir, 0) == nil
}

// buildWorker builds saksi-worker once for all scripts. It fails the test when
// the build fails: scripts/need worker-libs installs what it needs.
func buildWorker(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "saksi-worker")
	cmd := exec.Command("go", "build", "-o", path, "saksi/cmd/saksi-worker")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building saksi-worker: %v\n%s", err, out)
	}
	return path
}
