package disk

import (
	"context"
	"fmt"
	"os"

	"saksi/forensics/hashset"
	"saksi/internal/wire"
	"saksi/internal/worker"
)

// Sets tells the worker which files are known: what a good set holds whole, and no bad
// one, is not looked at in the units that follow.
func (im *Image) Sets(ctx context.Context, good, bad []*hashset.Set) error {
	var files []*os.File
	for _, s := range good {
		files = append(files, s.File())
	}
	for _, s := range bad {
		files = append(files, s.File())
	}
	if len(files) > worker.MaxFiles {
		return fmt.Errorf("%d hash sets are too many to skip by; build one of them", len(files))
	}
	var w wire.Writer
	w.Uint(uint64(len(good)))
	return im.call(ctx, OpSets, w.B, files, nil)
}
