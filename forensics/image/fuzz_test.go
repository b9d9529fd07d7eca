package image

import (
	"path/filepath"
	"testing"
)

// FuzzOpen feeds every opener with mutations of every sample of every format:
// no panic, no hang, no claim that is not kept.
func FuzzOpen(f *testing.F) {
	for _, format := range Formats() {
		for _, name := range format.Samples {
			b := read(f, filepath.Join(samples, name))
			f.Add(b[:min(len(b), 256<<10)])
		}
		for _, recipe := range format.Hostile {
			_, b := mutate(f, recipe)
			f.Add(b[:min(len(b), 256<<10)])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		err := try(t, "fuzzed", b)
		_ = err // any error is a right answer
	})
}
