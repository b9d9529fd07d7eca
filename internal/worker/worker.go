package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"saksi/internal/sandbox"
	"saksi/internal/wire"
)

// ErrMissing is returned when there is no saksi-worker to start.
var ErrMissing = errors.New("saksi-worker not found")

// ErrOpen is returned when the sandbox could not be closed and
// Config.AllowUnsandboxed does not allow that.
var ErrOpen = errors.New("the worker's sandbox is not closed")

// RemoteError is an operation's own error, told by the worker.
type RemoteError struct{ Op, Msg string }

func (e *RemoteError) Error() string { return e.Op + ": " + e.Msg }

// CrashError says that the worker process died during a call.
type CrashError struct {
	Op     string
	State  string // how it ended, such as "signal: segmentation fault"
	Stderr string // the beginning and the end of what it said, at most 2 KiB; hostile text
}

// Error quotes the first line the worker said, because it is hostile text.
func (e *CrashError) Error() string {
	msg := fmt.Sprintf("the worker died during %s (%s)", e.Op, e.State)
	if line, _, _ := strings.Cut(e.Stderr, "\n"); line != "" {
		msg += fmt.Sprintf(": it said %.200q", line)
	}
	return msg
}

// TimeoutError says that a call took longer than Limits.Unit and the worker
// was killed.
type TimeoutError struct {
	Op    string
	Limit time.Duration
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("the worker took longer than %s for %s and was stopped", e.Limit, e.Op)
}

// Limits bound a worker.
type Limits struct {
	Memory uint64        // bytes of private memory; 0 is DefaultMemory
	CPU    time.Duration // processor time of the process; 0 is none
	Unit   time.Duration // wall time of one call without a reply; 0 is DefaultUnit
}

// Defaults of Limits.
const (
	DefaultMemory = 2 << 30
	DefaultUnit   = 60 * time.Second
)

// Config says how workers are started.
type Config struct {
	Path             string // saksi-worker; "": beside the running program, then in PATH
	Version          string // of this build; the worker's must equal it
	Limits           Limits
	AllowUnsandboxed bool // go on when the kernel gives no closed sandbox
	// Token starts a worker that does nothing but ask a token of keys: it loads
	// the library that the user named, which reaches what it needs, so nothing is
	// closed to it; and it answers no operation of another worker.
	Token bool
	Env   []string // NAME=VALUE that the token's library reads
}

// Worker is one running process. It serves one call at a time; it is not safe
// for concurrent use. Use Pool for several.
type Worker struct {
	conn   *net.UnixConn
	cmd    *exec.Cmd
	stderr *tail
	layers sandbox.Layers
	limits Limits
	buf    []byte
	dead   bool
}

// Find returns the path of saksi-worker that Start would use.
func Find(path string) (string, error) {
	if path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%w: %w", ErrMissing, err)
		}
		return path, nil
	}
	if self, err := os.Executable(); err == nil {
		p := filepath.Join(filepath.Dir(self), "saksi-worker")
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	p, err := exec.LookPath("saksi-worker")
	if err != nil {
		return "", fmt.Errorf("%w beside saksi or in PATH: install the package saksi, or name it by --worker", ErrMissing)
	}
	return p, nil
}

// Start starts one worker and waits for its hello. ctx bounds the start only.
func Start(ctx context.Context, c Config) (*Worker, error) {
	path, err := Find(c.Path)
	if err != nil {
		return nil, err
	}
	if c.Limits.Memory == 0 {
		c.Limits.Memory = DefaultMemory
	}
	if c.Limits.Unit == 0 {
		c.Limits.Unit = DefaultUnit
	}
	if c.Token {
		w, err := start(ctx, path, c, false)
		if err != nil {
			err = fmt.Errorf("starting %s: %w", path, err)
		}
		return w, err
	}
	w, err := start(ctx, path, c, true)
	if err != nil && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EACCES)) {
		// No network namespace to be had: seccomp alone refuses sockets.
		w, err = start(ctx, path, c, false)
	}
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	if !w.layers.Closed() && !c.AllowUnsandboxed {
		_ = w.Close()
		return nil, fmt.Errorf("%w (it has: %s): use a kernel with seccomp, or allow it by --allow-unsandboxed", ErrOpen, w.layers)
	}
	return w, nil
}

func start(ctx context.Context, path string, c Config, ownNet bool) (*Worker, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("making a socket pair: %w", err)
	}
	mine, theirs := os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "parent")
	defer theirs.Close()
	defer mine.Close()
	conn, err := connOf(mine)
	if err != nil {
		return nil, err
	}
	network := argNoNet
	attr := &syscall.SysProcAttr{}
	if ownNet {
		network = argNet
		attr.Cloneflags = syscall.CLONE_NEWNET
		if uid := os.Geteuid(); uid != 0 {
			attr.Cloneflags |= syscall.CLONE_NEWUSER
			attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
			attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		}
	}
	if c.Token {
		network = argToken
	}
	cmd := exec.Command(path, serveArg, c.Version, network, fmt.Sprint(c.Limits.Memory), fmt.Sprint(int64(c.Limits.CPU/time.Second)))
	cmd.Env = append([]string{"GOTRACEBACK=none", "LC_ALL=C", "TZ=UTC"}, c.Env...)
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{theirs} // becomes descriptor 3
	cmd.SysProcAttr = attr
	t := &tail{}
	cmd.Stderr = t
	if err := cmd.Start(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	_ = theirs.Close() // so that the child's end shows as end of file
	w := &Worker{conn: conn, cmd: cmd, stderr: t, limits: c.Limits}
	stop := context.AfterFunc(ctx, w.kill)
	defer stop()
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	k, hello, _, err := readFrame(conn, nil, false)
	if err != nil || k != kindHello {
		w.kill()
		_ = cmd.Wait()
		_ = conn.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if msg := t.String(); msg != "" {
			return nil, errors.New(msg)
		}
		return nil, fmt.Errorf("it ended before it said hello (%s): %w", cmd.ProcessState, errors.Join(ErrProtocol, err))
	}
	r := wire.Reader{B: hello}
	if v := r.String(); v != c.Version {
		_ = w.Close()
		return nil, fmt.Errorf("%w: it is of version %q, saksi of %q", ErrProtocol, v, c.Version)
	}
	w.layers = sandbox.Layers{Network: r.Bool(), Landlock: int(min(r.Uint(), 1000)), Seccomp: r.Bool(), Limits: r.Bool(), User: r.Bool()}
	if r.Err() != nil {
		_ = w.Close()
		return nil, fmt.Errorf("%w: hello: %w", ErrProtocol, r.Err())
	}
	return w, nil
}

// Layers says what closes the worker in.
func (w *Worker) Layers() sandbox.Layers { return w.layers }

// Alive reports whether the worker can take another call.
func (w *Worker) Alive() bool { return !w.dead }

// Call runs op in the worker and gives each reply frame, valid only during the
// call, to onReply; an error of onReply ends the call and the worker, and so
// does a reply where onReply is nil. The
// descriptors stay the caller's; they should be read-only.
//
// A *RemoteError leaves the worker ready for the next call. After a
// *CrashError, a *TimeoutError, a cancellation or any other error it is dead.
func (w *Worker) Call(ctx context.Context, op string, req []byte, files []*os.File, onReply func(frame []byte) error) error {
	if w.dead {
		return fmt.Errorf("calling %s: the worker is dead", op)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, w.kill)
	defer stop()
	var out wire.Writer
	out.String(op)
	out.Bytes(req)
	_ = w.conn.SetDeadline(time.Now().Add(w.limits.Unit))
	if err := writeFrame(w.conn, kindCall, out.B, files); err != nil {
		return w.died(ctx, op, err)
	}
	for {
		_ = w.conn.SetReadDeadline(time.Now().Add(w.limits.Unit))
		k, payload, _, err := readFrame(w.conn, w.buf, false)
		if err != nil {
			return w.died(ctx, op, err)
		}
		w.buf = payload
		switch k {
		case kindReply:
			if onReply == nil {
				w.finish()
				return fmt.Errorf("%w: a reply to %s, which has none", ErrProtocol, op)
			}
			if err := onReply(payload); err != nil {
				w.finish()
				return err
			}
		case kindEnd:
			return nil
		case kindError:
			return &RemoteError{Op: op, Msg: string(payload)}
		default:
			w.finish()
			return fmt.Errorf("%w: frame of kind %d in answer to %s", ErrProtocol, k, op)
		}
	}
}

func (w *Worker) died(ctx context.Context, op string, err error) error {
	timeout := errors.Is(err, os.ErrDeadlineExceeded)
	w.finish()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case timeout:
		return &TimeoutError{Op: op, Limit: w.limits.Unit}
	case errors.Is(err, ErrProtocol):
		return fmt.Errorf("during %s: %w", op, err)
	}
	return &CrashError{Op: op, State: w.cmd.ProcessState.String(), Stderr: w.stderr.String()}
}

func (w *Worker) kill() { _ = w.cmd.Process.Kill() }

// finish ends the process and reaps it; a worker that was closing by itself
// gets a moment, so that its own exit state is seen.
func (w *Worker) finish() {
	if w.dead {
		return
	}
	w.dead = true
	_ = w.conn.Close()
	t := time.AfterFunc(500*time.Millisecond, w.kill)
	_ = w.cmd.Wait()
	t.Stop()
}

// Close ends the worker.
func (w *Worker) Close() error {
	w.finish()
	return nil
}

// tail keeps the beginning of what a process says, where the cause stands, and
// the end.
type tail struct {
	mu        sync.Mutex
	head, end []byte
}

const tailSize = 1024 // bytes of each

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(p), tailSize-len(t.head))
	t.head = append(t.head, p[:n]...)
	t.end = append(t.end, p[n:]...)
	if len(t.end) > tailSize {
		t.end = append(t.end[:0], t.end[len(t.end)-tailSize:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(append(t.head[:len(t.head):len(t.head)], t.end...)))
}

var _ io.Writer = (*tail)(nil)
