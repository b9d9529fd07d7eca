// Package worker runs saksi-worker, the process that holds all C code and
// parses all hostile disks and files, and speaks with it. The parent uses
// Start, Call and Pool; the child Serve.
//
// The two speak frames over a socket pair: four bytes length (big-endian, of
// what follows), one byte kind, the payload. The first frame comes from the
// child (hello: version and sandbox layers). Then the parent sends a call (the
// operation's name, its request, and read-only descriptors by SCM_RIGHTS) and
// the child answers with any number of reply frames and one end or error.
// The parent believes nothing: sizes are bounded, kinds checked.
package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// MaxFrame is the largest payload of a frame, in bytes.
const MaxFrame = 4 << 20

// MaxFiles is the largest number of descriptors a call may carry (the kernel's
// SCM_MAX_FD is 253).
const MaxFiles = 200

type kind byte

const (
	kindHello kind = iota + 1
	kindCall
	kindReply
	kindEnd
	kindError
)

// ErrProtocol is returned when the other side breaks the protocol.
var ErrProtocol = errors.New("worker protocol broken")

// writeFrame sends one frame, with files beside its first byte.
func writeFrame(c *net.UnixConn, k kind, payload []byte, files []*os.File) error {
	if len(payload) > MaxFrame {
		return fmt.Errorf("%w: a frame of %d bytes is over the limit of %d", ErrProtocol, len(payload), MaxFrame)
	}
	if len(files) > MaxFiles {
		return fmt.Errorf("%w: %d descriptors are over the limit of %d", ErrProtocol, len(files), MaxFiles)
	}
	var head [5]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(payload)+1))
	head[4] = byte(k)
	var oob []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		oob = unix.UnixRights(fds...)
	}
	if _, _, err := c.WriteMsgUnix(head[:], oob, nil); err != nil {
		return err
	}
	_, err := c.Write(payload)
	return err
}

// readFrame receives one frame into buf, which it grows as needed, with the
// descriptors beside it.
func readFrame(c *net.UnixConn, buf []byte, wantFiles bool) (k kind, payload []byte, files []*os.File, err error) {
	var head [5]byte
	var oob []byte
	if wantFiles {
		oob = make([]byte, unix.CmsgSpace(4*MaxFiles))
	}
	n, oobn, _, _, err := c.ReadMsgUnix(head[:], oob)
	if err != nil {
		return 0, nil, nil, err
	}
	if oobn > 0 {
		if files, err = parseRights(oob[:oobn]); err != nil {
			return 0, nil, nil, err
		}
	}
	if n == 0 {
		return 0, nil, files, io.EOF
	}
	if n < len(head) {
		if _, err := io.ReadFull(c, head[n:]); err != nil {
			return 0, nil, files, err
		}
	}
	size := binary.BigEndian.Uint32(head[:])
	if size == 0 || size > MaxFrame+1 {
		return 0, nil, files, fmt.Errorf("%w: a frame says it has %d bytes; the limit is %d", ErrProtocol, size, MaxFrame+1)
	}
	size--
	if uint32(cap(buf)) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	if _, err := io.ReadFull(c, buf); err != nil {
		return 0, nil, files, err
	}
	return kind(head[4]), buf, files, nil
}

func parseRights(oob []byte) ([]*os.File, error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("%w: control message: %w", ErrProtocol, err)
	}
	var files []*os.File
	for i := range msgs {
		fds, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			return files, fmt.Errorf("%w: descriptors: %w", ErrProtocol, err)
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), fmt.Sprintf("descriptor %d", fd)))
		}
	}
	return files, nil
}

func connOf(f *os.File) (*net.UnixConn, error) {
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		_ = c.Close()
		return nil, fmt.Errorf("%w: descriptor is no unix socket", ErrProtocol)
	}
	return u, nil
}
