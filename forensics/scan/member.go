package scan

import (
	"strings"

	"saksi/event"
	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/archive"
)

// every reports whether each member is told of, since its digest is asked for.
func (c *Config) every() bool {
	return c.Enter.Depth > 0 && (c.Members || c.Flags || c.Fuzzy != nil || c.Intel != nil || len(c.Good)+len(c.Bad) > 0)
}

// open makes the members of archives and documents steps of their own, behind
// what holds them.
func (u *unit) open() {
	if u.opened {
		return
	}
	u.opened = true
	n := 0
	for _, r := range u.results {
		if r != nil {
			n += len(r.Members)
		}
	}
	if n == 0 {
		return
	}
	steps := make([]step, 0, len(u.steps)+n)
	for i := range u.steps {
		st := u.steps[i]
		steps = append(steps, st)
		res, _ := u.found(&st)
		if res == nil {
			continue
		}
		for k := range res.Members {
			steps = append(steps, memberStep(&st, &res.Members[k]))
		}
	}
	u.steps = steps
}

// memberStep is a member as a step: a file at its path, in the inode of the file
// that holds it. What an archive says of its times is not taken for a file
// system's.
func memberStep(st *step, m *disk.Member) step {
	en := st.entry
	at := newest(&en)
	en.Path, en.Size, en.Kind, en.Link = name(&en)+archive.Separator+m.Path, m.Read, filesystem.File, ""
	en.Mode, en.UID, en.GID, en.Reused = 0, 0, 0, false
	en.Modified, en.Accessed, en.Changed, en.Created = filesystem.NoTime, filesystem.NoTime, filesystem.NoTime, filesystem.NoTime
	return step{entry: en, item: -1, member: m, at: at}
}

// entered counts what was entered of a file and says what was not.
func (m *emitter) entered(u *unit, st *step, e *archive.Stats) {
	sum, s := &m.s.sum, m.s
	sum.Archives += e.Archives
	sum.Members += e.Members
	sum.Unpacked += e.Bytes
	sum.Unread += e.More
	sum.Barred += e.Barred
	for i := range e.Problems {
		p := &e.Problems[i]
		where := name(&st.entry)
		if p.Path != "" {
			where += archive.Separator + p.Path
		}
		switch {
		case p.Kind == archive.Encrypted: // counted, and a flag
			continue
		case st.entry.Deleted && p.Kind == archive.Damaged: // as it is with what was deleted
			sum.Unread++
			continue
		case p.Kind == archive.Damaged, p.Kind == archive.Limit, p.Kind == archive.Unsupported:
			sum.Problems++
		}
		sum.Unread++
		s.warn("%s: volume %d: %s: %s: %s", s.evidenceName(), u.volume, where, p.Kind, strings.TrimSpace(p.Text))
	}
	if e.More > 0 {
		sum.Problems++
		s.warn("%s: volume %d: %s: %d more of its members were not looked at whole", s.evidenceName(), u.volume, name(&st.entry), e.More)
	}
}

// holder puts in of what a member is one, and its own place.
func (m *emitter) holder(st *step) {
	if st.member != nil {
		m.e.Str(event.SaksiFileMember, st.member.Path)
	}
}
