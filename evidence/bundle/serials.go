package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"saksi/internal/infile"
	"saksi/internal/strictjson"
)

// serialsName is the file beside the bundles that remembers the newest of each
// name, also of those whose folder was removed.
const serialsName = "serials.json"

// maxSerials bounds that file, in bytes.
const maxSerials = 16 << 20

// record is what is remembered of a bundle.
type record struct {
	Serial int64  `json:"serial"`
	Made   string `json:"made"`
	SHA256 string `json:"manifest_sha256"`
}

// serials is the content of serials.json.
type serials struct {
	Format  int                `json:"format"`
	Bundles map[string]*record `json:"bundles"`
}

// readSerials reads what is remembered. A file that can't be understood is an
// error: without it an older bundle could pass.
func readSerials(dir string) (*serials, error) {
	s := &serials{Format: Format, Bundles: map[string]*record{}}
	name := filepath.Join(dir, serialsName)
	b, err := infile.Read(name, maxSerials)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the serials of earlier bundles: %w", err)
	}
	if err := strictjson.Decode(b, s); err != nil {
		return nil, fmt.Errorf("reading the serials of earlier bundles: %s: %w; restore it from a backup, or remove it to forget them", name, err)
	}
	if s.Format != Format {
		return nil, fmt.Errorf("reading the serials of earlier bundles: %s: format %d; this saksi reads format %d", name, s.Format, Format)
	}
	if s.Bundles == nil {
		s.Bundles = map[string]*record{}
	}
	return s, nil
}

// remember keeps r as the newest bundle of a name: it writes a new file, mode
// 0600, and puts it in place of the old one.
func (s *serials) remember(dir, bundle string, r record) error {
	if old := s.Bundles[bundle]; old != nil && *old == r {
		return nil
	}
	s.Bundles[bundle] = &r
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(dir, serialsName)
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("remembering the serial: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	if cerr := (syncing{f}).Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err == nil {
		err = syncFolder(dir)
	}
	if err != nil {
		return fmt.Errorf("remembering the serial: %w", err)
	}
	return nil
}

// follows reports with ErrDowngrade that a bundle may not come after an earlier
// one, which what names.
func (r record) follows(bundle string, earlier record, what string) error {
	switch {
	case r.Serial < earlier.Serial:
		return fmt.Errorf("%w: %s has serial %d; %s has serial %d", ErrDowngrade, bundle, r.Serial, what, earlier.Serial)
	case r.Serial == earlier.Serial && r.SHA256 != earlier.SHA256:
		return fmt.Errorf("%w: %s has serial %d and manifest %s; %s has serial %d too, but manifest %s",
			ErrDowngrade, bundle, r.Serial, r.SHA256, what, earlier.Serial, earlier.SHA256)
	case madeTime(r.Made).Before(madeTime(earlier.Made)):
		return fmt.Errorf("%w: %s serial %d was made %s; %s, serial %d, was made %s", ErrDowngrade, bundle, r.Serial, r.Made, what, earlier.Serial, earlier.Made)
	}
	return nil
}
