package asset

import (
	"cmp"
	"slices"
	"strings"
)

// Opinion is what a host's operating system is thought to be.
type Opinion struct {
	Name       string // Windows, Debian, macOS ...
	Version    string
	Type       string // ECS host.os.type: windows, linux, macos, unix, ios, android; empty for others
	Confidence string // high, medium, low
	Why        []string
}

// Weights of what names a system: what it says of itself is worth more than
// what was seen of its habits, and a User-Agent may be another's.
const (
	weak   = 2
	habit  = 4
	agent  = 5
	banner = 7
	said   = 9
)

// hint is one voice.
type hint struct {
	name, version, typ string
	weight             int
	why                string
}

// opinions gathers voices.
type opinions struct{ hints []hint }

func (o *opinions) add(f *Fact, name, version, typ string, weight int) {
	if name == "" {
		return
	}
	why := f.Via + ": " + strings.TrimSpace(name+" "+version)
	o.hints = append(o.hints, hint{name, version, typ, weight, why})
}

// hear takes from a fact what it says about the system.
func (o *opinions) hear(f *Fact) {
	v := f.Value
	switch f.Kind {
	case Build:
		name, version := windowsBuild(v)
		weight := said
		if f.Via == "rdp" { // the build of the client program
			weight = agent
		}
		o.add(f, name, version, "windows", weight)
	case System:
		name, version, typ := systemIn(v)
		o.add(f, name, version, typ, said)
	case SYN:
		name, version, typ := systemOfSYN(v)
		weight := habit
		if version != "" { // window and scale fit too
			weight = agent
		}
		o.add(f, name, version, typ, weight)
	case Agent:
		name, version, typ := systemOfAgent(v)
		o.add(f, name, version, typ, agent)
	case Server, Client:
		name, version, typ := systemIn(v)
		o.add(f, name, version, typ, banner)
	case Class:
		name, version, typ := systemOfClass(v)
		o.add(f, name, version, typ, banner)
	case Parameters:
		x := dhcpClients[v]
		o.add(f, x.name, x.version, x.typ, agent)
	case Model:
		if name, version, typ := systemIn(v); name != "" {
			o.add(f, name, version, typ, banner)
		}
	}
}

// decide weighs the voices: the heaviest name wins, and is surer when others
// agree, less sure when as heavy ones do not.
func (o *opinions) decide() Opinion {
	if len(o.hints) == 0 {
		return Opinion{}
	}
	best := slices.MaxFunc(o.hints, func(a, b hint) int {
		return cmp.Or(cmp.Compare(a.weight, b.weight), cmp.Compare(len(a.version), len(b.version)), -cmp.Compare(a.name, b.name))
	})
	out := Opinion{Name: best.name, Version: best.version, Type: best.typ}
	agree, against := 0, 0
	for _, h := range o.hints {
		if !slices.Contains(out.Why, h.why) && len(out.Why) < 8 {
			out.Why = append(out.Why, h.why)
		}
		switch {
		case kin(h.typ) == kin(best.typ):
			if h.why != best.why {
				agree = max(agree, h.weight)
			}
			if h.name == best.name && len(h.version) > len(out.Version) && (h.weight >= banner || best.version == "") {
				out.Version = h.version
			}
		default:
			against = max(against, h.weight)
		}
	}
	score := best.weight + agree/2
	if against >= best.weight-1 {
		score = weak
	}
	switch {
	case score >= said:
		out.Confidence = "high"
	case score >= agent:
		out.Confidence = "medium"
	default:
		out.Confidence = "low"
	}
	return out
}

// kin are types that habits do not tell apart: a phone of Apple opens
// connections as a computer does.
func kin(typ string) string {
	switch typ {
	case "ios":
		return "macos"
	case "android":
		return "linux"
	}
	return typ
}
