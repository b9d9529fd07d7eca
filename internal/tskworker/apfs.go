package tskworker

import (
	"errors"
	"fmt"
	"time"

	"saksi/forensics/filesystem"
	"saksi/forensics/volume"
	"saksi/internal/apfs"
	"saksi/internal/tsk"
)

// apfsVolume is a volume of a container that may hold snapshots.
type apfsVolume struct {
	number int
	v      *apfs.Volume
	key    []byte
	list   []apfs.Snapshot
	again  func(fs *apfs.FS) filesystem.Reader
}

// container adds the volumes of the APFS container at an offset. Our own reader takes
// those it can open; libtsk gives the list of them, and reads the others.
func (s *session) container(offset, length int64, desc string) bool {
	put := func(v volume.Volume) bool { return s.add(nil, v) }
	vols, err := s.ti.Pool(offset)
	if err != nil {
		put(volume.Volume{Offset: offset, Length: length, Description: desc, Problem: err.Error()})
		return false
	}
	c, err := apfs.Open(metered{s}, offset, length)
	if err != nil {
		s.info.Notes = append(s.info.Notes, fmt.Sprintf("the APFS container at offset %d: %v", offset, err))
	}
	found := false
	for _, p := range vols {
		v := volume.Volume{Offset: offset, Length: length, Description: desc + ", APFS volume " + p.Desc, Pool: true, Block: p.Block}
		var fs filesystem.Reader
		if c != nil {
			fs = s.apfsVolume(c, &v, p)
		}
		if fs == nil {
			found = put(v) || found
			continue
		}
		s.readers[len(s.info.Table.Volumes)] = fs
		v.FileSystem = fs.Info()
		s.info.Table.Volumes = append(s.info.Table.Volumes, v)
		found = true
	}
	return found
}

// apfsVolume opens one by our own reader; nil where that can't, with the problem of
// one that is locked.
func (s *session) apfsVolume(c *apfs.Container, v *volume.Volume, p tsk.PoolVolume) filesystem.Reader {
	a, err := c.Volume(p.Block)
	if err != nil {
		s.info.Notes = append(s.info.Notes, fmt.Sprintf("the APFS volume %s: %v", p.Desc, err))
		return nil
	}
	var key []byte
	if a.Encrypted() {
		if key, err = s.apfsKey(a, c.Place(p.Block)); err != nil {
			hint := ""
			if a.Hint != "" {
				hint = fmt.Sprintf(" (its hint: %q)", a.Hint)
			}
			v.Problem = fmt.Sprintf("opening the volume at offset %d: it is APFS encrypted by FileVault, which is locked%s; give the password of one of its users or its recovery key by --unlock or --unlock-fd", c.Place(p.Block), hint)
			if errors.Is(err, apfs.ErrHardware) {
				v.Problem = fmt.Sprintf("opening the volume at offset %d: it is APFS encrypted by FileVault: %v", c.Place(p.Block), err)
			} else if len(s.secrets) > 0 {
				s.info.Notes = append(s.info.Notes, fmt.Sprintf("the encrypted volume at offset %d was not opened: %v", c.Place(p.Block), err))
			}
			return nil
		}
		v.Description += ", FileVault opened"
	}
	fs, err := a.FS(key, nil)
	if err != nil {
		s.info.Notes = append(s.info.Notes, fmt.Sprintf("the APFS volume %s: %v", p.Desc, err))
		return nil
	}
	m := s.media(v.Offset, v.Length, true, p.Block)
	open := func(fs *apfs.FS) filesystem.Reader { return filesystem.OfInodes(fs, m, "apfs") }
	list, err := a.Snapshots()
	if err != nil {
		s.info.Notes = append(s.info.Notes, fmt.Sprintf("the APFS volume %s: %v", p.Desc, err))
	}
	if len(list) > 0 {
		s.snapshots = append(s.snapshots, apfsVolume{len(s.info.Table.Volumes), a, key, list, open})
	}
	return open(fs)
}

// apfsKey is the key of an encrypted volume: one that is known, or what a secret gives.
func (s *session) apfsKey(a *apfs.Volume, at int64) ([]byte, error) {
	if s.unlocks++; s.unlocks > maxMediums {
		return nil, fmt.Errorf("more than %d encrypted volumes; from this on they are not opened", maxMediums)
	}
	s.busy.Store(true)
	done := s.ticking()
	defer func() {
		done()
		s.busy.Store(false)
	}()
	if len(s.secrets) == 0 && s.keys[at] == nil {
		_, err := a.Unlock(nil)
		if err == nil {
			err = apfs.ErrKey
		}
		return nil, err
	}
	return s.keyOf(a, at, apfs.ErrKey, false)
}

// apfsCopies lists the snapshots of APFS volumes behind them all, as shadow copies
// are.
func (s *session) apfsCopies() {
	t := &s.info.Table
	for _, x := range s.snapshots {
		base := t.Volumes[x.number]
		for k := range x.list {
			c := &x.list[k]
			v := base
			v.Description = fmt.Sprintf("%s, snapshot %q of %s", base.Description, c.Name, time.Unix(0, c.Created).UTC().Format(time.RFC3339))
			v.Copy, v.Of = max(c.Created, 1), x.number
			s.copies[len(t.Volumes)] = func() (filesystem.Reader, error) {
				fs, err := x.v.FS(x.key, c)
				if err != nil {
					return nil, err
				}
				return x.again(fs), nil
			}
			t.Volumes = append(t.Volumes, v)
		}
	}
}
