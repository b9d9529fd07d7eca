package disk

import (
	"context"

	"saksi/forensics/filesystem"
	"saksi/internal/wire"
)

// Births is what the times of files of an NTFS volume are held against.
type Births struct {
	// Made is when the volume was: the creation of $MFT by its $FILE_NAME, in Unix
	// nanoseconds, or filesystem.NoTime.
	Made int64
	// Files are those whose creation the change journal tells, by their reference: 48
	// bits of the number of the record, 16 of its sequence.
	Files   map[uint64]Birth
	More    bool   // the journal tells of more than are held
	Problem string // what of that could not be read
}

// Birth is when a file was made.
type Birth struct {
	At      int64 // Unix nanoseconds
	Renamed bool  // it got another name after that
}

// Births reads them; of a volume that is not NTFS there are none.
func (im *Image) Births(ctx context.Context, number int) (Births, error) {
	var w wire.Writer
	w.Uint(uint64(number))
	b := Births{Made: filesystem.NoTime, Files: map[uint64]Birth{}}
	err := im.call(ctx, OpBirths, w.B, nil, func(tag byte, r *wire.Reader) error {
		if tag == TagEnd {
			b.Made, b.More, b.Problem = r.Int(), r.Bool(), r.String()
			return r.Err()
		}
		for r.Len() > 0 && r.Err() == nil {
			ref, at, created, renamed := r.Uint(), r.Int(), r.Bool(), r.Bool()
			if r.Err() != nil {
				break
			}
			x, ok := b.Files[ref]
			switch {
			case !ok && created:
				b.Files[ref] = Birth{at, renamed}
			case ok && renamed:
				x.Renamed = true
				b.Files[ref] = x
			}
		}
		return r.Err()
	})
	return b, err
}
