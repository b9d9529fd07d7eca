package artifact

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/internal/ese"
)

// ntds.dit, the database of Active Directory: its accounts. Hashes, keys and
// secrets are never read.

func init() {
	register(Format{
		Name:      "ntds",
		Doc:       "ntds.dit of Active Directory: accounts of users, computers and trusts, and groups, with SID, times and flags; no hash, key or secret is read, and other objects are counted",
		Reference: "[MS-ADTS] section 2.2; [MS-ADA1], [MS-ADA3]; J. Metz, ESE database format",
		Detect:    ese.Detect,
		Probe:     isESE("ntds"),
		Parse:     parseNTDS,
		Event:     eventNTDS,
		Samples:   []string{"ntds.dit"},
		Hostile:   []string{"ntds.dit cut=9000", "ntds.dit @52=02"},
	})
}

// accountTypes are values of sAMAccountType ([MS-SAMR] 2.2.1.9).
var accountTypes = map[int64]string{
	0x10000000: "group", 0x10000001: "group", 0x20000000: "group", 0x20000001: "group", 0x30000000: "user", 0x30000001: "computer", 0x30000002: "trust",
}

// accountFlags are bits of userAccountControl ([MS-ADTS] 2.2.16).
var accountFlags = []struct {
	bit  int64
	name string
}{
	{0x2, "disabled"},
	{0x8, "home_directory_required"},
	{0x10, "locked_out"},
	{0x20, "password_not_required"},
	{0x40, "password_cannot_change"},
	{0x80, "reversible_encryption"},
	{0x200, "normal"},
	{0x800, "interdomain_trust"},
	{0x1000, "workstation"},
	{0x2000, "domain_controller"},
	{0x10000, "password_never_expires"},
	{0x40000, "smartcard_required"},
	{0x80000, "trusted_for_delegation"},
	{0x100000, "not_delegated"},
	{0x200000, "des_only"},
	{0x400000, "no_preauthentication"},
	{0x800000, "password_expired"},
	{0x1000000, "trusted_to_authenticate_for_delegation"},
}

func parseNTDS(in Input, emit func(*Record) error, problem func(Problem)) error {
	d, err := openESE(in, emit, problem)
	if err != nil {
		return err
	}
	others := 0
	if err := d.rows("datatable", func(r *ese.Row) *Record {
		name, kind := r.Text("ATTm590045"), accountTypes[r.Int("ATTj590126")]
		if name == "" {
			others++
			return nil
		}
		rec := record(firstOf(kind, "account"), directoryTime(r.Int("ATTl131074")))
		rec.add("name", name)
		rec.add("sid", directorySID(r.Bytes("ATTr589970")))
		rec.add("principal", r.Text("ATTm590480"))
		rec.add("description", r.Text("ATTm13"))
		rec.add("created", timeField(directoryTime(r.Int("ATTl131074"))))
		rec.add("changed", timeField(directoryTime(r.Int("ATTl131075"))))
		rec.add("last_logon", timeField(r.Time("ATTq589876")))
		rec.add("last_logon_replicated", timeField(r.Time("ATTq591520")))
		rec.add("password_set", timeField(r.Time("ATTq589920")))
		rec.add("bad_password", timeField(r.Time("ATTq589873")))
		rec.add("expires", timeField(r.Time("ATTq589983")))
		rec.add("logons", positive(r.Int("ATTj589993")))
		rec.add("primary_group", positive(r.Int("ATTj589922")))
		flags := r.Int("ATTj589832")
		var list []string
		for _, f := range accountFlags {
			if flags&f.bit != 0 {
				list = append(list, f.name)
			}
		}
		rec.add("flags", strings.Join(list, ","))
		if r.Int("ATTi131120") != 0 {
			rec.add("deleted", "true")
		}
		return rec
	}); err != nil {
		return err
	}
	rec := record("table", 0)
	rec.add("table", "datatable")
	rec.add("objects_not_told", strconv.Itoa(others))
	if err := emit(rec); err != nil {
		return err
	}
	return d.others("datatable")
}

// directoryTime is of seconds since 1601.
func directoryTime(s int64) int64 {
	if s <= 0 || s > 20_000_000_000 {
		return 0
	}
	return fileTime(s * 10_000_000)
}

// directorySID is a SID whose last number stands with the highest byte first.
func directorySID(b []byte) string {
	if len(b) < 12 {
		return sidText(b)
	}
	b = slices.Clone(b)
	last := b[len(b)-4:]
	binary.LittleEndian.PutUint32(last, binary.BigEndian.Uint32(last))
	return sidText(b)
}

func eventNTDS(r *Record, e *event.Event) {
	kind := r.Get("record")
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventCategory, "iam")
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, "directory-"+kind)
	if kind == "group" {
		e.Str(event.GroupName, r.Get("name"))
		e.Str(event.GroupID, r.Get("sid"))
	} else {
		e.Str(event.UserName, r.Get("name"))
		e.Str(event.UserID, r.Get("sid"))
	}
	e.Str(event.Message, strings.TrimSpace(fmt.Sprintf("%s %s", kind, firstOf(r.Get("name"), r.Get("table")))))
	putData(r, e)
}
