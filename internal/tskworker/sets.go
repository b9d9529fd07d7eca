package tskworker

import (
	"encoding/hex"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"saksi/forensics/disk"
	"saksi/forensics/hashset"
	"saksi/internal/wire"
)

// sets takes hash sets, which the parent verified; their files are kept beyond the call.
func (s *session) sets(r *wire.Reader, files []*os.File) error {
	good := r.Uint()
	if r.Err() != nil {
		return r.Err()
	}
	if good > uint64(len(files)) {
		return fmt.Errorf("taking hash sets: %d of known-good files, %d came", good, len(files))
	}
	s.dropSets()
	for i, f := range files {
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("taking hash set %d: %w", i, err)
		}
		own := os.NewFile(uintptr(fd), fmt.Sprintf("%d", i))
		set, err := hashset.OpenFile(own)
		if err != nil {
			_ = own.Close()
			return err
		}
		if uint64(i) < good {
			s.good = append(s.good, set)
		} else {
			s.bad = append(s.bad, set)
		}
	}
	return s.send([]byte{disk.TagEnd})
}

func (s *session) dropSets() {
	for _, list := range [...][]*hashset.Set{s.good, s.bad} {
		for _, set := range list {
			_ = set.Close()
		}
	}
	s.good, s.bad = nil, nil
}

// known reports whether content is known as good and not as bad. What can't be looked
// up is not known.
func (s *session) known(res *disk.Result) bool {
	holds := func(sets []*hashset.Set, otherwise bool) bool {
		for _, set := range sets {
			b, err := hex.DecodeString(map[string]string{"md5": res.MD5, "sha1": res.SHA1, "sha256": res.SHA256}[set.Algorithm()])
			if err != nil {
				return otherwise
			}
			ok, err := set.Has(b)
			if err != nil {
				return otherwise
			}
			if ok {
				return true
			}
		}
		return false
	}
	return len(s.good) > 0 && holds(s.good, false) && !holds(s.bad, true)
}
