package artifact

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"saksi/rules/sigma"
)

// Logins of macOS since 10.5: a header and records of 628 bytes.

func init() {
	register(Format{
		Name:      "utmpx",
		Doc:       "utmpx of macOS: logins, logouts, boots, shutdowns and changes of the clock",
		Reference: "J. Metz, dtformats, Utmp login records format; utmpx(5)",
		Detect:    func(head []byte) bool { return strings.HasPrefix(string(head), utmpxMagic) },
		Parse:     parseUtmpx,
		Event:     eventUtmp("macos"),
		Log: func(*Record) ([]sigma.Source, []sigma.Alias) {
			return []sigma.Source{{Product: "macos", Service: "auth"}}, nil
		},
		Samples: []string{"sample.utmpx"},
		Hostile: []string{"sample.utmpx cut=1000", "sample.utmpx @924=ff00"},
	})
}

const (
	utmpxMagic = "utmpx-1.00\x00"
	utmpxSize  = 628
)

// utmpxTypes are ut_type; old and new time stand the other way about than on Linux.
var utmpxTypes = [...]string{"empty", "run_level", "boot", "old_time", "new_time", "init", "login_process", "user", "dead", "accounting", "signature", "shutdown"}

func parseUtmpx(in Input, emit func(*Record) error, problem func(Problem)) error {
	b := make([]byte, utmpxSize)
	for off := int64(utmpxSize); off < in.Size; off += utmpxSize {
		if in.Size-off < utmpxSize {
			problem(Problem{off, fmt.Sprintf("the last record has %d of %d bytes", in.Size-off, utmpxSize)})
			return nil
		}
		if _, err := in.ReadAt(b, off); err != nil {
			return fmt.Errorf("reading a login at offset %d: %w", off, err)
		}
		le := binary.LittleEndian
		kind := int(le.Uint16(b[296:]))
		if kind >= len(utmpxTypes) {
			problem(Problem{off + 296, fmt.Sprintf("it is no record of a login: its type is %d", kind)})
			continue
		}
		if kind == 0 && le.Uint32(b[300:]) == 0 {
			continue
		}
		r := record(utmpxTypes[kind], nanos(time.Unix(int64(le.Uint32(b[300:])), int64(le.Uint32(b[304:])%1_000_000)*1000)))
		r.Offset = off
		user, _ := cstring(b[:256])
		line, _ := cstring(b[260:292])
		host, _ := cstring(b[308:564])
		r.add("user", user)
		r.add("line", line)
		r.add("host", host)
		r.add("pid", strconv.Itoa(int(int32(le.Uint32(b[292:])))))
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}
