package scan

import (
	"fmt"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/search"
	"saksi/rules/yara"
)

// LineSink may be implemented by a Config.Sink that writes events as lines of
// JSON: it is then given whole lines (event.Event.AppendJSON and a line feed),
// encoded on all processors, in the same order as Emit would be called.
type LineSink interface {
	EmitLines(lines []byte) error
}

// EntrySink may be implemented by a Config.Sink that wants no documents: it is
// given the entries themselves, with the digest of their content where it was
// taken, when nothing is looked for in them. It MUST NOT keep e.
type EntrySink interface {
	EmitEntry(volume int, e *filesystem.Entry, sha256 string) error
}

// entrySink is the sink, where entries are all there is to give it.
func (s *scanner) entrySink() EntrySink {
	if s.looks() || s.cfg.Intel != nil || len(s.cfg.Good)+len(s.cfg.Bad) > 0 || !s.cfg.Entries {
		return nil
	}
	sink, _ := s.cfg.Sink.(EntrySink)
	return sink
}

// emitter turns units into events, in the order of the walk.
type emitter struct {
	s       *scanner
	entries EntrySink // nil: documents are made
	e       event.Event
	finding event.Event // of an indicator
	told    map[told]struct{}
}

// encode makes the lines of a unit ahead of its turn.
func (m *emitter) encode(u *unit) {
	m.s.lookUp(u)
	for i := range u.steps {
		if u.steps[i].problem == nil {
			// Appending to memory does not fail.
			_ = m.events(u, &u.steps[i], func(e *event.Event) error {
				u.lines = append(e.AppendJSON(u.lines), '\n')
				return nil
			})
		}
	}
	u.encoded = true
}

// unit counts what a unit holds and gives its events to the sink.
func (m *emitter) unit(u *unit) error {
	sum, s := &m.s.sum, m.s
	if s.lookUp(u); u.lookErr != nil {
		return u.lookErr
	}
	sum.Crashes += u.crashes
	sum.Timeouts += u.timeouts
	for i := range u.steps {
		st := &u.steps[i]
		if p := st.problem; p != nil {
			sum.Problems++
			where := p.Path
			if p.Inode != 0 {
				where = strings.TrimSpace(fmt.Sprintf("%s inode %d", where, p.Inode))
			}
			s.warn("%s: volume %d: %s: %s", s.evidenceName(), u.volume, where, p.Text)
			continue
		}
		m.count(u, st)
		if m.entries != nil {
			res, lost := u.found(st)
			if lost == interrupted {
				continue
			}
			sha256 := ""
			if res != nil {
				sha256 = res.SHA256
			}
			if err := m.entries.EmitEntry(u.volume, &st.entry, sha256); err != nil {
				return err
			}
		} else if !u.encoded {
			if err := m.events(u, st, s.cfg.Sink.Emit); err != nil {
				return err
			}
		}
		sum.Matches += int64(st.hits + st.flags + len(st.bad))
		if st.alike {
			sum.Matches++
		}
		if st.good {
			sum.Good++
			if res, _ := u.found(st); res != nil && res.Known {
				sum.Skipped++
			}
		}
		if st.signs > 0 && st.signs < signsMedium {
			sum.Signs++
		}
	}
	if len(u.lines) > 0 {
		if err := s.cfg.Sink.(LineSink).EmitLines(u.lines); err != nil {
			return err
		}
	}
	if u.err != nil {
		sum.Problems++
		sum.Lost = append(sum.Lost, u.err.Error())
		s.warn("%s: %v", s.evidenceName(), u.err)
	}
	if s.cfg.Progress != nil {
		s.cfg.Progress(Progress{Image: sum.Path, Entries: sum.Entries, Bytes: sum.Bytes})
	}
	return nil
}

// found gives what was found in the content of a step.
func (u *unit) found(st *step) (*disk.Result, loss) {
	if st.member != nil {
		return &st.member.Result, loss{}
	}
	if st.item < 0 {
		return nil, loss{}
	}
	if u.results == nil {
		return nil, u.lost[st.item]
	}
	return u.results[st.item], u.lost[st.item]
}

// count adds an entry to the summary and says what is wrong with it.
func (m *emitter) count(u *unit, st *step) {
	sum, s := &m.s.sum, m.s
	en := &st.entry
	res, lost := u.found(st)
	if lost == interrupted {
		return
	}
	if lost.cause != "" {
		sum.Lost = append(sum.Lost, name(en)+": "+lost.text)
		s.warn("%s: volume %d: %s: %s", s.evidenceName(), u.volume, u.whole(st), lost.text)
	}
	if res != nil {
		m.countFound(st, res)
		m.entered(u, st, &res.Entered)
	}
	if st.member != nil {
		if res.ScanError != "" {
			sum.Problems++
			s.warn("%s: volume %d: %s: %s", s.evidenceName(), u.volume, en.Path, res.ScanError)
		}
		return
	}
	if st.place != disk.Content {
		if res != nil && (res.Error != "" || res.ScanError != "" || res.Incomplete != "") {
			sum.Problems++
			s.warn("%s: volume %d: %s: %s", s.evidenceName(), u.volume, u.whole(st), strings.TrimSpace(res.Error+" "+res.ScanError+" "+res.Incomplete))
		}
		return
	}
	sum.Entries++
	if en.Deleted {
		sum.Deleted++
	}
	if en.Stream != "" {
		sum.Streams++
	}
	if res != nil {
		if res.Error == "" {
			sum.Read++
		}
		sum.Bytes += res.Read
		if res.Incomplete != "" || res.Error != "" {
			sum.Partial++
		}
		if (res.Error != "" || res.ScanError != "") && !en.Deleted {
			sum.Problems++
			s.warn("%s: volume %d: %s: %s", s.evidenceName(), u.volume, name(en), strings.TrimSpace(res.Error+" "+res.ScanError))
		}
	}
}

// countFound counts what was found in content or a place beside it.
func (m *emitter) countFound(st *step, res *disk.Result) {
	sum := &m.s.sum
	if st.member == nil {
		sum.Space[st.place] += res.Read
	}
	sum.Untold += res.MoreHits
	sum.Matches += int64(len(res.Matches))
	for _, g := range groups(res.Hits) {
		if res.Hits[g[0]].Kind == search.Keyword || res.Hits[g[0]].Kind == search.Regex {
			sum.Matches++
		} else {
			sum.Features++
		}
	}
}

// whole names a step for people.
func (u *unit) whole(st *step) string {
	switch st.place {
	case disk.Slack:
		return "slack of " + name(&st.entry)
	case disk.Unallocated, disk.Raw:
		return fmt.Sprintf("%s at offset %d", st.entry.Path, u.items[st.item].Runs[0].Image)
	}
	return name(&st.entry)
}

// events gives put the events of an entry: itself, when asked for, and its
// findings. What was interrupted gives none.
func (m *emitter) events(u *unit, st *step, put func(*event.Event) error) error {
	res, lost := u.found(st)
	if lost == interrupted {
		return nil
	}
	if (m.s.cfg.Entries || m.s.cfg.Members || m.s.cfg.Intel != nil) && st.place == disk.Content {
		m.e.Reset()
		m.common(u, st, res, lost, "event", "saksi.entry")
		if err := m.entry(u, st, put); err != nil {
			return err
		}
	}
	if err := m.flagged(u, st, res, lost, put); err != nil || res == nil {
		return err
	}
	if err := m.bad(u, st, res, lost, put); err != nil {
		return err
	}
	if err := m.fuzzy(u, st, res, lost, put); err != nil {
		return err
	}
	at := res.Places
	for i := range res.Matches {
		n := min(len(res.Matches[i].Strings), len(at))
		if m.again(st, &m.s.sum.Matches, res.Matches[i].Rule, at[:n]) {
			at = at[n:]
			continue
		}
		m.e.Reset()
		m.common(u, st, res, lost, "alert", "saksi.alert")
		m.match(u, st, &res.Matches[i], at[:n])
		at = at[n:]
		if err := put(&m.e); err != nil {
			return err
		}
	}
	return m.hits(u, st, res, at, put)
}

// entry gives put the event of an entry, when asked for, and the indicators it
// holds.
func (m *emitter) entry(u *unit, st *step, put func(*event.Event) error) error {
	if st.member == nil && m.s.cfg.Entries || st.member != nil && m.s.cfg.Members {
		if err := put(&m.e); err != nil {
			return err
		}
	}
	if m.s.cfg.Intel == nil {
		return nil
	}
	hits := m.s.cfg.Intel.Match(&m.e)
	st.hits = len(hits)
	for i := range hits {
		m.s.cfg.Intel.Finding(&m.finding, &m.e, &hits[i])
		m.finding.Str(event.SaksiEvidenceCommand, m.command(u.volume, st))
		if err := put(&m.finding); err != nil {
			return err
		}
	}
	return nil
}

func name(en *filesystem.Entry) string {
	if en.Stream != "" {
		return en.Path + ":" + en.Stream
	}
	return en.Path
}

// InodeAddress is how an inode is written and read back by cat: with the
// number of its stream where the file system has several.
func InodeAddress(en *filesystem.Entry) string { return string(AppendInodeAddress(nil, en)) }

// AppendInodeAddress appends InodeAddress.
func AppendInodeAddress(b []byte, en *filesystem.Entry) []byte {
	b = strconv.AppendUint(b, en.Inode, 10)
	if en.AttrType >= 16 { // below are libtsk's own numbers, not the disk's
		b = strconv.AppendUint(append(b, '-'), uint64(en.AttrType), 10)
		b = strconv.AppendUint(append(b, '-'), uint64(en.AttrID), 10)
	}
	return b
}

// common puts in what entries and findings share.
func (m *emitter) common(u *unit, st *step, res *disk.Result, lost loss, kind, dataset string) {
	e, en := &m.e, &st.entry
	e.Str(event.EventKind, kind)
	e.Str(event.EventDataset, dataset)
	e.Str(event.EventCategory, "file")
	e.Str(event.EventType, "info")
	e.Str(event.ECSVersion, "8.17.0")
	e.Str(event.SaksiEvidenceKey, m.s.sum.Source)
	e.Str(event.SaksiEvidenceName, m.s.evidenceName())
	e.Int(event.SaksiFileVolume, int64(u.volume))
	e.Str(event.FilePath, en.Path)
	dir, base := "/", en.Path // names are the disk's own: nothing is cleaned
	if i := strings.LastIndexByte(en.Path, '/'); i >= 0 {
		dir, base = en.Path[:max(i, 1)], en.Path[i+1:]
	}
	e.Str(event.FileName, base)
	e.Str(event.FileDirectory, dir)
	if i := strings.LastIndexByte(base, '.'); i > 0 && en.Kind == filesystem.File {
		e.Str(event.FileExtension, base[i+1:])
	}
	if st.place != disk.Content {
		e.Str(event.SaksiFilePlace, st.place.String())
	}
	if st.place == disk.Unallocated || st.place == disk.Raw {
		e.Str(event.FileType, en.Kind.String())
		e.Time(event.Timestamp, 0)
		m.content(en, res)
		return
	}
	e.Str(event.SaksiFileStream, en.Stream)
	m.holder(st)
	e.Str(event.FileInode, InodeAddress(en))
	e.Str(event.FileType, en.Kind.String())
	e.Bool(event.SaksiFileDeleted, en.Deleted)
	e.Str(event.SaksiFileRecovery, en.How)
	e.Str(event.SaksiFileBlocks, en.Blocks)
	e.Str(event.FileTargetPath, en.Link)
	if en.Reused {
		e.Str(event.SaksiFileIncomplete, "reused: its metadata belongs to another file now")
	} else {
		e.Int(event.FileSize, en.Size)
	}
	if en.Mode != 0 {
		n := en.Mode & 0o7777
		e.Str(event.FileMode, string([]byte{'0' + byte(n>>9), '0' + byte(n>>6&7), '0' + byte(n>>3&7), '0' + byte(n&7)}))
	}
	if en.Mode != 0 || en.UID != 0 || en.GID != 0 {
		e.Str(event.FileUID, strconv.FormatUint(uint64(en.UID), 10))
		e.Str(event.FileGID, strconv.FormatUint(uint64(en.GID), 10))
	}
	m.times(en)
	if st.member != nil {
		e.Time(event.Timestamp, st.at)
	}
	if res != nil {
		m.content(en, res)
	}
	if lost.cause != "" {
		e.Str(event.SaksiIncomplete, lost.cause)
		e.Str(event.SaksiFileIncomplete, lost.text)
	}
}

// times puts in the four times. @timestamp is the first of modified, created,
// changed and accessed that the file system holds, else the start of 1970: a
// listing is no moment of its own and MUST be the same on every run.
func (m *emitter) times(en *filesystem.Entry) {
	for _, t := range [...]struct {
		f event.Field
		t int64
	}{{event.FileAccessed, en.Accessed}, {event.FileCtime, en.Changed}, {event.FileCreated, en.Created}, {event.FileMtime, en.Modified}} {
		if t.t != filesystem.NoTime {
			m.e.Time(t.f, t.t)
		}
	}
	m.e.Time(event.Timestamp, newest(en))
}

// newest is the time under which an entry is told, see times.
func newest(en *filesystem.Entry) int64 {
	for _, t := range [...]int64{en.Modified, en.Created, en.Changed, en.Accessed} {
		if t != filesystem.NoTime {
			return t
		}
	}
	return 0
}

func (m *emitter) content(en *filesystem.Entry, res *disk.Result) {
	e := &m.e
	e.Str(event.FileHashSHA256, res.SHA256)
	e.Str(event.FileHashMD5, res.MD5)
	e.Str(event.FileHashSHA1, res.SHA1)
	e.Str(event.FileHashSsdeep, res.Fuzzy)
	why := res.Incomplete
	if why == "" && res.Error != "" {
		why = "read_error: " + res.Error
	}
	if why != "" {
		e.Str(event.SaksiFileIncomplete, why)
	}
	if res.ScanError != "" {
		e.Str(event.SaksiIncomplete, "scan: "+res.ScanError)
	}
	if at := imageOffset(res, 0); at >= 0 {
		e.Int(event.SaksiEvidenceOffset, at)
	}
	for _, r := range res.Runs {
		if !r.Sparse {
			e.Str(event.SaksiEvidenceRuns, strconv.FormatInt(r.Image, 10)+"+"+strconv.FormatInt(r.Length, 10))
		}
	}
	if res.MoreRuns {
		e.Str(event.SaksiTruncated, event.SaksiEvidenceRuns.Name())
	}
}

// imageOffset is where a byte of the content lies in the media, or -1:
// resident content is placed by its MFT record.
func imageOffset(res *disk.Result, off int64) int64 {
	for _, r := range res.Runs {
		if off >= r.File && off-r.File < r.Length {
			if r.Sparse {
				return -1
			}
			return r.Image + off - r.File
		}
	}
	if res.Record != 0 && len(res.Runs) == 0 {
		return res.Record
	}
	return -1
}

// match puts in what a rule says and where it matched.
func (m *emitter) match(u *unit, st *step, x *yara.Match, at []int64) {
	x.Event(&m.e)
	m.places(u, st, at, 0)
}

// places puts in where in the media pieces begin, and the command that shows them.
func (m *emitter) places(u *unit, st *step, at []int64, length int) {
	e := &m.e
	for i, off := range at {
		e.Int(event.SaksiEvidenceMatchOffset, off)
		if i == 0 && off >= 0 {
			e.Delete(event.SaksiEvidenceOffset)
			e.Int(event.SaksiEvidenceOffset, off)
		}
	}
	if st.place == disk.Content {
		e.Str(event.SaksiEvidenceCommand, m.command(u.volume, st))
		return
	}
	if len(at) > 0 && at[0] >= 0 {
		e.Str(event.SaksiEvidenceCommand, fmt.Sprintf("saksi forensics cat %s --offset %d --length %d", m.s.opened(), at[0], max(length, 64)))
	}
}

// command is what shows the content again.
func (m *emitter) command(vol int, st *step) string {
	c := fmt.Sprintf("saksi forensics cat %s --volume %d --inode %s", m.s.opened(), vol, InodeAddress(&st.entry))
	if st.member != nil {
		c += " --member " + quote(st.member.Path)
	}
	return c
}

// quote writes a word for a POSIX shell.
func quote(s string) string {
	plain := s != "" && !strings.HasPrefix(s, "-")
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-+,:@/", r)) {
			plain = false
		}
	}
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
