package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"saksi/internal/sandbox"
	"saksi/internal/wire"
)

// Handler answers one operation in the child. files are the caller's read-only
// descriptors, closed when it returns. reply sends one frame (at most
// MaxFrame); its error means the parent is gone. An error ends the call and
// reaches the parent as a RemoteError with the same text.
type Handler func(ctx context.Context, req []byte, files []*os.File, reply func(frame []byte) error) error

// serveArgs are the arguments by which the parent starts the child.
const (
	serveArg  = "serve"
	socketFD  = 3
	argNet    = "net"
	argNoNet  = "shared-net"
	argToken  = "token"
	serveArgs = 5 // serve, version, net, memory bytes, cpu seconds
)

// Serving reports whether args (without the program's name) ask for Serve.
func Serving(args []string) bool { return len(args) == serveArgs && args[0] == serveArg }

// Serve is the child's main loop: it closes itself in, says hello and answers
// calls one at a time until the parent closes the socket. version must equal
// the parent's.
func Serve(args []string, version string, handlers map[string]Handler) error {
	if !Serving(args) {
		return errors.New("saksi-worker is started by saksi, not by hand")
	}
	memory, err := strconv.ParseUint(args[3], 10, 64)
	if err != nil {
		return fmt.Errorf("reading the memory limit: %w", err)
	}
	cpu, err := strconv.ParseUint(args[4], 10, 32)
	if err != nil {
		return fmt.Errorf("reading the processor limit: %w", err)
	}
	if args[1] != version {
		return fmt.Errorf("this worker is of version %s, saksi of %s: install both from one release", version, args[1])
	}
	sock := os.NewFile(socketFD, "socket")
	conn, err := connOf(sock)
	if err != nil {
		return fmt.Errorf("opening the socket of the parent: %w", err)
	}
	_ = sock.Close()
	if memory > 0 {
		// The collector works harder before the limit strikes.
		debug.SetMemoryLimit(int64(memory / 4 * 3))
	}
	if args[2] == argToken {
		if err := hello(conn, version, sandbox.Layers{}); err != nil {
			return err
		}
		return serve(conn, tokenOps(handlers, true))
	}
	layers, err := sandbox.Apply(sandbox.Limits{Memory: memory, CPU: time.Duration(cpu) * time.Second}, args[2] == argNet)
	if err != nil {
		return err
	}
	if err := hello(conn, version, layers); err != nil {
		return err
	}
	return serve(conn, tokenOps(handlers, false))
}

// TokenOps begins the names of operations on tokens of keys, which a worker of
// their own answers and no other does.
const TokenOps = "token."

// tokenOps are the handlers of operations on tokens, or the others.
func tokenOps(handlers map[string]Handler, token bool) map[string]Handler {
	out := map[string]Handler{}
	for op, h := range handlers {
		if strings.HasPrefix(op, TokenOps) == token {
			out[op] = h
		}
	}
	return out
}

// hello greets the parent.
func hello(conn *net.UnixConn, version string, layers sandbox.Layers) error {
	var w wire.Writer
	w.String(version)
	w.Bool(layers.Network)
	w.Uint(uint64(layers.Landlock))
	w.Bool(layers.Seccomp)
	w.Bool(layers.Limits)
	w.Bool(layers.User)
	if err := writeFrame(conn, kindHello, w.B, nil); err != nil {
		return fmt.Errorf("greeting the parent: %w", err)
	}
	return nil
}

type call struct {
	req   []byte
	files []*os.File
}

func serve(conn *net.UnixConn, handlers map[string]Handler) error {
	calls := make(chan call)
	// The reader runs beside the handler: when the parent goes away it ends
	// the process even if C code hangs.
	go func() {
		for {
			k, req, files, err := readFrame(conn, nil, true)
			if err != nil || k != kindCall {
				os.Exit(0)
			}
			calls <- call{req, files}
		}
	}()
	for c := range calls {
		err := answer(conn, handlers, c)
		for _, f := range c.files {
			_ = f.Close()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func answer(conn *net.UnixConn, handlers map[string]Handler, c call) error {
	r := wire.Reader{B: c.req}
	op := r.String()
	req := r.Bytes()
	err := r.Err()
	h := handlers[op]
	switch {
	case err != nil:
	case h == nil:
		err = fmt.Errorf("this worker has no operation %q", op)
	default:
		err = protect(func() error {
			return h(context.Background(), req, c.files, func(frame []byte) error {
				return writeFrame(conn, kindReply, frame, nil)
			})
		})
	}
	if err != nil {
		msg := err.Error()
		return writeFrame(conn, kindError, []byte(msg[:min(len(msg), 64<<10)]), nil)
	}
	return writeFrame(conn, kindEnd, nil, nil)
}

// protect turns a panic of Go code that parses hostile bytes into the error of
// that one call.
func protect(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}
