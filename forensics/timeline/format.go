package timeline

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"saksi/event"
)

// AppendBodyfile appends the line of an entry of a file system in the form of
// The Sleuth Kit's body file (TSK 3.x; mactime reads it): digest, name, inode,
// mode, user, group, size, and the times of access, modification, change and
// creation in seconds. prefix is put before the path. Any other event gives
// nothing.
func (z *Zones) AppendBodyfile(dst []byte, e *event.Event, prefix string) []byte {
	str := func(f event.Field) string { s, _ := e.GetStr(f); return s }
	if str(event.EventDataset) != "saksi.entry" {
		return dst
	}
	digest := str(event.FileHashMD5)
	if digest == "" {
		digest = "0"
	}
	name := prefix + str(event.FilePath)
	if s := str(event.SaksiFileStream); s != "" {
		name += ":" + s
	}
	if t := str(event.FileTargetPath); t != "" {
		name += " -> " + t
	}
	if deleted, _ := e.GetBool(event.SaksiFileDeleted); deleted {
		if strings.HasPrefix(str(event.SaksiFileIncomplete), "reused:") {
			name += " (deleted-realloc)"
		} else {
			name += " (deleted)"
		}
	}
	size, _ := e.GetInt(event.FileSize)
	volume, _ := e.GetInt(event.SaksiFileVolume)
	dst = append(dst, digest...)
	for _, s := range []string{name, str(event.FileInode), bodyMode(str(event.FilePath), str(event.FileType), str(event.FileMode)), orZero(str(event.FileUID)), orZero(str(event.FileGID)), strconv.FormatInt(size, 10)} {
		dst = append(dst, '|')
		dst = append(dst, bodyText(s)...)
	}
	for _, f := range []event.Field{event.FileAccessed, event.FileMtime, event.FileCtime, event.FileCreated} {
		var seconds int64
		if at, ok := e.GetTime(f); ok {
			at, _ = z.correct(at, volume)
			seconds = time.Unix(0, at).Unix()
		}
		dst = append(dst, '|')
		dst = strconv.AppendInt(dst, seconds, 10)
	}
	return append(dst, '\n')
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// bodyText keeps a value in its column and its line: names are the disk's own.
func bodyText(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '|' || r < 0x20 || r == 0x7f {
			return '^'
		}
		return r
	}, s)
}

// bodyLetters are the letters of The Sleuth Kit.
var bodyLetters = map[string]string{"file": "r", "dir": "d", "symlink": "l", "fifo": "p", "char_device": "c", "block_device": "b", "socket": "h", "virtual": "v"}

// orphans is the folder that libtsk makes for files without a name.
const orphans = "/$OrphanFiles"

// bodyMode writes the kind that the name and the metadata have, and the
// permissions, as fls does.
func bodyMode(path, kind, mode string) string {
	letter := bodyLetters[kind]
	if letter == "" {
		letter = "-"
	}
	name := letter
	switch {
	case path == orphans:
		letter, name = "V", "V"
	case strings.HasPrefix(path, orphans+"/"):
		name = "-"
	}
	b := []byte(name + "/" + letter + "---------")
	n, err := strconv.ParseUint(mode, 8, 32)
	if err != nil {
		return string(b)
	}
	for i := range 9 {
		if n>>(8-i)&1 != 0 {
			b[3+i] = "rwxrwxrwx"[i]
		}
	}
	for _, s := range []struct {
		bit  uint
		at   int
		x, o byte
	}{{11, 5, 's', 'S'}, {10, 8, 's', 'S'}, {9, 11, 't', 'T'}} {
		if n>>s.bit&1 == 0 {
			continue
		}
		if b[s.at] == 'x' {
			b[s.at] = s.x
		} else {
			b[s.at] = s.o
		}
	}
	return string(b)
}

// AppendTimesketch appends the line as Timesketch imports it from JSONL: message,
// datetime and timestamp_desc, and what else is known.
func (l *Line) AppendTimesketch(dst []byte) ([]byte, error) {
	at := time.Unix(0, l.Time).UTC()
	doc := map[string]any{
		"message": l.Message, "datetime": at.Format("2006-01-02T15:04:05.000000+00:00"), "timestamp": at.UnixMicro(), "timestamp_desc": l.What,
		"data_type": "saksi:" + l.Kind, "source": l.Source, "zone": l.Zone, "event_id": l.ID,
	}
	for k, v := range map[string]string{"macb": l.MACB, "filename": l.Path, "inode": l.Inode, "username": l.User, "hostname": l.Host} {
		if v != "" {
			doc[k] = v
		}
	}
	if l.HasSize {
		doc["file_size"] = l.Size
	}
	if l.Deleted {
		doc["is_deleted"] = true
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return dst, err
	}
	return append(append(dst, b...), '\n'), nil
}
