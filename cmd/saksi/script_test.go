package main

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this test binary act as saksi inside the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"saksi": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
			defer stop()
			os.Exit(int(run(ctx, &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}, os.Args[1:])))
		},
	})
}

// TestScript runs every command as a user types it: testdata/script/*.txtar,
// named after their noun. $TESTDATA is the repository's testdata folder; the
// condition [worker] holds when saksi-worker was built (it needs libtsk and
// libyara), and SAKSI_WORKER then names it.
func TestScript(t *testing.T) {
	testdata, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	worker := buildWorker(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("TESTDATA", testdata)
			e.Setenv("SAKSI_WORKER", worker)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, ".config"))
			e.Setenv("XDG_DATA_HOME", filepath.Join(e.WorkDir, ".data"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exitcode": cmdExitCode,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
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
