package scan

import (
	"context"
	"errors"
	"fmt"
	"time"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/rules"
)

const flagTimesInnocent = "installers, copies that keep times (robocopy, 7-Zip, cabinets, whose times are whole seconds), files renamed after that, and a clock that was set back"

// maxHeld bounds the creations that are held of all volumes of an image.
const maxHeld = 2 << 20

// slackTime is how far apart two times of one act may lie, in nanoseconds.
const slackTime = int64(2 * time.Second)

// Signs of set times, with what each weighs: one alone is what installers leave, and
// is counted only.
const (
	signsMedium = 2
	signsHigh   = 3
)

// stomped holds the times of a file of NTFS that programs can set, those of
// $STANDARD_INFORMATION, against those they can't: of $FILE_NAME, of the volume and of
// the change journal (Carrier, File System Forensic Analysis, chapter 13; MITRE
// ATT&CK T1070.006).
func (s *scanner) stomped(st *step, volume int) (flag, bool) {
	en := &st.entry
	st.signs = 0
	if en.Name == nil || en.Stream != "" || en.Reused {
		return flag{}, false
	}
	b := s.births[volume]
	if b == nil {
		b = &disk.Births{Made: filesystem.NoTime}
	}
	const sec = int64(time.Second)
	none := int64(filesystem.NoTime)
	nameMade := en.Name[3]
	born, told := b.Files[en.Inode&(1<<48-1)|uint64(en.Sequence)<<48]
	told = told && !en.Deleted
	weight := 0
	var basis []string
	sign := func(w int, text string, values ...string) {
		weight += w
		basis = append(append(basis, text), values...)
	}
	std, name := "$STANDARD_INFORMATION ", "$FILE_NAME "
	known := en.Created != none && nameMade != none
	journal := "$UsnJrnl created " + stamp(born.At)
	switch {
	case known && en.Created < nameMade-slackTime:
		sign(1, "created before its name was", std+"created "+stamp(en.Created), name+"created "+stamp(nameMade))
		if told {
			basis = append(basis, journal)
		}
	case known && told && nameMade < born.At-slackTime && !born.Renamed:
		// Windows writes them as it makes a name, and the journal tells of no other name.
		sign(2, "created, by both sets of times, before the change journal says that it was, and not renamed since", std+"created "+stamp(en.Created), name+"created "+stamp(nameMade), journal)
	case known && told && en.Created < born.At-slackTime:
		sign(1, "created before the change journal says that it was", std+"created "+stamp(en.Created), name+"created "+stamp(nameMade), journal)
	}
	if known && en.Modified != none && en.Created%sec == 0 && en.Modified%sec == 0 && (nameMade%sec != 0 || told && born.At%sec != 0 && en.Created < born.At-slackTime) {
		sign(1, "times of whole seconds, which Windows does not write", std+"created "+stamp(en.Created), std+"modified "+stamp(en.Modified), name+"created "+stamp(nameMade))
	}
	switch {
	case en.Changed == none:
	case nameMade != none && en.Changed < nameMade-slackTime:
		sign(2, "its record was changed last before its name was made", std+"changed "+stamp(en.Changed), name+"created "+stamp(nameMade))
	case b.Made != none && en.Changed < b.Made-slackTime:
		sign(2, "its record was changed last before the volume was made", std+"changed "+stamp(en.Changed), "$MFT created "+stamp(b.Made))
	}
	st.signs = weight
	f := flag{id: "time-stomping", name: "Times that were set (time-stomping)", technique: "T1070.006", severity: rules.Medium, innocent: flagTimesInnocent}
	if weight >= signsHigh {
		f.severity = rules.High
	}
	return f.with(basis...), weight >= signsMedium
}

func stamp(t int64) string {
	if t == filesystem.NoTime {
		return "none"
	}
	return time.Unix(0, t).UTC().Format("2006-01-02T15:04:05.0000000Z")
}

// readBirths asks for what times are held against, of each volume.
func (s *scanner) readBirths(ctx context.Context, im *disk.Image) (*disk.Image, error) {
	s.births = map[int]*disk.Births{}
	held := 0
	for _, v := range s.volumes {
		if im == nil {
			var err error
			if im, err = s.src.Open(ctx, s.cfg.Worker); err != nil {
				return nil, err
			}
		}
		b, err := im.Births(ctx, v)
		problem := b.Problem
		if err != nil {
			if ctx.Err() != nil {
				return im, ctx.Err()
			}
			problem = err.Error()
			var remote *disk.Error
			if !errors.As(err, &remote) {
				im.Close()
				im = nil
				s.countDeath(err)
			}
		}
		s.births[v] = &b
		switch held += len(b.Files); {
		case held > maxHeld:
			held -= len(b.Files)
			problem, b.Files = fmt.Sprintf("its change journal is left out: those of all volumes tell of more than %d files", maxHeld), nil
		case b.More:
			problem = fmt.Sprintf("the change journal tells of more than %d files; the others are not held against it", len(b.Files))
		}
		if problem != "" {
			s.sum.Problems++
			s.warn("%s: volume %d: times are held against less than is there: %s", s.evidenceName(), v, problem)
		}
	}
	return im, nil
}
