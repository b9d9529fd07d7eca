// Package service knows services by the names of their hosts: which
// application, of which category, a name belongs to. Start with Lookup.
package service

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

// Suffix is one suffix of host names and the service it belongs to.
type Suffix struct {
	Name        string // lower case, without a leading dot
	Application string
	Category    string
}

//go:embed services.tsv
var data string

// table is services.tsv: suffixes numbered from 1, found by their text, and the
// categories of applications.
type table struct {
	suffixes   []Suffix
	index      map[string]uint16
	categories map[string]string
}

var load = sync.OnceValue(func() *table {
	t, err := parse(data)
	if err != nil { // a defect of the program: a test reads the same file
		panic(err)
	}
	return t
})

func parse(text string) (*table, error) {
	t := &table{suffixes: make([]Suffix, 1), index: map[string]uint16{}, categories: map[string]string{}}
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		c := strings.Split(line, "\t")
		if len(c) != 3 || c[0] == "" || c[1] == "" {
			return nil, fmt.Errorf("services.tsv:%d: expected application, category and suffixes", i+1)
		}
		if t.categories[c[0]] != "" {
			return nil, fmt.Errorf("services.tsv:%d: application %s has a line already", i+1, c[0])
		}
		t.categories[c[0]] = c[1]
		for _, s := range strings.Fields(c[2]) {
			if t.index[s] != 0 {
				return nil, fmt.Errorf("services.tsv:%d: suffix %s is there already", i+1, s)
			}
			if s != strings.ToLower(s) || strings.Trim(s, ".") != s {
				return nil, fmt.Errorf("services.tsv:%d: suffix %s is not in lower case without outer dots", i+1, s)
			}
			if len(t.suffixes) == 1<<16 {
				return nil, fmt.Errorf("services.tsv:%d: more than %d suffixes", i+1, 1<<16-1)
			}
			t.index[s] = uint16(len(t.suffixes))
			t.suffixes = append(t.suffixes, Suffix{Name: s, Application: c[0], Category: c[1]})
		}
	}
	return t, nil
}

// maxHost is the longest name looked up (RFC 1035 section 2.3.4).
const maxHost = 255

// Lookup returns the number of the longest suffix of a host name, 0 for none.
// It compares whole labels without regard to case; a final dot and a leading
// "*." are passed over. A name in the domain of a delivery network is its
// customer's if that is known.
func Lookup(host string) uint16 {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "*."), ".")
	if len(host) == 0 || len(host) > maxHost {
		return 0
	}
	t := load()
	var buf [maxHost]byte
	for i := range len(host) {
		c := host[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	n := t.longest(buf[:len(host)])
	if n != 0 && t.suffixes[n].Category == "cdn" {
		// Delivery networks put their name behind a customer's, as in
		// www.example.com.edgekey.net.
		if k := len(host) - len(t.suffixes[n].Name) - 1; k > 0 {
			if inner := t.longest(buf[:k]); inner != 0 {
				return inner
			}
		}
	}
	return n
}

// longest finds the longest suffix of a name in lower case.
func (t *table) longest(b []byte) uint16 {
	for {
		if n := t.index[string(b)]; n != 0 {
			return n
		}
		i := bytes.IndexByte(b, '.')
		if i < 0 {
			return 0
		}
		b = b[i+1:]
	}
}

// Get returns the suffix of a number that Lookup gave.
func Get(n uint16) Suffix { return load().suffixes[n] }

// Category returns the category of an application, "" if it is not known.
func Category(application string) string { return load().categories[application] }
