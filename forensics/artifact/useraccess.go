package artifact

import (
	"net/netip"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/internal/ese"
)

// User Access Logging of Windows Server (SUM): who used which role of the server
// from which address, day by day, for three years.

func init() {
	register(Format{
		Name:      "user-access-log",
		Doc:       "User Access Logging of Windows Server 2012 and later (Current.mdb, {GUID}.mdb): each user and address by role, first and last access, accesses in all and by day of the year; names given by DNS",
		Reference: "Microsoft Learn, Manage User Access Logging; J. Metz, ESE database format",
		Detect:    ese.Detect,
		Probe:     isESE("user-access-log"),
		Parse:     parseUserAccess,
		Event:     eventUserAccess,
		Samples:   []string{"Current.mdb"},
		Hostile:   []string{"Current.mdb cut=9000", "Current.mdb @52=02"},
	})
	register(Format{
		Name:      "user-access-roles",
		Doc:       "SystemIdentity.mdb of User Access Logging: the server's roles by name, its name and its system, and which years which file tells of",
		Reference: "Microsoft Learn, Manage User Access Logging; J. Metz, ESE database format",
		Detect:    ese.Detect,
		Probe:     isESE("user-access-roles"),
		Parse:     parseESE,
		Event:     eventESE,
		Samples:   []string{"SystemIdentity.mdb"},
		Hostile:   []string{"SystemIdentity.mdb cut=9000", "SystemIdentity.mdb @52=02"},
	})
}

// serverRoles are roles of a server by their identifiers, as SystemIdentity.mdb
// names them on every server.
var serverRoles = map[string]string{
	"{10a9226f-50ee-49d8-a393-9a501d47ce04}": "File Server",
	"{ad495fc3-0eaa-413d-ba7d-8b13fa7ec598}": "Active Directory Domain Services",
}

func parseUserAccess(in Input, emit func(*Record) error, problem func(Problem)) error {
	d, err := openESE(in, emit, problem)
	if err != nil {
		return err
	}
	if err := d.rows("CLIENTS", func(r *ese.Row) *Record {
		rec := record("access", r.Time("LastAccess"))
		rec.add("user", r.Text("AuthenticatedUserName"))
		if a, ok := netip.AddrFromSlice(r.Bytes("Address")); ok {
			rec.add("address", a.String())
		}
		role := strings.ToLower(r.Text("RoleGuid"))
		rec.add("role", firstOf(serverRoles[role], role))
		rec.add("client", r.Text("ClientName"))
		rec.add("first", timeField(r.Time("InsertDate")))
		rec.add("last", timeField(r.Time("LastAccess")))
		rec.add("accesses", positive(r.Int("TotalAccesses")))
		var days []string
		for day := 1; day <= 366; day++ {
			if n := positive(r.Int("Day" + strconv.Itoa(day))); n != "" {
				days = append(days, strconv.Itoa(day)+":"+n)
			}
		}
		rec.add("accesses_by_day", strings.Join(days, " "))
		return rec
	}); err != nil {
		return err
	}
	told := []string{"CLIENTS"}
	for _, t := range []struct{ name, kind string }{{"DNS", "name"}, {"ROLE_ACCESS", "role"}, {"VIRTUALMACHINES", "virtual-machine"}} {
		told = append(told, t.name)
		if d.tables[t.name] == nil {
			continue
		}
		if err := d.rows(t.name, func(r *ese.Row) *Record {
			rec := record(t.kind, r.Time("LastSeen"))
			if role := strings.ToLower(r.Text("RoleGuid")); serverRoles[role] != "" {
				rec.add("role", serverRoles[role])
			}
			addColumns(rec, r, snake)
			return rec
		}); err != nil {
			return err
		}
	}
	return d.others(told...)
}

func eventUserAccess(r *Record, e *event.Event) {
	kind := r.Get("record")
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventCategory, "authentication")
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, "user-access-"+kind)
	if kind == "access" {
		domain, user, ok := strings.Cut(r.Get("user"), `\`)
		if !ok {
			domain, user = "", domain
		}
		e.Str(event.UserName, user)
		e.Str(event.UserDomain, domain)
		if a, err := netip.ParseAddr(r.Get("address")); err == nil {
			e.Addr(event.SourceIP, a)
		}
	}
	e.Str(event.Message, strings.TrimSpace(kind+" "+firstOf(r.Get("user"), r.Get("host_name"), r.Get("role"))+" "+r.Get("address")))
	putData(r, e)
}
