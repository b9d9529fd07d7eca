package sensor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"saksi/findings"
)

// saver writes carved files to a folder.
type saver struct {
	root   *os.Root
	stored bool // only files that a rule asks for
}

// SaveFiles makes a FileScanner that writes each whole file to dir, named by
// its SHA-256, with mode 0600. dir is made with mode 0700 if it is missing. A
// file that is there already has the same content and is left alone. With byRule
// only the files are kept that a rule with filestore asks for.
func SaveFiles(dir string, byRule bool) (FileScanner, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder for carved files: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the folder for carved files: %w", err)
	}
	return &saver{root, byRule}, nil
}

// ScanFile implements FileScanner.
func (s *saver) ScanFile(_ context.Context, f *File, _ findings.Sink) error {
	if s.stored && !f.Stored {
		return nil
	}
	if int64(len(f.Content)) != f.Size {
		return fmt.Errorf("not saved: only %d of %d bytes were kept", len(f.Content), f.Size)
	}
	w, err := s.root.OpenFile(f.SHA256, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = w.Write(f.Content)
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		s.root.Remove(filepath.Base(f.SHA256))
	}
	return err
}
