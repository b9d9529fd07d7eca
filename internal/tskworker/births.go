package tskworker

import (
	"errors"
	"fmt"
	"io"
	"os"

	"saksi/forensics/artifact"
	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/mft"
	"saksi/internal/wire"
)

// maxBirths bounds the creations and new names that are told of a change journal.
const maxBirths = 1 << 20

// changeJournal is where NTFS keeps its change journal.
const changeJournal = "/$Extend/$UsnJrnl:$J"

// unixEpoch is 1970 as a FILETIME.
const unixEpoch = 116_444_736_000_000_000

// births tells when an NTFS volume was made and when its change journal says that
// files were: what the times of files are held against.
func (s *session) births(r *wire.Reader, _ []*os.File) error {
	n := r.Uint()
	if r.Err() != nil {
		return r.Err()
	}
	fs, err := s.reader(n)
	if err != nil {
		return err
	}
	made, more, problem := int64(filesystem.NoTime), false, ""
	if fs.Info().Type == "ntfs" {
		if made, err = volumeMade(fs); err != nil {
			problem = "when the volume was made is not known: " + err.Error()
		}
		if more, err = s.created(fs); err != nil {
			if s.lost() != nil {
				return err
			}
			if problem != "" {
				problem += "; "
			}
			problem += changeJournal + ": " + err.Error()
		}
	}
	w := wire.Writer{B: []byte{disk.TagEnd}}
	w.Int(made)
	w.Bool(more)
	w.String(problem)
	return s.send(w.B)
}

// volumeMade is when the name of $MFT was written, in Unix nanoseconds.
func volumeMade(fs filesystem.Reader) (int64, error) {
	c, err := fs.Open(filesystem.Ref{Inode: 0})
	if err != nil {
		return filesystem.NoTime, err
	}
	defer c.Close()
	head := make([]byte, 4096)
	if n, err := c.ReadAt(head, 0); n < len(head) {
		return filesystem.NoTime, errors.Join(errors.New("$MFT is cut"), err)
	}
	size := mft.RecordSize(head)
	if size == 0 || size > len(head) {
		return filesystem.NoTime, errors.New("$MFT begins with no record")
	}
	var rec mft.Record
	if err := rec.Parse(head[:size], 0, 0); err != nil {
		return filesystem.NoTime, err
	}
	name := rec.Best()
	if name == nil || name.Times.Created < unixEpoch {
		return filesystem.NoTime, errors.New("$MFT has no name")
	}
	return (name.Times.Created - unixEpoch) * 100, nil
}

// created sends what the change journal tells of the creation and the new names of
// files.
func (s *session) created(fs filesystem.Reader) (more bool, err error) {
	ref, err := fs.Lookup(changeJournal)
	if errors.Is(err, filesystem.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c, err := fs.Open(ref)
	if err != nil {
		return false, err
	}
	defer c.Close()
	if why := s.tooLarge(c.Size(), 0, []filesystem.Run{{}}, 0); why != "" {
		return false, errors.New(why)
	}
	told := 0
	w := wire.Writer{B: []byte{disk.TagData}}
	flush := func() error {
		err := s.send(w.B)
		w.B = w.B[:1]
		return err
	}
	bad, first := 0, int64(0)
	err = artifact.Births(artifact.Input{ReaderAt: &renewed{s, c}, Size: c.Size(), Path: changeJournal}, func(b artifact.Birth) error {
		if told++; told > maxBirths {
			more = true
			return io.EOF
		}
		w.Uint(b.Ref)
		w.Int(b.At)
		w.Bool(b.Created)
		w.Bool(b.Renamed)
		if len(w.B) < walkFrame {
			return nil
		}
		return flush()
	}, func(p artifact.Problem) {
		if bad++; bad == 1 {
			first = p.Offset
		}
	})
	if len(w.B) > 1 && s.lost() == nil {
		if err := flush(); err != nil {
			return more, err
		}
	}
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d places in it hold no record, the first at offset %d", bad, first)
	}
	return more, err
}
