package casefile

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// foldText is what names of a case must be.
const foldText = "names that differ by more than the case of letters or how these are composed"

// folded is a name as file systems take it that look neither at the case of letters
// nor at how they are composed (Unicode's NFC): two names that fold alike become one
// file when the case is copied there.
func folded(name string) string { return norm.NFC.String(cases.Fold().String(norm.NFC.String(name))) }

// maxHoles bounds the bytes of a file that are on no disk, where nothing says how
// large it is: a few blocks could take days to hash.
const maxHoles = 64 << 30

// sealOwn are the files that a seal makes.
func sealOwn(path string) bool {
	return slices.Contains(sealTraces, path) || slices.Contains([]string{sealStampFile, trustStampFile, infoFile}, path)
}

// oversize says why a file is not hashed: it can't be what was recorded, or would
// take longer than any honest one.
func (v *verifier) oversize(path string, f *os.File) (kind, expected, found string) {
	st, err := f.Stat()
	if err != nil {
		return KindMissing, "a readable file", err.Error()
	}
	size := st.Size()
	found = fmt.Sprintf("%d bytes", size)
	if want, ok := v.sizes[path]; ok && want != size {
		return KindDigest, fmt.Sprintf("%d bytes, as the custody log says", want), found
	}
	switch _, sized := v.sizes[path]; {
	case sealOwn(path) && size > maxTagFile:
		return KindForm, fmt.Sprintf("at most %d bytes", maxTagFile), found
	case strings.HasPrefix(path, dataDir+"/") && v.most > 0 && size > v.most:
		return KindDigest, fmt.Sprintf("at most %d bytes, which the seal says all of %s/ has", v.most, dataDir), found
	case sized:
	default:
		if sys, ok := st.Sys().(*syscall.Stat_t); ok && size-sys.Blocks*512 > maxHoles {
			return KindForm, fmt.Sprintf("a file with at most %d bytes of holes", int64(maxHoles)), found + fmt.Sprintf(", of which %d are on the disk", sys.Blocks*512)
		}
	}
	return "", "", ""
}
