package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const testVersion = "test"

// TestMain makes this test binary the worker, with handlers that try what an
// exploit would.
func TestMain(m *testing.M) {
	if Serving(os.Args[1:]) {
		if err := Serve(os.Args[1:], testVersion, aims); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// sink keeps the compiler from removing what the memory aim allocates.
var sink [][]byte

// aims are what code that took over the worker would try. Each returns nil
// when it succeeded.
var aims = map[string]Handler{
	"echo": func(_ context.Context, req []byte, files []*os.File, reply func([]byte) error) error {
		if len(files) > 0 {
			b := make([]byte, 16)
			n, err := files[0].ReadAt(b, 0)
			if n == 0 {
				return err
			}
			return reply(b[:n])
		}
		return reply(req)
	},
	"socket": func(context.Context, []byte, []*os.File, func([]byte) error) error {
		_, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		return err
	},
	"connect": func(_ context.Context, req []byte, _ []*os.File, _ func([]byte) error) error {
		_, err := net.DialTimeout("tcp", string(req), time.Second)
		return err
	},
	"read": func(context.Context, []byte, []*os.File, func([]byte) error) error {
		_, err := os.ReadFile("/etc/passwd")
		return err
	},
	"list": func(context.Context, []byte, []*os.File, func([]byte) error) error {
		_, err := os.ReadDir("/")
		return err
	},
	"write": func(_ context.Context, req []byte, _ []*os.File, _ func([]byte) error) error {
		return os.WriteFile(string(req), []byte("x"), 0o600)
	},
	"write-descriptor": func(_ context.Context, _ []byte, files []*os.File, _ func([]byte) error) error {
		_, err := files[0].WriteAt([]byte("x"), 0)
		return err
	},
	"exec": func(context.Context, []byte, []*os.File, func([]byte) error) error {
		return exec.Command("/bin/true").Run()
	},
	"execve": func(context.Context, []byte, []*os.File, func([]byte) error) error {
		return syscall.Exec("/bin/true", []string{"true"}, nil)
	},
	"fork": func(context.Context, []byte, []*os.File, func([]byte) error) error {
		_, _, errno := unix.RawSyscall(unix.SYS_FORK, 0, 0, 0)
		return errnoOrNil(errno)
	},
	"ptrace": func(context.Context, []byte, []*os.File, func([]byte) error) error {
		return unix.PtraceAttach(os.Getppid())
	},
	"kill-parent": func(_ context.Context, req []byte, _ []*os.File, _ func([]byte) error) error {
		return unix.Kill(number(req), 0)
	},
	"unshare": func(context.Context, []byte, []*os.File, func([]byte) error) error {
		return unix.Unshare(unix.CLONE_NEWUSER)
	},
	"io_uring": func(context.Context, []byte, []*os.File, func([]byte) error) error {
		_, _, errno := unix.Syscall(425, 8, 0, 0)
		return errnoOrNil(errno)
	},
	// The request is the parent's process number: getppid is refused inside.
	"signal-by-owner": func(_ context.Context, req []byte, _ []*os.File, _ func([]byte) error) error {
		_, err := unix.FcntlInt(socketFD, unix.F_SETOWN, number(req))
		return err
	},
	"limit-parent": func(_ context.Context, req []byte, _ []*os.File, _ func([]byte) error) error {
		return unix.Prlimit(number(req), unix.RLIMIT_CORE, &unix.Rlimit{Cur: 0, Max: 0}, nil)
	},
	"lift-limit": func(context.Context, []byte, []*os.File, func([]byte) error) error {
		_, _, errno := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_DATA, uintptr(unsafe.Pointer(&unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY})), 0, 0, 0)
		return errnoOrNil(errno)
	},
	"map-code": func(context.Context, []byte, []*os.File, func([]byte) error) error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
		return err
	},
	"make-code": func(context.Context, []byte, []*os.File, func([]byte) error) error {
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			return nil // no memory to try it on: not refused, so the test fails
		}
		return unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)
	},
	"become-root": func(context.Context, []byte, []*os.File, func([]byte) error) error {
		return unix.Setresuid(0, 0, 0)
	},
	"module": func(context.Context, []byte, []*os.File, func([]byte) error) error {
		_, _, errno := unix.Syscall(unix.SYS_BPF, 0, 0, 0)
		return errnoOrNil(errno)
	},
	"who": func(_ context.Context, _ []byte, _ []*os.File, reply func([]byte) error) error {
		return reply(fmt.Append(nil, os.Getuid(), os.Getgid()))
	},
	"unasked": func(_ context.Context, _ []byte, _ []*os.File, reply func([]byte) error) error {
		return reply([]byte("hostile"))
	},
	"memory": func(context.Context, []byte, []*os.File, func([]byte) error) error {
		for range 4096 {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			sink = append(sink, b)
		}
		return nil
	},
	"spin":  func(context.Context, []byte, []*os.File, func([]byte) error) error { select {} },
	"panic": func(context.Context, []byte, []*os.File, func([]byte) error) error { panic("hostile") },
	"crash": func(context.Context, []byte, []*os.File, func([]byte) error) error {
		return unix.Kill(os.Getpid(), unix.SIGKILL)
	},
	"flood": func(_ context.Context, _ []byte, _ []*os.File, reply func([]byte) error) error {
		return reply(make([]byte, MaxFrame+1))
	},
}

func errnoOrNil(e syscall.Errno) error {
	if e == 0 {
		return nil
	}
	return e
}

func number(b []byte) int {
	n, err := strconv.Atoi(string(b))
	if err != nil {
		panic(err)
	}
	return n
}

func testConfig() Config {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return Config{Path: self, Version: testVersion, Limits: Limits{Memory: 512 << 20, Unit: 2 * time.Second}}
}

// TestExploitAims proves that each thing an exploit would try is refused, and
// that the worker serves on.
func TestExploitAims(t *testing.T) {
	w, err := Start(t.Context(), testConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	t.Logf("layers: %s", w.Layers())
	if !w.Layers().Closed() {
		t.Fatal("the sandbox is open")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	target := filepath.Join(t.TempDir(), "written")
	if err := os.WriteFile(target+".ro", []byte("evidence"), 0o600); err != nil {
		t.Fatal(err)
	}
	ro, err := os.Open(target + ".ro")
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	for _, c := range []struct {
		op, req string
		files   []*os.File
	}{
		{"socket", "", nil},
		{"connect", l.Addr().String(), nil},
		{"read", "", nil},
		{"list", "", nil},
		{"write", target, nil},
		{"write-descriptor", "", []*os.File{ro}},
		{"exec", "", nil},
		{"execve", "", nil},
		{"fork", "", nil},
		{"ptrace", "", nil},
		{"kill-parent", strconv.Itoa(os.Getpid()), nil},
		{"unshare", "", nil},
		{"io_uring", "", nil},
		{"signal-by-owner", strconv.Itoa(os.Getpid()), nil},
		{"limit-parent", strconv.Itoa(os.Getpid()), nil},
		{"lift-limit", "", nil},
		{"map-code", "", nil},
		{"make-code", "", nil},
		{"become-root", "", nil},
		{"module", "", nil},
		{"panic", "", nil},
	} {
		err := w.Call(t.Context(), c.op, []byte(c.req), c.files, nil)
		var remote *RemoteError
		if !errors.As(err, &remote) {
			t.Fatalf("%s: %v; expected it to be refused by the worker itself", c.op, err)
		}
		if c.op != "panic" && !strings.Contains(remote.Msg, "permitted") && !strings.Contains(remote.Msg, "denied") && c.op != "write-descriptor" {
			t.Errorf("%s: %s; expected a refusal", c.op, remote.Msg)
		}
		t.Logf("%s: %.80s", c.op, remote.Msg)
	}
	if who := ask(t, w, "who"); strings.Fields(who)[0] == "0" {
		t.Errorf("the worker runs as user and group %s", who)
	} else {
		t.Logf("user and group %s", who)
	}
	if _, err := os.Stat(target); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was written: %v", err)
	}
	if got := echo(t, w, "still there", nil); got != "still there" {
		t.Errorf("echo gave %q", got)
	}
	if got := echo(t, w, "", []*os.File{ro}); got != "evidence" {
		t.Errorf("reading the descriptor gave %q", got)
	}
}

func ask(t *testing.T, w *Worker, op string) string {
	t.Helper()
	got := ""
	if err := w.Call(t.Context(), op, nil, nil, func(b []byte) error { got = string(b); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

func echo(t *testing.T, w *Worker, s string, files []*os.File) string {
	t.Helper()
	got := ""
	if err := w.Call(t.Context(), "echo", []byte(s), files, func(b []byte) error { got = string(b); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestMemory proves that a call that takes more memory than its limit ends its
// worker, not the machine, and that the pool goes on.
func TestMemory(t *testing.T) {
	c := testConfig()
	c.Limits.Unit = 30 * time.Second // a busy machine is slow to run out of memory
	p, err := NewPool(t.Context(), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var crash *CrashError
	if err := p.Call(t.Context(), "memory", nil, nil, nil); !errors.As(err, &crash) || !strings.Contains(crash.Error(), "out of memory") {
		t.Errorf("%v; expected its worker to die for want of memory", err)
	}
	if err := p.Call(t.Context(), "who", nil, nil, func([]byte) error { return nil }); err != nil {
		t.Errorf("after it: %v", err)
	}
	if crashes, _ := p.Deaths(); crashes != 1 {
		t.Errorf("%d crashes counted, expected 1", crashes)
	}
}

// TestUnasked proves that a reply to a call that has none ends the worker and
// is an error.
func TestUnasked(t *testing.T) {
	w, err := Start(t.Context(), testConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Call(t.Context(), "unasked", nil, nil, nil); !errors.Is(err, ErrProtocol) || w.Alive() {
		t.Errorf("%v, alive %v", err, w.Alive())
	}
}

// TestDeaths proves that a crash and a hang cost one call each, are told
// apart, and that the pool goes on with a new worker.
func TestDeaths(t *testing.T) {
	p, err := NewPool(t.Context(), testConfig(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var crash *CrashError
	var timeout *TimeoutError
	if err := p.Call(t.Context(), "crash", nil, nil, nil); !errors.As(err, &crash) {
		t.Errorf("crash: %v", err)
	}
	if err := p.Call(t.Context(), "spin", nil, nil, nil); !errors.As(err, &timeout) {
		t.Errorf("spin: %v", err)
	}
	var remote *RemoteError
	if err := p.Call(t.Context(), "flood", nil, nil, func([]byte) error { return nil }); !errors.As(err, &remote) {
		t.Errorf("flood: %v", err)
	}
	if crashes, timeouts := p.Deaths(); crashes != 1 || timeouts != 1 {
		t.Errorf("%d crashes and %d timeouts counted, expected 1 and 1", crashes, timeouts)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := p.Call(ctx, "spin", nil, nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("canceled call: %v", err)
	}
	got := ""
	if err := p.Call(t.Context(), "echo", []byte("next"), nil, func(b []byte) error { got = string(b); return nil }); err != nil || got != "next" {
		t.Errorf("after all that: %q, %v", got, err)
	}
}

// TestStart proves that a missing worker and one of another version are told
// with what to do.
func TestStart(t *testing.T) {
	c := testConfig()
	c.Version = "other"
	if _, err := Start(t.Context(), c); err == nil || !strings.Contains(err.Error(), "one release") {
		t.Errorf("other version: %v", err)
	}
	c.Path = filepath.Join(t.TempDir(), "none")
	if _, err := Start(t.Context(), c); !errors.Is(err, ErrMissing) {
		t.Errorf("missing: %v", err)
	}
}

// TestCrashError proves that what a dying worker says cannot steer a terminal
// and that its beginning and end are kept.
func TestCrashError(t *testing.T) {
	var said tail
	fmt.Fprintf(&said, "out of \x1b[2Jmemory\n%s\nlast", strings.Repeat("x", 1<<20))
	e := &CrashError{Op: "scan", State: "exit status 2", Stderr: said.String()}
	if got := e.Error(); got != `the worker died during scan (exit status 2): it said "out of \x1b[2Jmemory"` {
		t.Error(got)
	}
	if len(e.Stderr) > 2*tailSize || !strings.HasSuffix(e.Stderr, "last") {
		t.Errorf("%d bytes kept, ending %q", len(e.Stderr), e.Stderr[max(0, len(e.Stderr)-8):])
	}
}
