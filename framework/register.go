package framework

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"saksi/evidence"
)

// RegisterFormat is the version of the register's form that is read.
const RegisterFormat = 1

// Register is what is in scope: agencies as a tree, who holds which role, the
// sensors, the systems with their assets, and the exchanges of data that are
// declared. See docs/framework.md for its file.
type Register struct {
	Register  int            `yaml:"register"` // version of the form
	Version   string         `yaml:"version"`
	Agencies  []Agency       `yaml:"agencies"`
	Roles     []Role         `yaml:"roles"`
	Sensors   []SensorEntry  `yaml:"sensors"`
	Systems   []SystemEntry  `yaml:"systems"`
	Exchanges []Exchange     `yaml:"exchanges"`
	Clouds    []Cloud        `yaml:"clouds"`
	Options   []string       `yaml:"obligations"` // optional obligations that apply, such as pdpa
	SHA256    string         `yaml:"-"`
	File      string         `yaml:"-"` // base name
	byAgency  map[string]int // index by id
	bySystem  map[string]int
}

// Agency is an organization, with what it is a part of.
type Agency struct {
	ID       string         `yaml:"id"`
	Name     string         `yaml:"name"`
	Parent   string         `yaml:"parent"`
	Networks []netip.Prefix `yaml:"networks"` // its own addresses
	Clients  []netip.Prefix `yaml:"clients"`  // of those, where hosts are not named one by one
}

// Role is a role and who holds it.
type Role struct {
	Role      string `yaml:"role"` // CDO, ICTSO, CSIRT, examiner, auditor ...
	Agency    string `yaml:"agency"`
	Holder    string `yaml:"holder"`
	Confirmed string `yaml:"confirmed"` // day, such as 2026-06-01
}

// SensorEntry is a sensor by the name that it writes (observer.name).
type SensorEntry struct {
	Name    string `yaml:"name"`
	Agency  string `yaml:"agency"`
	Silence string `yaml:"silence"` // how long it may tell nothing, such as 90m
	silence time.Duration
}

// MaxSilence is how long a sensor may tell nothing; 0 where nothing is declared.
func (s *SensorEntry) MaxSilence() time.Duration { return s.silence }

// SystemEntry is a system or service.
type SystemEntry struct {
	ID          string        `yaml:"id"`
	Title       string        `yaml:"title"`
	Agency      string        `yaml:"agency"`
	Criticality string        `yaml:"criticality"` // critical, high, medium or low
	Owner       string        `yaml:"owner"`       // role
	Supplier    *Supplier     `yaml:"supplier"`
	LifeEvent   string        `yaml:"life_event"` // such as birth, work, travel
	Profiles    []string      `yaml:"profiles"`
	Uses        []string      `yaml:"uses"`     // shared services
	Provides    []string      `yaml:"provides"` // controls that those who use it inherit
	Plan        *Plan         `yaml:"plan"`     // security management plan (PPKM)
	RTO         string        `yaml:"rto"`      // such as 4h
	RPO         string        `yaml:"rpo"`
	Assets      []AssetEntry  `yaml:"assets"`
	DataSets    []DataSet     `yaml:"data_sets"`
	Gateways    []AssetEntry  `yaml:"gateways"` // the only ones outside that it opens connections to
	Pages       []Page        `yaml:"pages"`
	rto         time.Duration // read from RTO
}

// Supplier is who runs a system, and on which contract.
type Supplier struct {
	Name     string   `yaml:"name"`
	Contract string   `yaml:"contract"`
	Until    string   `yaml:"until"` // day
	From     []string `yaml:"from"`  // networks of its sessions
	networks []AssetEntry
}

// Plan is a document that is approved for a time.
type Plan struct {
	Version  string `yaml:"version"`
	Approved string `yaml:"approved"`
	Until    string `yaml:"until"`
}

// AssetEntry names an asset by one thing.
type AssetEntry struct {
	Address     string `yaml:"address"`     // or network
	Name        string `yaml:"name"`        // "*.x" is every name below x
	Certificate string `yaml:"certificate"` // SHA-256
	Port        int    `yaml:"port"`        // with an address: the service there
	prefix      netip.Prefix
}

// DataSet is data that a system holds.
type DataSet struct {
	ID             string       `yaml:"id"`
	Title          string       `yaml:"title"`
	Classification string       `yaml:"classification"`
	Personal       bool         `yaml:"personal"`
	Assets         []AssetEntry `yaml:"assets"` // where it is reached
}

// Exchange is a declared exchange of data, with what Act 864 asks a request
// for: the data, the purpose, who provides and receives, how it is handled.
type Exchange struct {
	ID          string   `yaml:"id"`
	From        string   `yaml:"from"` // system that provides
	To          string   `yaml:"to"`   // system that receives
	Data        []string `yaml:"data"` // data sets
	Purpose     string   `yaml:"purpose"`
	Handling    string   `yaml:"handling"`
	Provider    string   `yaml:"provider"`  // agency
	Recipient   string   `yaml:"recipient"` // agency
	Until       string   `yaml:"until"`     // day
	MaxBytesDay int64    `yaml:"max_bytes_day"`
}

// Criticalities of systems, the highest first.
var Criticalities = []string{"critical", "high", "medium", "low"}

// ReadRegister reads the file of a register.
func ReadRegister(path string) (*Register, error) {
	b, err := evidence.ReadRegular(path, maxYAML)
	if err != nil {
		return nil, fmt.Errorf("reading the register: %w", err)
	}
	return ParseRegister(path, b)
}

// ParseRegister reads a register and checks it: known keys, ids once, references
// that lead somewhere, no agency above itself. Errors name the line.
func ParseRegister(file string, b []byte) (*Register, error) {
	r := &Register{}
	if _, err := decode(file, b, r, ""); err != nil {
		return nil, err
	}
	r.SHA256, r.File = evidence.SHA256(b), base(file)
	k := &registerCheck{r: r, file: file, b: b}
	if r.Register != RegisterFormat {
		return nil, k.wrong("register", 0, "register is %d; this saksi reads %d", r.Register, RegisterFormat)
	}
	for _, f := range []func() error{k.agencies, k.roles, k.systems, k.exchanges, k.clouds} {
		if err := f(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

type registerCheck struct {
	r    *Register
	file string
	b    []byte
}

// wrong is an error at entry i of the list under key.
func (k *registerCheck) wrong(key string, i int, format string, args ...any) error {
	at := ""
	if lines, err := decode(k.file, k.b, &Register{}, key); err == nil && i < len(lines) {
		at = fmt.Sprintf(":%d", lines[i])
	}
	return fmt.Errorf("reading %s%s: %s: %s", k.file, at, key, fmt.Sprintf(format, args...))
}

func (k *registerCheck) agencies() error {
	r := k.r
	r.byAgency = map[string]int{}
	for i, a := range r.Agencies {
		if _, ok := r.byAgency[a.ID]; ok || !idForm.MatchString(a.ID) || a.Name == "" {
			return k.wrong("agencies", i, "agency %q is there twice, has no name, or an id other than a-z, 0-9, . and -", a.ID)
		}
		r.byAgency[a.ID] = i
	}
	for i, a := range r.Agencies {
		if _, ok := r.byAgency[a.Parent]; a.Parent != "" && !ok {
			return k.wrong("agencies", i, "parent %q of %s is no agency", a.Parent, a.ID)
		}
		if r.Path(a.ID) == nil {
			return k.wrong("agencies", i, "%s is above itself", a.ID)
		}
	}
	return nil
}

// Path are the ids of the agencies from the root to id; nil when id is none, or
// above itself.
func (r *Register) Path(id string) []string {
	var path []string
	for id != "" {
		i, ok := r.byAgency[id]
		if !ok || len(path) > len(r.Agencies) {
			return nil
		}
		path = append(path, id)
		id = r.Agencies[i].Parent
	}
	slices.Reverse(path)
	return path
}

// Below reports whether agency is id or a part of it.
func (r *Register) Below(agency, id string) bool { return slices.Contains(r.Path(agency), id) }

// NameOf is the name of an agency, or its id when there is none.
func (r *Register) NameOf(id string) string {
	if i, ok := r.byAgency[id]; ok {
		return r.Agencies[i].Name
	}
	return id
}

// Roots are the names of the agencies that are a part of no other.
func (r *Register) Roots() []string {
	var list []string
	for _, a := range r.Agencies {
		if a.Parent == "" {
			list = append(list, a.Name)
		}
	}
	return list
}

// System finds a system by its id.
func (r *Register) System(id string) *SystemEntry {
	if i, ok := r.bySystem[id]; ok {
		return &r.Systems[i]
	}
	return nil
}

func (k *registerCheck) agency(key string, i int, what, id string) error {
	if _, ok := k.r.byAgency[id]; !ok {
		return k.wrong(key, i, "%s: agency %q is not in the register", what, id)
	}
	return nil
}

func (k *registerCheck) day(key string, i int, what, day string, needed bool) error {
	if day == "" && !needed {
		return nil
	}
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return k.wrong(key, i, "%s: %q is no day such as 2026-12-31", what, day)
	}
	return nil
}

func (k *registerCheck) roles() error {
	for i, x := range k.r.Roles {
		if x.Role == "" {
			return k.wrong("roles", i, "a role without a name")
		}
		if err := k.agency("roles", i, x.Role, x.Agency); err != nil {
			return err
		}
		if err := k.day("roles", i, x.Role+": confirmed", x.Confirmed, false); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for i := range k.r.Sensors {
		x := &k.r.Sensors[i]
		if x.Name == "" || seen[x.Name] {
			return k.wrong("sensors", i, "sensor %q is there twice or has no name", x.Name)
		}
		seen[x.Name] = true
		var err error
		if x.silence, err = span(x.Silence); err != nil {
			return k.wrong("sensors", i, "%s: silence: %s", x.Name, err)
		}
		if err := k.agency("sensors", i, x.Name, x.Agency); err != nil {
			return err
		}
	}
	return nil
}

var hexForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (k *registerCheck) systems() error {
	r := k.r
	r.bySystem = map[string]int{}
	for i := range r.Systems {
		x := &r.Systems[i]
		if _, ok := r.bySystem[x.ID]; ok || !idForm.MatchString(x.ID) || x.Title == "" {
			return k.wrong("systems", i, "system %q is there twice, has no title, or an id other than a-z, 0-9, . and -", x.ID)
		}
		r.bySystem[x.ID] = i
		if err := k.system(i, x); err != nil {
			return err
		}
	}
	for i, x := range r.Systems {
		for _, u := range x.Uses {
			if _, ok := r.bySystem[u]; !ok || u == x.ID {
				return k.wrong("systems", i, "%s uses %q, which is no other system", x.ID, u)
			}
		}
	}
	return nil
}

func (k *registerCheck) system(i int, x *SystemEntry) error {
	if err := k.agency("systems", i, x.ID, x.Agency); err != nil {
		return err
	}
	if !slices.Contains(Criticalities, x.Criticality) {
		return k.wrong("systems", i, "%s: criticality %q; expected one of %s", x.ID, x.Criticality, strings.Join(Criticalities, ", "))
	}
	for _, p := range x.Profiles {
		if _, ok := Profiles[p]; !ok {
			return k.wrong("systems", i, "%s: profile %q; expected one of %s", x.ID, p, strings.Join(ProfileNames(), ", "))
		}
	}
	var err error
	for _, d := range []struct {
		what, text string
		to         *time.Duration
	}{{"rto", x.RTO, &x.rto}, {"rpo", x.RPO, new(time.Duration)}} {
		if *d.to, err = span(d.text); err != nil {
			return k.wrong("systems", i, "%s: %s: %s", x.ID, d.what, err)
		}
	}
	if s := x.Supplier; s != nil {
		if err := k.day("systems", i, x.ID+": supplier: until", s.Until, false); err != nil {
			return err
		}
	}
	if p := x.Plan; p != nil {
		if err := k.day("systems", i, x.ID+": plan: approved", p.Approved, true); err != nil {
			return err
		}
		if err := k.day("systems", i, x.ID+": plan: until", p.Until, true); err != nil {
			return err
		}
	}
	if err := k.assets(i, x.ID, x.Assets); err != nil {
		return err
	}
	if err := k.declared(i, x); err != nil {
		return err
	}
	for _, d := range x.DataSets {
		if d.ID == "" {
			return k.wrong("systems", i, "%s: a data set without an id", x.ID)
		}
		if err := k.assets(i, x.ID+": "+d.ID, d.Assets); err != nil {
			return err
		}
	}
	return nil
}

func (k *registerCheck) assets(i int, what string, list []AssetEntry) error {
	for j := range list {
		a := &list[j]
		n := 0
		for _, s := range []string{a.Address, a.Name, a.Certificate} {
			if s != "" {
				n++
			}
		}
		if n != 1 || a.Port != 0 && a.Address == "" || a.Port < 0 || a.Port > 65535 {
			return k.wrong("systems", i, "%s: asset %d: expected one of address, name or certificate, and a port with an address only", what, j+1)
		}
		switch {
		case a.Address != "":
			var err error
			if a.prefix, err = prefix(a.Address); err != nil {
				return k.wrong("systems", i, "%s: asset %d: %s", what, j+1, err)
			}
		case a.Certificate != "" && !hexForm.MatchString(a.Certificate):
			return k.wrong("systems", i, "%s: asset %d: certificate %q is no SHA-256 in hex", what, j+1, a.Certificate)
		case a.Name != "" && strings.ContainsAny(a.Name, " \"\\/:()"):
			return k.wrong("systems", i, "%s: asset %d: name %q is no host name", what, j+1, a.Name)
		}
	}
	return nil
}

func prefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return a.Prefix(a.BitLen())
}

// span reads a time such as 4h, 30m or 14d; "" is 0.
func span(s string) (time.Duration, error) {
	if n, ok := strings.CutSuffix(s, "d"); ok {
		d, err := strconv.ParseUint(n, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%q is no time such as 4h or 14d", s)
		}
		return time.Duration(d) * 24 * time.Hour, nil
	}
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no time such as 4h or 14d", s)
	}
	return d, nil
}

func (k *registerCheck) exchanges() error {
	seen := map[string]bool{}
	sets := map[string]bool{}
	for _, s := range k.r.Systems {
		for _, d := range s.DataSets {
			sets[d.ID] = true
		}
	}
	for i, x := range k.r.Exchanges {
		from, to := k.r.System(x.From), k.r.System(x.To)
		switch {
		case x.ID == "" || seen[x.ID]:
			return k.wrong("exchanges", i, "exchange %q is there twice or has no id", x.ID)
		case from == nil || to == nil || x.From == x.To:
			return k.wrong("exchanges", i, "%s: from %q to %q; expected two systems of the register", x.ID, x.From, x.To)
		case len(x.Data) == 0 || x.Purpose == "" || x.Handling == "" || x.Provider == "" || x.Recipient == "":
			return k.wrong("exchanges", i, "%s: data, purpose, handling, provider and recipient are needed (Act 864, s 12)", x.ID)
		case x.MaxBytesDay < 0:
			return k.wrong("exchanges", i, "%s: max_bytes_day %d", x.ID, x.MaxBytesDay)
		}
		for _, d := range x.Data {
			if !sets[d] {
				return k.wrong("exchanges", i, "%s: data set %q is of no system", x.ID, d)
			}
		}
		for _, a := range []string{x.Provider, x.Recipient} {
			if err := k.agency("exchanges", i, x.ID, a); err != nil {
				return err
			}
		}
		if err := k.day("exchanges", i, x.ID+": until", x.Until, false); err != nil {
			return err
		}
		seen[x.ID] = true
	}
	return nil
}

func base(file string) string {
	return file[strings.LastIndexAny(file, `/\`)+1:]
}
