package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// ErrAuthority is returned when an authority does not allow what is to be done:
// another act, another time, what lies outside of its scope.
var ErrAuthority = errors.New("the authority does not allow it")

// Act is what an authority allows to be done.
type Act string

// Acts.
const (
	ActCapture Act = "capture" // take packets from an interface
	ActDecrypt Act = "decrypt" // read what keys open
	ActExtract Act = "extract" // write packets out of captures
	ActAcquire Act = "acquire" // make an image of a device
	ActUnmask  Act = "unmask"  // read anew what was masked in a finding
)

// acts lists them all, as errors name them.
var acts = []Act{ActCapture, ActDecrypt, ActExtract, ActAcquire, ActUnmask}

// authorityKinds are on what an authority rests.
var authorityKinds = []string{"warrant", "consent", "instruction"}

// maxAuthority bounds the file of an authority, in bytes.
const maxAuthority = 1 << 20

// Authority is on what grounds somebody captures, decrypts, extracts or
// acquires: a warrant, a consent or an instruction, with its scope and the time
// in which it may be used. See ParseAuthority for its file.
type Authority struct {
	Kind      string // warrant, consent or instruction
	Reference string // its number or file mark
	By        string // who gave it
	Acts      []Act
	// From and Until bound when it may be used, until exclusive; zero is no bound.
	From, Until time.Time
	Scope       []Scope
	SHA256      string // of the file it was read from
}

// Scope is one entry of what an authority covers. It covers what meets all that
// it names; of what it does not name it covers all.
type Scope struct {
	Networks   []netip.Prefix // of one of the two hosts
	Ports      []uint16       // of one of the two hosts
	Hosts      []string       // names asked for; "*.x" is every name below x
	Interfaces []string       // captured from
	Exhibits   []string       // ids in the case
	Devices    []string       // paths, serial numbers or other names
	// From and Until bound the time of the traffic, until exclusive.
	From, Until time.Time
	// Privileged entries are left out of whatever is done: the communication of
	// a lawyer, for one. Note says why.
	Privileged bool
	Note       string
}

// ReadAuthority reads the file of an authority; see ParseAuthority.
func ReadAuthority(path string) (*Authority, error) {
	b, err := ReadRegular(path, maxAuthority)
	if err != nil {
		return nil, fmt.Errorf("reading the authority: %w", err)
	}
	a, err := ParseAuthority(b)
	if err != nil {
		return nil, fmt.Errorf("reading the authority %s: %w", path, err)
	}
	return a, nil
}

// authorityFile is the file of an authority.
type authorityFile struct {
	Format    int         `yaml:"format"`
	Kind      string      `yaml:"kind"`
	Reference string      `yaml:"reference"`
	By        string      `yaml:"by"`
	Acts      []Act       `yaml:"acts"`
	From      string      `yaml:"from"`
	Until     string      `yaml:"until"`
	Scope     []scopeFile `yaml:"scope"`
}

type scopeFile struct {
	Networks   []string `yaml:"networks"`
	Ports      []uint16 `yaml:"ports"`
	Hosts      []string `yaml:"hosts"`
	Interfaces []string `yaml:"interfaces"`
	Exhibits   []string `yaml:"exhibits"`
	Devices    []string `yaml:"devices"`
	From       string   `yaml:"from"`
	Until      string   `yaml:"until"`
	Privileged bool     `yaml:"privileged"`
	Note       string   `yaml:"note"`
}

// ParseAuthority reads the file of an authority, which is YAML:
//
//	format: 1
//	kind: warrant               # or consent, instruction
//	reference: W-2026-118
//	by: Magistrate's Court, Putrajaya
//	acts: [capture, decrypt, extract, acquire, unmask]
//	from: 2026-11-24T00:00:00Z  # when it may be used, until exclusive
//	until: 2026-12-24T00:00:00Z
//	scope:                      # what meets one entry is covered
//	  - networks: [192.0.2.0/24, 2001:db8::/32]
//	    ports: [443]
//	  - exhibits: [E1]
//	  - hosts: [counsel.example, "*.counsel.example"]
//	    privileged: true
//	    note: the suspect's lawyer
//
// Unknown keys are errors, and so is an authority that covers nothing.
func ParseAuthority(b []byte) (*Authority, error) {
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	var f authorityFile
	if err := d.Decode(&f); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		return nil, err
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file holds more than one document; write one authority a file")
	}
	a := &Authority{Kind: f.Kind, Reference: strings.TrimSpace(f.Reference), By: strings.TrimSpace(f.By), Acts: f.Acts, SHA256: SHA256(b)}
	switch {
	case f.Format != 1:
		return nil, fmt.Errorf("format is %d; this saksi reads 1", f.Format)
	case !slices.Contains(authorityKinds, a.Kind):
		return nil, fmt.Errorf("kind is %q; expected one of %s", a.Kind, strings.Join(authorityKinds, ", "))
	case !stated(a.Reference) || !stated(a.By):
		return nil, errors.New("reference and by must say in 1 to 200 printable characters which authority it is and who gave it")
	case len(a.Acts) == 0:
		return nil, fmt.Errorf("acts is missing; expected some of %v", acts)
	}
	for _, act := range a.Acts {
		if !slices.Contains(acts, act) {
			return nil, fmt.Errorf("act %q is unknown; expected some of %v", act, acts)
		}
	}
	var err error
	if a.From, a.Until, err = period(f.From, f.Until); err != nil {
		return nil, err
	}
	for i := range f.Scope {
		s, err := f.Scope[i].scope()
		if err != nil {
			return nil, fmt.Errorf("entry %d of scope: %w", i+1, err)
		}
		a.Scope = append(a.Scope, s)
	}
	for _, act := range a.Acts {
		if !slices.ContainsFunc(a.Scope, func(s Scope) bool { return s.concerns(act) }) {
			return nil, fmt.Errorf("no entry of scope says to what %s applies: name %s; all addresses are 0.0.0.0/0 and ::/0", act, strings.Join(needs[act], " or "))
		}
	}
	return a, nil
}

// stated reports a text that names something.
func stated(s string) bool {
	return s != "" && len(s) <= 200 && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

func period(from, until string) (f, u time.Time, err error) {
	for _, x := range []struct {
		key, text string
		to        *time.Time
	}{{"from", from, &f}, {"until", until, &u}} {
		if x.text == "" {
			continue
		}
		if *x.to, err = time.Parse(time.RFC3339Nano, x.text); err != nil {
			return f, u, fmt.Errorf("%s is %q; expected a time with its zone, such as 2026-11-24T08:00:00+08:00", x.key, x.text)
		}
	}
	if !f.IsZero() && !u.IsZero() && !u.After(f) {
		return f, u, fmt.Errorf("until (%s) is not after from (%s)", until, from)
	}
	return f, u, nil
}

func (f *scopeFile) scope() (Scope, error) {
	s := Scope{Ports: f.Ports, Interfaces: f.Interfaces, Exhibits: f.Exhibits, Devices: f.Devices, Privileged: f.Privileged, Note: f.Note}
	for _, n := range f.Networks {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			a, aerr := netip.ParseAddr(n)
			if aerr != nil || a.Zone() != "" {
				return s, fmt.Errorf("network %q; expected an address or a prefix such as 192.0.2.0/24", n)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p != p.Masked() {
			return s, fmt.Errorf("network %q has bits behind its prefix; %s would be the network", n, p.Masked())
		}
		s.Networks = append(s.Networks, p)
	}
	for _, h := range f.Hosts {
		name := strings.ToLower(strings.TrimSuffix(h, "."))
		if _, err := netip.ParseAddr(name); err == nil {
			return s, fmt.Errorf("host %q is an address; it belongs under networks", h)
		}
		if base := strings.TrimPrefix(name, "*."); !stated(name) || base == "" || strings.ContainsAny(base, "* /") {
			return s, fmt.Errorf("host %q; expected a name such as mail.example, or *.mail.example for all names below it", h)
		}
		s.Hosts = append(s.Hosts, name)
	}
	for _, list := range [][]string{s.Interfaces, s.Exhibits, s.Devices} {
		if slices.Contains(list, "") {
			return s, errors.New("a name is empty")
		}
	}
	var err error
	if s.From, s.Until, err = period(f.From, f.Until); err != nil {
		return s, err
	}
	if len(s.Networks)+len(s.Ports)+len(s.Hosts)+len(s.Interfaces)+len(s.Exhibits)+len(s.Devices) == 0 {
		return s, errors.New("it names nothing: neither networks, ports, hosts, interfaces, exhibits nor devices")
	}
	return s, nil
}

// String names the authority, such as "warrant W-2026-118 by Magistrate's Court".
func (a *Authority) String() string {
	return a.Kind + " " + a.Reference + " by " + a.By
}

// Detail is what a custody entry tells of the authority besides its name.
func (a *Authority) Detail() map[string]string {
	m := map[string]string{"authority_sha256": a.SHA256}
	for k, t := range map[string]time.Time{"authority_from": a.From, "authority_until": a.Until} {
		if !t.IsZero() {
			m[k] = t.UTC().Format(time.RFC3339)
		}
	}
	return m
}
