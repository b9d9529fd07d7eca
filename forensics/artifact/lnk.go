package artifact

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"saksi/event"
)

// Shortcuts of Windows: what a user opened, where it lay, and the times and the
// machine it had then.

func init() {
	register(Format{
		Name:      "lnk",
		Doc:       "shortcuts of Windows: the target with its times, size, volume or share, arguments, and the machine and identifiers of link tracking",
		Reference: "[MS-SHLLINK]; J. Metz, Windows Shortcut File (LNK) format",
		Detect:    func(head []byte) bool { return len(head) >= 76 && string(head[:20]) == lnkMagic },
		Parse:     parseLNK,
		Event:     eventLNK,
		Samples:   []string{"sample.lnk"},
		Hostile: []string{
			"sample.lnk cut=80", "sample.lnk @76=ffff", "sample.lnk @20=ffffffff", "sample.lnk cut=150",
		},
	})
}

const lnkMagic = "L\x00\x00\x00\x01\x14\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"

// maxLNK bounds a shortcut, in bytes.
const maxLNK = 16 << 20

// Flags of the header.
const (
	lnkIDList   = 1 << 0
	lnkInfo     = 1 << 1
	lnkUnicode  = 1 << 7
	lnkTracker  = 0xa0000003 // signatures of extra blocks
	lnkEnv      = 0xa0000001
	lnkFirstStr = 2 // bit of the first data string
)

// lnkStrings are the data strings in their order.
var lnkStrings = []string{"description", "relative_path", "working_directory", "arguments", "icon"}

var driveTypes = []string{"unknown", "no root", "removable", "fixed", "remote", "optical", "memory"}

func parseLNK(in Input, emit func(*Record) error, problem func(Problem)) error {
	if in.Size > maxLNK {
		problem(Problem{maxLNK, fmt.Sprintf("the file has %d bytes; what follows %d is not read", in.Size, maxLNK)})
	}
	b := make([]byte, min(in.Size, maxLNK))
	if _, err := in.ReadAt(b, 0); err != nil {
		return fmt.Errorf("reading the file: %w", err)
	}
	r, at, err := lnkRecord(b)
	if err != nil {
		if r == nil {
			return err
		}
		problem(Problem{int64(at), err.Error()})
	}
	return emit(r)
}

// lnkRecord reads a shortcut that b begins with, and tells where it ends. With an
// error, the place is that of what is wrong, and the record, when there is one,
// holds what was read before.
func lnkRecord(b []byte) (*Record, int, error) {
	if len(b) < 76 {
		return nil, len(b), errors.New("the file ends within its header")
	}
	r := &Record{Header: 1, Fields: []Field{{"record", "lnk"}}}
	add := func(name, value string) {
		if value != "" {
			r.Fields = append(r.Fields, Field{name, value})
		}
	}
	for i, name := range []string{"created", "accessed", "modified"} {
		if t := fileTimeAt(b, 28+8*i); t != 0 {
			add(name, timeUTC(t))
			if name == "modified" || r.Time == 0 {
				r.Time = t
			}
		}
	}
	add("size", strconv.FormatUint(uint64(binary.LittleEndian.Uint32(b[52:])), 10))
	add("attributes", fmt.Sprintf("0x%08x", binary.LittleEndian.Uint32(b[24:])))
	at, err := lnkBody(b, add)
	if err == nil {
		at, err = lnkExtra(b, at, add)
	}
	return r, at, err
}

// lnkBody reads what lies between the header and the extra blocks.
func lnkBody(b []byte, add func(name, value string)) (int, error) {
	flags := binary.LittleEndian.Uint32(b[20:])
	at := 76
	if flags&lnkIDList != 0 {
		if at+2 > len(b) || at+2+int(binary.LittleEndian.Uint16(b[at:])) > len(b) {
			return at, errors.New("the list of identifiers of the target ends beyond the file")
		}
		at += 2 + int(binary.LittleEndian.Uint16(b[at:]))
	}
	if flags&lnkInfo != 0 {
		if at+28 > len(b) {
			return at, errors.New("the location of the target ends beyond the file")
		}
		size := int64(binary.LittleEndian.Uint32(b[at:]))
		if size < 28 || int64(at)+size > int64(len(b)) {
			return at, fmt.Errorf("the location of the target says it has %d bytes; %d are there", size, len(b)-at)
		}
		lnkLocation(b[at:int64(at)+size], add)
		at += int(size)
	}
	for i, name := range lnkStrings {
		if flags>>(lnkFirstStr+i)&1 == 0 {
			continue
		}
		if at+2 > len(b) {
			return at, fmt.Errorf("the %s is missing", strings.ReplaceAll(name, "_", " "))
		}
		n := int(binary.LittleEndian.Uint16(b[at:]))
		if at += 2; flags&lnkUnicode != 0 {
			n *= 2
		}
		if at+n > len(b) {
			return at, fmt.Errorf("the %s ends beyond the file", strings.ReplaceAll(name, "_", " "))
		}
		text := latin1(b[at : at+n])
		if flags&lnkUnicode != 0 {
			text = utf16All(b[at : at+n])
		}
		if name == "arguments" {
			text = maskedURL(psMasked(text))
		}
		add(name, text)
		at += n
	}
	return at, nil
}

// lnkLocation reads the location of the target: offsets count from its start.
func lnkLocation(b []byte, add func(name, value string)) {
	u32 := func(at uint32) uint32 {
		if uint64(at)+4 > uint64(len(b)) {
			return 0
		}
		return binary.LittleEndian.Uint32(b[at:])
	}
	ansi := func(at uint32) string {
		if at == 0 || uint64(at) >= uint64(len(b)) {
			return ""
		}
		return latin1Until(b[at:])
	}
	wide := func(at uint32) string {
		if at == 0 || uint64(at) >= uint64(len(b)) {
			return ""
		}
		return utf16Until(b[at:])
	}
	head, flags := u32(4), u32(8)
	local, common := ansi(u32(16)), ansi(u32(24))
	if head > 28 {
		if s := wide(u32(28)); s != "" {
			local = s
		}
		if s := wide(u32(32)); head > 32 && s != "" {
			common = s
		}
	}
	if flags&1 != 0 {
		v := u32(12)
		if t := u32(v + 4); int(t) < len(driveTypes) {
			add("drive_type", driveTypes[t])
		}
		add("drive_serial", fmt.Sprintf("%08X", u32(v+8)))
		if off := u32(v + 12); off > 0x10 {
			add("volume_label", wide(v+u32(v+16)))
		} else {
			add("volume_label", ansi(v+off))
		}
		add("path", local+common)
	}
	if flags&2 != 0 {
		n := u32(20)
		share := ansi(n + u32(n+8))
		add("share", share)
		if flags&1 == 0 {
			add("path", strings.TrimRight(share, `\`)+`\`+common)
		}
	}
}

// lnkExtra reads the blocks behind the strings and tells where they end.
func lnkExtra(b []byte, at int, add func(name, value string)) (int, error) {
	for at+8 <= len(b) {
		size := int(binary.LittleEndian.Uint32(b[at:]))
		if size < 4 { // the end
			return at + 4, nil
		}
		if size < 8 || at+size > len(b) {
			return at, fmt.Errorf("an extra block says it has %d bytes; %d are there", size, len(b)-at)
		}
		block := b[at : at+size]
		switch binary.LittleEndian.Uint32(block[4:]) {
		case lnkTracker:
			if size >= 0x60 {
				add("machine", latin1Until(block[16:32]))
				add("droid_volume", guid(block[32:48]))
				add("droid_file", guid(block[48:64]))
				add("birth_droid_volume", guid(block[64:80]))
				add("birth_droid_file", guid(block[80:96]))
			}
		case lnkEnv:
			if size >= 0x314 {
				add("environment_path", utf16Until(block[268:]))
			}
		}
		at += size
	}
	return min(at+4, len(b)), nil
}

// guid writes a GUID as Windows does ([MS-DTYP] 2.3.4).
func guid(b []byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%s-%s", binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:]), hex.EncodeToString(b[8:10]), hex.EncodeToString(b[10:16]))
}

// latin1 reads text whose code page is not told.
func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

func latin1Until(b []byte) string {
	s, _, _ := strings.Cut(latin1(b[:min(len(b), 4096)]), "\x00")
	return s
}

func eventLNK(r *Record, e *event.Event) {
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventCategory, "file")
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, "lnk-target")
	p := r.first("path", "environment_path", "relative_path")
	e.Str(event.FilePath, p)
	e.Str(event.FileName, base(p))
	lnkTimes(r, e)
	putNumber(e, event.FileSize, r.Get("size"))
	e.Str(event.HostName, r.Get("machine"))
	e.Str(event.ProcessWorkingDirectory, r.Get("working_directory"))
	for _, f := range r.Fields[r.Header:] {
		e.Str(event.SaksiWindowsData, f.Name+"="+f.Value)
	}
	e.Str(event.Message, strings.TrimSpace("shortcut to "+p+" "+r.Get("arguments")))
}

// lnkTimes tells the times of the target when the shortcut was written.
func lnkTimes(r *Record, e *event.Event) {
	for f, name := range map[event.Field]string{event.FileCreated: "created", event.FileAccessed: "accessed", event.FileMtime: "modified"} {
		if t, err := time.Parse(time.RFC3339Nano, r.Get(name)); err == nil {
			e.Time(f, t.UnixNano())
		}
	}
}
