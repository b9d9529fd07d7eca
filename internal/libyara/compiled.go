package libyara

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	goyara "github.com/hillu/go-yara/v4"

	"saksi/internal/wire"
)

// identity is the version of libyara and which file it was loaded from, with its
// size and time: code compiled by one build is loaded by no other. It is read
// before the sandbox is closed.
func identity() string {
	id := Version()
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return id
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 || !strings.Contains(fields[5], "libyara") {
			continue
		}
		if st, err := os.Stat(fields[5]); err == nil {
			return fmt.Sprintf("%s %s %d %d", id, fields[5], st.Size(), st.ModTime().UnixNano())
		}
	}
	return id
}

// use makes a set the one that scans.
func (h *handlers) use(set *Rules) error {
	s, err := set.NewScanner()
	if err != nil {
		set.Close()
		return err
	}
	if h.scanner != nil {
		h.scanner.Close()
		h.set.Close()
	}
	h.set, h.scanner = set, s
	return nil
}

func (h *handlers) version(_ context.Context, _ []byte, _ []*os.File, reply func([]byte) error) error {
	var w wire.Writer
	w.String(h.library)
	return reply(w.B)
}

// saveFrame is how much code one frame carries, in bytes.
const saveFrame = 1 << 20

func (h *handlers) save(_ context.Context, _ []byte, _ []*os.File, reply func([]byte) error) error {
	if h.set == nil {
		return errors.New("no rules were compiled")
	}
	code, err := h.set.Save()
	for err == nil && len(code) > 0 {
		n := min(len(code), saveFrame)
		err = reply(code[:n])
		code = code[n:]
	}
	return err
}

func (h *handlers) load(_ context.Context, _ []byte, files []*os.File, reply func([]byte) error) error {
	if len(files) != 1 {
		return fmt.Errorf("%d descriptors: expected one with the compiled rules", len(files))
	}
	set, err := Load(files[0])
	if err != nil {
		return err
	}
	if err := h.use(set); err != nil {
		return err
	}
	var w wire.Writer
	w.Uint(uint64(set.Len()))
	return reply(w.B)
}

// maxCode bounds the code of a compiled set, in bytes.
const maxCode = 1 << 30

// Load loads a set that Save gave. It is executable bytecode, which libyara does
// not check: it MUST come from this station's own compiling.
func Load(f *os.File) (*Rules, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("loading compiled rules: %w", err)
	}
	if st.Size() > maxCode {
		return nil, fmt.Errorf("loading compiled rules: %d bytes are over the limit of %d", st.Size(), maxCode)
	}
	r, err := goyara.ReadRules(io.NewSectionReader(f, 0, st.Size()))
	if err != nil {
		return nil, fmt.Errorf("loading compiled rules: %w", err)
	}
	return &Rules{r: r, n: len(r.GetRules())}, nil
}

// Save gives the set as Load takes it.
func (r *Rules) Save() ([]byte, error) {
	var b bytes.Buffer
	if err := r.r.Write(&b); err != nil {
		return nil, fmt.Errorf("saving compiled rules: %w", err)
	}
	return b.Bytes(), nil
}
