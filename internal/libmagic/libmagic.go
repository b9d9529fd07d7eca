// Package libmagic binds libmagic (file(1)) for saksi-worker, the only program it
// is linked into.
package libmagic

// #cgo pkg-config: libmagic
// #include <stdlib.h>
// #include <magic.h>
import "C"

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"saksi/internal/magic"
	"saksi/internal/wire"
	"saksi/internal/worker"
)

// maxDatabase bounds the database, in bytes; Debian's has 8 MB.
const maxDatabase = 64 << 20

// Version is that of libmagic.
func Version() string {
	v := int(C.magic_version())
	return fmt.Sprintf("%d.%02d", v/100, v%100)
}

// Namer tells what files are. It is not safe for concurrent use.
type Namer struct {
	cookie C.magic_t
	db     unsafe.Pointer // libmagic reads from it as long as it lives
}

// New loads a compiled database.
func New(db []byte) (*Namer, error) {
	if len(db) == 0 {
		return nil, errors.New("libmagic's database is empty")
	}
	n := &Namer{cookie: C.magic_open(C.MAGIC_NONE)}
	if n.cookie == nil {
		return nil, errors.New("libmagic has no memory")
	}
	n.db = C.CBytes(db)
	size := C.size_t(len(db))
	if C.magic_load_buffers(n.cookie, &n.db, &size, 1) != 0 {
		err := fmt.Errorf("libmagic: %s", C.GoString(C.magic_error(n.cookie)))
		n.Close()
		return nil, err
	}
	return n, nil
}

// Name tells what a file is by its first bytes.
func (n *Namer) Name(head []byte) (string, error) {
	if len(head) == 0 {
		return "", errors.New("an empty file has no magic")
	}
	text := C.magic_buffer(n.cookie, unsafe.Pointer(&head[0]), C.size_t(len(head)))
	if text == nil {
		return "", fmt.Errorf("libmagic: %s", C.GoString(C.magic_error(n.cookie)))
	}
	return C.GoString(text), nil
}

// Close frees the database.
func (n *Namer) Close() {
	C.magic_close(n.cookie)
	C.free(n.db)
}

// Handlers are the operations of this package in the worker. The database is
// loaded once, from the descriptor of the first call.
func Handlers() map[string]worker.Handler {
	var n *Namer
	return map[string]worker.Handler{magic.OpName: func(_ context.Context, req []byte, files []*os.File, reply func([]byte) error) error {
		if n == nil {
			if len(files) != 1 {
				return errors.New("libmagic's database was not given")
			}
			db, err := io.ReadAll(io.NewSectionReader(files[0], 0, maxDatabase))
			if err != nil {
				return fmt.Errorf("reading libmagic's database: %w", err)
			}
			if n, err = New(db); err != nil {
				return err
			}
		}
		name, err := n.Name(req)
		if err != nil {
			return err
		}
		var w wire.Writer
		w.String(name)
		return reply(w.B)
	}}
}
