// Package imagetest unpacks sample images for tests. Only tests import it.
package imagetest

import (
	"bytes"
	"io"
	"os"
	"testing"

	"saksi/forensics/image"
)

// Media gives the media of an image of one file, whole.
func Media(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	im, err := image.Open([]image.Segment{{Name: path, Size: int64(len(b)), ReaderAt: bytes.NewReader(b)}})
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, im.Size)
	if _, err := im.ReadAt(raw, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return raw
}
