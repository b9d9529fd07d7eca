package artifact

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/internal/mft"
)

// The journal of NTFS, $LogFile: restart areas and records of what was about to
// be done and how it would be undone. Records are named by their operations;
// what they hold is not decoded.

func init() {
	register(Format{
		Name: "logfile",
		Doc: "$LogFile of NTFS: restart areas, and each record with its LSN, transaction, redo and undo operation, and where it applies; what a record " +
			"holds is not decoded, and it has no time",
		Reference: "Linux kernel, fs/ntfs/logfile.h; fs/ntfs3/fslog.c",
		Detect: func(head []byte) bool {
			return len(head) >= 48 && (string(head[:4]) == "RSTR" || string(head[:4]) == "CHKD")
		},
		Parse:   parseLogFile,
		Event:   eventLogFile,
		Samples: []string{"sample.logfile"},
		Hostile: []string{"sample.logfile cut=20000", "sample.logfile @16560=ffffff", "sample.logfile @510=ffff", "sample.logfile @20=00000000", "sample.logfile @16584=ffffffff", "sample.logfile @24=0000"},
	})
}

// Sizes of the log, in bytes.
const (
	logPage   = 4096
	logHeader = 48 // of a record
	logData   = 64 // where records begin in a page
)

// logOps are the operations, by number (fslog.c, enum NTFS_LOG_OPERATION).
var logOps = []string{
	"Noop", "CompensationLogRecord", "InitializeFileRecordSegment", "DeallocateFileRecordSegment", "WriteEndOfFileRecordSegment", "CreateAttribute",
	"DeleteAttribute", "UpdateResidentValue", "UpdateNonresidentValue", "UpdateMappingPairs", "DeleteDirtyClusters", "SetNewAttributeSizes",
	"AddIndexEntryRoot", "DeleteIndexEntryRoot", "AddIndexEntryAllocation", "DeleteIndexEntryAllocation", "WriteEndOfIndexBuffer",
	"SetIndexEntryVcnRoot", "SetIndexEntryVcnAllocation", "UpdateFileNameRoot", "UpdateFileNameAllocation", "SetBitsInNonresidentBitMap",
	"ClearBitsInNonresidentBitMap", "HotFix", "EndTopLevelAction", "PrepareTransaction", "CommitTransaction", "ForgetTransaction",
	"OpenNonresidentAttribute", "OpenAttributeTableDump", "AttributeNamesDump", "DirtyPageTableDump", "TransactionTableDump",
	"UpdateRecordDataRoot", "UpdateRecordDataAllocation", "UpdateRelativeDataIndex", "UpdateRelativeDataAllocation", "ZeroEndOfFileRecord",
}

func logOp(n uint16) string {
	if int(n) < len(logOps) {
		return logOps[n]
	}
	return fmt.Sprintf("0x%04x", n)
}

func parseLogFile(in Input, emit func(*Record) error, problem func(Problem)) error {
	head := make([]byte, 32)
	if _, err := in.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the first page: %w", err)
	}
	if size := binary.LittleEndian.Uint32(head[20:]); size != logPage {
		problem(Problem{20, fmt.Sprintf("the log says its pages have %d bytes; it is read in pages of %d", size, logPage)})
	}
	page := make([]byte, logPage)
	for off := int64(0); off < in.Size; off += logPage {
		n, err := in.ReadAt(page[:min(logPage, in.Size-off)], off)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading at offset %d: %w", off, err)
		}
		if n < logPage {
			problem(Problem{off, fmt.Sprintf("the last page has %d of %d bytes; it is not read", n, logPage)})
			return nil
		}
		magic := string(page[:4])
		if magic != "RSTR" && magic != "CHKD" && magic != "RCRD" {
			if !empty(page) && string(page[:8]) != "\xff\xff\xff\xff\xff\xff\xff\xff" { // written by mkntfs or chkdsk: never used
				problem(Problem{off, fmt.Sprintf("the page begins with %q; it is not read", magic)})
			}
			continue
		}
		if err := mft.Fixup(page); err != nil {
			problem(Problem{off, "the page is not read: " + err.Error()})
			continue
		}
		if magic == "RCRD" {
			err = logRecords(page, off, emit, problem)
		} else {
			err = logRestart(page, off, emit, problem)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func logRestart(b []byte, off int64, emit func(*Record) error, problem func(Problem)) error {
	le := binary.LittleEndian
	at := int(le.Uint16(b[24:]))
	if at < 30 || at+48 > len(b) {
		problem(Problem{off + 24, fmt.Sprintf("the restart area is said to lie at %d; it is not read", at)})
		return nil
	}
	a := b[at:]
	flags := le.Uint16(a[14:])
	r := record("restart", 0)
	r.Offset = off
	r.add("lsn", strconv.FormatUint(le.Uint64(a), 10))
	r.add("version", fmt.Sprintf("%d.%d", int16(le.Uint16(b[28:])), int16(le.Uint16(b[26:]))))
	r.add("clean", strconv.FormatBool(flags&2 != 0))
	r.add("log_size", strconv.FormatUint(le.Uint64(a[24:]), 10))
	r.add("open_count", strconv.FormatUint(uint64(le.Uint32(a[40:])), 10))
	if string(b[:4]) == "CHKD" {
		r.add("chkdsk_lsn", strconv.FormatUint(le.Uint64(b[8:]), 10))
	}
	if c := int(le.Uint16(a[22:])); le.Uint16(a[8:]) > 0 && c >= 48 && at+c+160 <= len(b) {
		client := a[c:]
		r.add("oldest_lsn", strconv.FormatUint(le.Uint64(client), 10))
		r.add("restart_lsn", strconv.FormatUint(le.Uint64(client[8:]), 10))
		r.add("client", utf16Until(client[32:160]))
	}
	return emit(r)
}

// logRecords gives the records that begin in a page. One goes on in the next page; all
// that is told of it lies at its beginning.
func logRecords(b []byte, off int64, emit func(*Record) error, problem func(Problem)) error {
	le := binary.LittleEndian
	next := int(le.Uint16(b[24:])) // where the last record that ends here ends
	at := logData
	// A page begins with the rest of a record of the page before: the first whose
	// header agrees with its place is found.
	for at+logHeader <= len(b) && !logRecord(b, at, off) {
		at += 8
	}
	for at+logHeader <= len(b) && at < max(next, logData+1) {
		if !logRecord(b, at, off) {
			if empty(b[at:]) || at >= next {
				return nil
			}
			problem(Problem{off + int64(at), "here is no record; the rest of the page is not read"})
			return nil
		}
		size := int(le.Uint32(b[at+24:]))
		if err := emit(logOne(b, at, off)); err != nil {
			return err
		}
		at += (logHeader + size + 7) &^ 7
	}
	return nil
}

// logRecord tells whether a record begins at a place: an LSN ends with the place
// of its record in the log, counted in 8 bytes.
func logRecord(b []byte, at int, off int64) bool {
	le := binary.LittleEndian
	kind, size := le.Uint32(b[at+32:]), le.Uint32(b[at+24:])
	place := uint64(off+int64(at)) / 8
	lsn := le.Uint64(b[at:])
	return lsn != 0 && (kind == 1 || kind == 2) && size < 1<<20 && lsn&(logPage/8-1) == place&(logPage/8-1) && le.Uint64(b[at+8:]) < lsn
}

func logOne(b []byte, at int, off int64) *Record {
	le := binary.LittleEndian
	h := b[at:]
	r := record("record", 0)
	r.Offset = off + int64(at)
	r.add("lsn", strconv.FormatUint(le.Uint64(h), 10))
	r.add("previous_lsn", nonZero(le.Uint64(h[8:])))
	r.add("undo_next_lsn", nonZero(le.Uint64(h[16:])))
	r.add("transaction", fmt.Sprintf("0x%08x", le.Uint32(h[36:])))
	r.add("size", strconv.FormatUint(uint64(le.Uint32(h[24:])), 10))
	if le.Uint32(h[32:]) == 2 {
		r.add("kind", "checkpoint")
		return r
	}
	r.add("kind", "update")
	if len(h) < logHeader+32 || le.Uint32(h[24:]) < 32 {
		return r
	}
	c := h[logHeader:]
	r.add("redo", logOp(le.Uint16(c)))
	r.add("undo", logOp(le.Uint16(c[2:])))
	r.add("redo_size", strconv.Itoa(int(le.Uint16(c[6:]))))
	r.add("undo_size", strconv.Itoa(int(le.Uint16(c[10:]))))
	r.add("target_attribute", strconv.Itoa(int(le.Uint16(c[12:]))))
	r.add("record_offset", strconv.Itoa(int(le.Uint16(c[16:]))))
	r.add("attribute_offset", strconv.Itoa(int(le.Uint16(c[18:]))))
	r.add("target_vcn", strconv.FormatUint(le.Uint64(c[24:]), 10))
	if n := int(le.Uint16(c[14:])); n > 0 && len(c) >= 40 {
		r.add("target_lcn", strconv.FormatUint(le.Uint64(c[32:]), 10))
	}
	return r
}

func eventLogFile(r *Record, e *event.Event) {
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventCategory, "file")
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, "logfile-"+r.Get("record"))
	e.Str(event.Message, strings.TrimSpace("$LogFile "+r.Get("record")+" "+r.Get("lsn")+" "+r.Get("redo")+" "+r.Get("undo")))
	putData(r, e)
}
