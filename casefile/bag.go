package casefile

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"saksi/evidence"
)

// Files of a sealed case, which is a BagIt 1.0 bag (RFC 8493).
const (
	bagitFile       = "bagit.txt"
	bagInfoFile     = "bag-info.txt"
	manifestFile    = "manifest-sha256.txt"
	tagManifestFile = "tagmanifest-sha256.txt"
	caseGraphFile   = "metadata/case.jsonld"
	dfxmlFile       = "metadata/dfxml.xml"

	sealDir        = "seal"
	sealBundleFile = "seal/seal.sigstore.json"
	sealSigFile    = "seal/seal.sig"  // the bundle's signature as openssl takes it
	sealBytesFile  = "seal/seal.dsse" // what it is over
	sealStampFile  = "seal/seal.tsr"  // RFC 3161 response over seal.sig

	trustDir       = "trust"
	trustCaseFile  = "trust/case.pub"
	trustSealFile  = "trust/seal.pub"
	trustStampFile = "trust/timestamp.pem" // certificates of the time-stamp authority

	witnessDir = "custody/witness"
	tileDir    = "custody/tile"
)

// bagitText is bagit.txt (RFC 8493 section 2.1.1).
const bagitText = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

// tagFiles are what the tag manifest lists, sorted.
var tagFiles = []string{bagInfoFile, bagitFile, infoFile, manifestFile, caseGraphFile, dfxmlFile}

// maxTagFile bounds a tag file on reading, in bytes.
const maxTagFile = 256 << 20

// payloadFile is one file below data/.
type payloadFile struct {
	Path   string
	Size   int64
	SHA256 string
}

// manifestPath writes a path as manifests hold it (RFC 8493 section 2.1.3).
func manifestPath(s string) string {
	return strings.NewReplacer("%", "%25", "\n", "%0A", "\r", "%0D").Replace(s)
}

func pathOfManifest(s string) string {
	return strings.NewReplacer("%25", "%", "%0A", "\n", "%0a", "\n", "%0D", "\r", "%0d", "\r").Replace(s)
}

// payload hashes everything below data/ in one read each, in the order of
// paths, and gives each file to do. What is neither file nor folder is refused.
func (c *Case) payload(ctx context.Context, progress func(int64), do func(payloadFile) error) error {
	var done int64
	return filepath.WalkDir(filepath.Join(c.Dir, dataDir), func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(c.Dir, p)
		if err != nil {
			return err
		}
		f, err := evidence.OpenRegular(p)
		if err != nil {
			return err
		}
		defer f.Close()
		sum, n, err := evidence.SHA256Reader(ctx, f, func(n int64) {
			if progress != nil {
				progress(done + n)
			}
		})
		if err != nil {
			return fmt.Errorf("hashing %s: %w", p, err)
		}
		done += n
		return do(payloadFile{filepath.ToSlash(rel), n, sum})
	})
}

// manifestLine is one line of a manifest.
type manifestLine struct {
	Path, SHA256 string
}

// readManifest reads a manifest line by line. What can't be a line of one is
// given to bad, with its number.
func readManifest(r io.Reader, do func(manifestLine), bad func(line int, text string)) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 64<<10)
	for n := 1; s.Scan(); n++ {
		sum, path, ok := strings.Cut(s.Text(), "  ")
		if !ok {
			sum, path, ok = strings.Cut(s.Text(), " *")
		}
		if !ok || len(sum) != 64 || strings.Trim(sum, "0123456789abcdef") != "" || path == "" {
			bad(n, s.Text())
			continue
		}
		do(manifestLine{pathOfManifest(path), sum})
	}
	return s.Err()
}

// writeSynced writes a file of the case that must not exist by what fill gives
// to its writer, and brings it to the disk.
func (c *Case) writeSynced(name string, fill func(io.Writer) error) (sha256 string, err error) {
	path := filepath.Join(c.Dir, filepath.FromSlash(name))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("writing: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := fill(w); err != nil {
		return "", err
	}
	if err := w.Flush(); err != nil {
		return "", fmt.Errorf("writing %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return "", fmt.Errorf("writing %s: %w", path, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	sha256, _, err = evidence.SHA256Reader(context.Background(), f, nil)
	return sha256, err
}
