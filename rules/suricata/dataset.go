package suricata

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// dataset is a set of values that rules look up, add to and take from
// (Suricata user guide, "Datasets"). A set that no rule changes is read by all
// workers; of one that rules change it is what it begins with, and the ordered
// stage keeps what it became.
type dataset struct {
	name    string
	typ     dataType
	members map[string]datum
	dynamic bool
	state   string // file it is kept in between runs, below the folder of data
	limit   int    // bytes
}

// datum is what a set holds of a value besides it.
type datum struct {
	rep  uint16
	json string // one JSON value
}

type dataType uint8

const (
	dataString dataType = iota
	dataMD5
	dataSHA256
	dataIPv4
	dataIP
)

var dataTypes = map[string]dataType{"string": dataString, "md5": dataMD5, "sha256": dataSHA256, "ipv4": dataIPv4, "ip": dataIP}

// key makes the form in which a set holds a buffer's bytes; false when they are
// not of its type.
func (t dataType) key(b []byte) (string, bool) {
	switch t {
	case dataMD5:
		return string(b), len(b) == 16
	case dataSHA256:
		return string(b), len(b) == 32
	case dataIPv4:
		return string(b), len(b) == 4
	case dataIP:
		a, ok := netip.AddrFromSlice(b)
		if !ok {
			return "", false
		}
		w := a.As16()
		return string(w[:]), true
	}
	return string(b), len(b) > 0
}

// parse reads a value as files hold it.
func (t dataType) parse(s string) (string, bool) {
	switch t {
	case dataString:
		b, err := base64.StdEncoding.DecodeString(s)
		return string(b), err == nil
	case dataMD5, dataSHA256:
		b, err := hex.DecodeString(s)
		if err != nil {
			return "", false
		}
		return t.key(b)
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return "", false
	}
	return t.key(a.Unmap().AsSlice())
}

// text writes a value as files hold it.
func (t dataType) text(k string) string {
	switch t {
	case dataString:
		return base64.StdEncoding.EncodeToString([]byte(k))
	case dataMD5, dataSHA256:
		return hex.EncodeToString([]byte(k))
	}
	a, _ := netip.AddrFromSlice([]byte(k))
	return a.Unmap().String()
}

// datasetUse is one dataset or datarep of a rule.
type datasetUse struct {
	set *dataset
	op  dataOp
	cmp uintCmp // of datarep
	key string  // under which an alert carries what belongs to the value
}

type dataOp uint8

const (
	dataIsSet dataOp = iota
	dataIsNotSet
	dataSet
	dataUnset
	dataRep
)

var dataOps = map[string]dataOp{"isset": dataIsSet, "isnotset": dataIsNotSet, "notset": dataIsNotSet, "set": dataSet, "unset": dataUnset}

// Context is what a set holds of a value that matched: a JSON value under the
// name the rule gives it.
type Context struct{ Name, JSON string }

// dataset decides a dataset on a buffer. On a set that rules change it notes
// what the ordered stage has to decide.
func (m *Matcher) dataset(u *datasetUse, data []byte) bool {
	k, ok := u.set.typ.key(data)
	if !ok {
		return false
	}
	if u.set.dynamic {
		m.pending = append(m.pending, dataPending{u, k})
		return true
	}
	d, in := u.set.members[k]
	switch u.op {
	case dataRep:
		return in && u.cmp.match(uint64(d.rep))
	case dataIsNotSet:
		return !in
	}
	if in && u.key != "" && d.json != "" {
		m.context = append(m.context, Context{u.key, d.json})
	}
	return in
}

// dataPending is a value that the ordered stage looks up.
type dataPending struct {
	use *datasetUse
	key string
}

// kwDataset takes dataset:COMMAND,NAME,OPTIONS.
func kwDataset(b *builder, o *option) *fault {
	parts := o.val.list()
	if len(parts) < 2 {
		return wrong(o.val.off, "dataset takes a command and a name", "isset,NAME,type string,load FILE")
	}
	op, ok := dataOps[parts[0].s]
	if !ok {
		return wrong(parts[0].off, fmt.Sprintf("unknown dataset command %q", parts[0].s), "set, unset, isset or isnotset")
	}
	return b.dataset(&datasetUse{op: op}, parts[1], parts[2:], o)
}

// kwDatarep takes datarep:NAME,OPERATOR,VALUE,OPTIONS.
func kwDatarep(b *builder, o *option) *fault {
	parts := o.val.list()
	if len(parts) < 3 {
		return wrong(o.val.off, "datarep takes a name, an operator and a value", "NAME,>,200,type string,load FILE")
	}
	op, ok := map[string]cmpOp{"<": opLt, ">": opGt, "==": opEq}[parts[1].s]
	n, err := strconv.ParseUint(parts[2].s, 10, 16)
	if !ok || err != nil {
		return wrong(parts[1].off, "not a comparison of a reputation", "<, > or ==, then 0 to 65535")
	}
	return b.dataset(&datasetUse{op: dataRep, cmp: uintCmp{op: op, a: n}}, parts[0], parts[3:], o)
}

// dataOptions are the options of dataset and datarep.
type dataOptions struct {
	typ              field
	load, state      field
	format           string
	valueKey, arrKey string
	remove           bool
	limit            int
}

func (b *builder) dataset(u *datasetUse, name field, rest []field, o *option) *fault {
	if !b.sticky && b.cur != b.r.base64 {
		return wrong(o.key.off, o.key.s+" without a sticky buffer", "a buffer such as dns.query before it")
	}
	opt := dataOptions{format: "csv", limit: maxDataset}
	for _, p := range rest {
		if err := opt.read(p, u); err != nil {
			return err
		}
	}
	set := b.c.datasets[name.s]
	switch {
	case name.s == "" || len(name.s) > 63:
		return wrong(name.off, "not the name of a set", "1 to 63 characters")
	case set == nil && opt.typ.s == "":
		return wrong(name.off, fmt.Sprintf("the set %s has no type", name.s), "type string, md5, sha256, ipv4 or ip, here or in an earlier rule")
	case set == nil:
		t, ok := dataTypes[opt.typ.s]
		if !ok {
			return wrong(opt.typ.off, fmt.Sprintf("unknown type %q", opt.typ.s), "string, md5, sha256, ipv4 or ip")
		}
		set = &dataset{name: name.s, typ: t, members: map[string]datum{}, limit: opt.limit}
		if opt.load.s != "" {
			if err := b.c.load(set, &opt, b.r.File); err != nil {
				return err
			}
		}
		if opt.state.s != "" {
			if err := b.c.restore(set, &opt); err != nil {
				return err
			}
		}
		b.c.datasets[name.s] = set
	case opt.typ.s != "" && dataTypes[opt.typ.s] != set.typ:
		return wrong(opt.typ.off, fmt.Sprintf("the set %s is of another type", name.s), "the type it was given first")
	}
	if u.op == dataSet || u.op == dataUnset {
		set.dynamic = true
	}
	u.set = set
	b.add(item{kind: itDataset, data: u, at: o.val.off})
	return nil
}

func (opt *dataOptions) read(p field, u *datasetUse) *fault {
	w := p.words()
	if len(w) == 1 && w[0].s == "remove_key" {
		opt.remove = true
		return nil
	}
	if len(w) != 2 {
		return wrong(p.off, fmt.Sprintf("%q is no option of a set", p.s), "type, load, state, save, memcap, hashsize, format or a key, with a value")
	}
	switch v := w[1]; w[0].s {
	case "type":
		opt.typ = v
	case "load":
		opt.load = v
	case "state", "save":
		opt.state = v
	case "memcap":
		n, ok := parseUnits(v.s, 32)
		if !ok || n == 0 {
			return wrong(v.off, "not a number of bytes", "a number such as 10mb")
		}
		opt.limit = int(n)
	case "hashsize":
		if _, ok := parseUnits(v.s, 32); !ok {
			return wrong(v.off, "not a size", "a number")
		}
	case "format":
		switch v.s {
		case "csv", "json", "jsonline", "ndjson":
			opt.format = v.s
		default:
			return wrong(v.off, fmt.Sprintf("unknown format %q", v.s), "csv, json or jsonline")
		}
	case "enrichment_key", "context_key":
		u.key = v.s
	case "value_key":
		opt.valueKey = v.s
	case "array_key":
		opt.arrKey = v.s
	default:
		return wrong(w[0].off, fmt.Sprintf("unknown option %q", w[0].s), "type, load, state, save, memcap, hashsize, format or a key")
	}
	return nil
}

// beside gives the path of a file that a rule names: relative to its own file.
func beside(rules, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(rules), name)
}

// inData gives the path of a file in the folder of data; rules may not leave it.
func inData(dir, name string) (string, bool) {
	return filepath.Join(dir, name), filepath.IsLocal(name) && !strings.ContainsRune(name, 0)
}
