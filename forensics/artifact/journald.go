package artifact

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"

	"saksi/event"
)

// Journals of systemd. The objects of a file are read one behind the other, in
// the order in which they were written, and not by its tables: so entries are
// found that tables of a damaged file don't lead to.

func init() {
	register(Format{
		Name:      "journald",
		Doc:       "journals of systemd (.journal, .journal~): entries with all fields, compact or not, those compressed with Zstandard, LZ4 and XZ too; journals that were open or are damaged",
		Reference: "systemd.io/JOURNAL_FILE_FORMAT; systemd.journal-fields(7)",
		Detect:    func(head []byte) bool { return bytes.HasPrefix(head, []byte(journalSignature)) },
		Parse:     parseJournal,
		Event:     eventJournal,
		Log:       sourcesSyslog,
		Samples:   []string{"sample.journal", "sample-compact.journal", "sample-lz4-xz.journal"},
		Hostile: []string{
			"sample.journal cut=40000", "sample.journal @12=ffffffff", "sample.journal @88=ffffffffffffffff", "sample.journal @38704=ffffffffffffffffffffffffffffffffffffffffffffffffff",
			"sample-lz4-xz.journal @420=ffffffffffff", "sample-compact.journal cut=120",
		},
	})
}

const journalSignature = "LPKSHHRH"

// Flags of the header that change how a journal is read, and of objects.
const (
	journalCompact = 1 << 4
	journalKnown   = 1<<5 - 1

	objectXZ   = 1 << 0
	objectLZ4  = 1 << 1
	objectZstd = 1 << 2
)

// Kinds of objects.
const (
	objectData  = 1
	objectEntry = 3
	objectTag   = 7 // the last there is
)

const (
	maxJournalField = 1 << 20  // bytes of a field that are read
	journalCache    = 32 << 20 // bytes of fields kept, because entries share them
	journalRatio    = 64       // times its size that a journal may give: entries share fields, fields are compressed
	maxJournalGap   = 64 << 20 // bytes searched for the next entry behind damage
)

// journal is one under work.
type journal struct {
	in      Input
	compact bool
	fields  map[int64]string
	kept    int
	given   int64
	zstd    *zstd.Decoder
	problem func(Problem)
	names   []string // of an entry
}

func parseJournal(in Input, emit func(*Record) error, problem func(Problem)) error {
	var h [160]byte
	if _, err := in.ReadAt(h[:], 0); err != nil {
		return fmt.Errorf("reading the header of the journal: %w", err)
	}
	flags := binary.LittleEndian.Uint32(h[12:])
	if flags&^journalKnown != 0 {
		return fmt.Errorf("the journal has features 0x%x that are not known; it is not read", flags&^journalKnown)
	}
	at, tail := int64(binary.LittleEndian.Uint64(h[88:])), int64(binary.LittleEndian.Uint64(h[136:]))
	if at < 208 || at > in.Size || at%8 != 0 {
		problem(Problem{88, fmt.Sprintf("the header states that it has %d bytes; 240 are taken", at)})
		at = 240
	}
	j := &journal{in: in, compact: flags&journalCompact != 0, fields: map[int64]string{}, problem: problem}
	var err error
	if j.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxJournalField)); err != nil {
		return err
	}
	defer j.zstd.Close()
	if tail >= in.Size {
		problem(Problem{136, fmt.Sprintf("the last object lies at %d, the file has %d bytes: it was cut", tail, in.Size)})
	}
	searched := int64(0)
	var o [16]byte
	for at+16 <= in.Size {
		if _, err := in.ReadAt(o[:], at); err != nil {
			return fmt.Errorf("reading the object at offset %d: %w", at, err)
		}
		kind, size := o[0], int64(binary.LittleEndian.Uint64(o[8:]))
		if o == [16]byte{} && at > tail {
			return nil // the rest was never written
		}
		if kind == 0 || kind > objectTag || size < 16 || size > in.Size-at || o[2]|o[3]|o[4]|o[5]|o[6]|o[7] != 0 {
			if searched == 0 {
				problem(Problem{at, fmt.Sprintf("there is no sound object (type %d, %d bytes); what follows is searched for entries", kind, size)})
			}
			next, err := j.search(at+8, min(in.Size, at+maxJournalGap-searched))
			if err != nil || next < 0 {
				return err
			}
			searched += next - at
			at = next
			continue
		}
		if kind == objectEntry {
			r, err := j.entry(at, size)
			if err != nil {
				problem(Problem{at, err.Error()})
			} else if err := emit(r); err != nil {
				return err
			}
			if j.given > journalRatio*in.Size+maxJournalField {
				problem(Problem{at, fmt.Sprintf("its entries gave more than %d times its size; the rest is not read", journalRatio)})
				return nil
			}
		}
		at += (size + 7) &^ 7
	}
	return nil
}

// search finds the next offset at which an entry seems to lie, or -1.
func (j *journal) search(at, end int64) (int64, error) {
	buf := make([]byte, 1<<20)
	for at+64 <= end {
		n, err := j.in.ReadAt(buf[:min(int64(len(buf)), end-at)], at)
		if err != nil && err != io.EOF {
			return -1, fmt.Errorf("searching at offset %d: %w", at, err)
		}
		i := 0
		for ; i+64 <= n; i += 8 {
			size, real := binary.LittleEndian.Uint64(buf[i+8:]), binary.LittleEndian.Uint64(buf[i+24:])
			if buf[i] == objectEntry && binary.LittleEndian.Uint64(buf[i:]) == objectEntry && size >= 64 && size < 1<<20 && real > 946_684_800e6 && real < 4_102_444_800e6 {
				return at + int64(i), nil
			}
		}
		if i == 0 {
			break
		}
		at += int64(i)
	}
	return -1, nil
}

// entry reads an entry and the fields it refers to.
func (j *journal) entry(at, size int64) (*Record, error) {
	width := int64(16)
	if j.compact {
		width = 4
	}
	if size < 64 || size > 64+width*maxFields {
		return nil, fmt.Errorf("the entry has %d bytes", size)
	}
	b := make([]byte, size)
	if _, err := j.in.ReadAt(b, at); err != nil {
		return nil, fmt.Errorf("reading the entry: %w", err)
	}
	r := &Record{Offset: at, Time: nanos(time.UnixMicro(int64(min(binary.LittleEndian.Uint64(b[24:]), 1<<60))))}
	all := map[string]string{}
	j.names = j.names[:0]
	bytes := 0
	for p := int64(64); p+width <= size; p += width {
		off := int64(binary.LittleEndian.Uint32(b[p:]))
		if !j.compact {
			off = int64(binary.LittleEndian.Uint64(b[p:]))
		}
		if off == 0 {
			continue
		}
		text, err := j.field(off)
		if err != nil {
			j.problem(Problem{at, fmt.Sprintf("the field at %d: %v", off, err)})
			continue
		}
		if bytes += len(text); bytes > maxRecord-4096 {
			j.problem(Problem{at, "the entry has more bytes than are read; the rest of its fields is left out"})
			break
		}
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			j.problem(Problem{at, fmt.Sprintf("the field at %d has no name", off)})
			continue
		}
		if _, twice := all[name]; !twice {
			j.names = append(j.names, name)
			all[name] = value
		} else {
			all[name] += "\n" + value
		}
	}
	j.given += int64(bytes)
	if len(j.names) == 0 {
		return nil, errors.New("the entry has no field that can be read")
	}
	// First what syslog has too, by its names.
	r.Fields = append(r.Fields, Field{"host", all["_HOSTNAME"]}, Field{"program", firstOf(all["SYSLOG_IDENTIFIER"], all["_COMM"])}, Field{"pid", firstOf(all["SYSLOG_PID"], all["_PID"])}, Field{"message", all["MESSAGE"]})
	r.Fields = append(r.Fields, Field{"seqnum", strconv.FormatUint(binary.LittleEndian.Uint64(b[16:]), 10)}, Field{"boot_id", hex.EncodeToString(b[40:56])})
	r.Header = len(r.Fields)
	for _, n := range j.names {
		if n != "MESSAGE" && n != "_BOOT_ID" {
			r.Fields = append(r.Fields, Field{n, all[n]})
		}
	}
	return r, nil
}

// field reads a data object: a name, "=" and a value.
func (j *journal) field(at int64) (string, error) {
	if s, ok := j.fields[at]; ok {
		return s, nil
	}
	head := int64(64)
	if j.compact {
		head = 72
	}
	if at < 0 || at > j.in.Size-head {
		return "", errors.New("it lies outside the file")
	}
	var o [16]byte
	if _, err := j.in.ReadAt(o[:], at); err != nil {
		return "", err
	}
	size := int64(binary.LittleEndian.Uint64(o[8:]))
	if o[0] != objectData || size < head || size > j.in.Size-at {
		return "", fmt.Errorf("it is no field (type %d, %d bytes)", o[0], size)
	}
	payload := make([]byte, min(size-head, maxJournalField))
	if _, err := j.in.ReadAt(payload, at+head); err != nil {
		return "", err
	}
	var err error
	switch o[1] & (objectXZ | objectLZ4 | objectZstd) {
	case 0:
		if size-head > maxJournalField {
			j.problem(Problem{at, fmt.Sprintf("the field has %d bytes; it is cut at %d", size-head, maxJournalField)})
		}
	case objectZstd:
		payload, err = j.zstd.DecodeAll(payload, nil)
	case objectLZ4:
		payload, err = unLZ4(payload)
	case objectXZ:
		payload, err = unXZ(payload)
	default:
		err = fmt.Errorf("its flags 0x%x name two compressions", o[1])
	}
	if err != nil {
		return "", fmt.Errorf("decompressing it: %w", err)
	}
	s := strings.ToValidUTF8(string(payload), "\uFFFD")
	if j.kept+len(s) > journalCache {
		clear(j.fields)
		j.kept = 0
	}
	j.fields[at] = s
	j.kept += len(s) + 64
	return s, nil
}

// unLZ4 undoes a block of LZ4 behind its size.
func unLZ4(b []byte) ([]byte, error) {
	if len(b) < 8 {
		return nil, io.ErrUnexpectedEOF
	}
	n := binary.LittleEndian.Uint64(b)
	if n > maxJournalField {
		return nil, fmt.Errorf("it states %d bytes; %d are read at most", n, maxJournalField)
	}
	out := make([]byte, n)
	m, err := lz4.UncompressBlock(b[8:], out)
	return out[:max(m, 0)], err
}

func unXZ(b []byte) ([]byte, error) {
	cfg := xz.ReaderConfig{DictCap: maxJournalField, SingleStream: true}
	r, err := cfg.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(r, maxJournalField+1))
	if len(out) > maxJournalField {
		return nil, fmt.Errorf("it has more than %d bytes", maxJournalField)
	}
	return out, err
}

// journalLevels are those of syslog(3).
var journalLevels = [...]string{"emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"}

func eventJournal(r *Record, e *event.Event) {
	program, message := r.Get("program"), r.Get("message")
	e.Str(event.EventModule, "journald")
	e.Str(event.EventProvider, program)
	e.Str(event.EventCategory, "host")
	e.Str(event.EventType, "info")
	e.Str(event.EventCode, r.Get("MESSAGE_ID"))
	putNumber(e, event.EventSequence, r.Get("seqnum"))
	e.Str(event.HostName, r.Get("host"))
	e.Str(event.HostID, r.Get("_MACHINE_ID"))
	e.Str(event.HostOSType, "linux")
	e.Str(event.ProcessName, firstOf(r.Get("_COMM"), program))
	e.Str(event.ProcessExecutable, r.Get("_EXE"))
	e.Str(event.ProcessCommandLine, r.Get("_CMDLINE"))
	putNumber(e, event.ProcessPID, r.Get("pid"))
	e.Str(event.UserID, r.Get("_UID"))
	e.Str(event.ServiceName, firstOf(r.Get("UNIT"), r.Get("_SYSTEMD_UNIT")))
	e.Str(event.ContainerID, r.Get("CONTAINER_ID_FULL"))
	if n, err := strconv.Atoi(r.Get("PRIORITY")); err == nil && n >= 0 && n < len(journalLevels) {
		e.Str(event.LogLevel, journalLevels[n])
	}
	e.Str(event.Message, message)
	eventLogin(program, message, e)
	putData(r, e)
}
