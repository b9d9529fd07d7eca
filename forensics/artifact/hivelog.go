package artifact

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/internal/regf"
)

// Transaction logs of hives, by themselves: what they hold is read with the hive
// they lie beside.

func init() {
	register(Format{
		Name:      "registry-log",
		Doc:       "transaction logs of registry hives (.LOG1, .LOG2, .LOG) by name: of which hive, form, sequence and time; what they hold is read with their hive, when it was not written to its end",
		Reference: "M. Suhanov, Windows registry file format specification, section Format of transaction log files",
		Detect: func(head []byte) bool {
			return len(head) >= 512 && strings.HasPrefix(string(head), regf.Magic) && hiveLogForms[binary.LittleEndian.Uint32(head[28:])] != ""
		},
		Parse: parseHiveLog,
		Event: func(r *Record, e *event.Event) {
			e.Str(event.EventModule, "windows")
			e.Str(event.HostOSType, "windows")
			e.Str(event.EventCategory, "registry")
			e.Str(event.EventType, "change")
			e.Str(event.EventAction, "registry-log")
			e.Str(event.Message, strings.TrimSpace("registry log of "+r.Get("hive")))
			putData(r, e)
		},
		Samples: []string{"hive/dirty.hive.LOG1", "hive/old.hive.LOG"},
		Hostile: []string{"hive/dirty.hive.LOG1 @508=00", "hive/dirty.hive.LOG1 cut=600", "hive/old.hive.LOG @512=00"},
	})
}

// hiveLogForms are the forms of logs by the type of file in their header.
var hiveLogForms = map[uint32]string{1: "old", 2: "old", 6: "new"}

func parseHiveLog(in Input, emit func(*Record) error, problem func(Problem)) error {
	head := make([]byte, 512)
	if _, err := in.ReadAt(head, 0); err != nil {
		return fmt.Errorf("reading the header: %w", err)
	}
	le := binary.LittleEndian
	if !regf.HeaderFits(head) {
		problem(Problem{508, "the header's checksum is wrong"})
	}
	form := hiveLogForms[le.Uint32(head[28:])]
	r := record("log", fileTimeAt(head, 12))
	r.add("hive", utf16Until(head[48:112]))
	r.add("form", form)
	r.add("sequence", strconv.FormatUint(uint64(le.Uint32(head[4:])), 10))
	var mark [8]byte
	n, err := in.ReadAt(mark[:], 512)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading at byte 512: %w", err)
	}
	want := map[string]string{"old": "DIRT", "new": "HvLE"}[form]
	switch got := string(mark[:min(n, 4)]); {
	case in.Size <= 512 || got == "\x00\x00\x00\x00":
		r.add("transactions", "none")
	case got != want:
		problem(Problem{512, fmt.Sprintf("the log begins with %q; %q should stand there", got, want)})
	case int64(le.Uint32(mark[4:])) > in.Size-512 && form == "new":
		problem(Problem{516, fmt.Sprintf("the first transaction has %d bytes; %d are there", le.Uint32(mark[4:]), in.Size-512)})
	}
	return emit(r)
}
