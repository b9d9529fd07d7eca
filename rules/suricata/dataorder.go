package suricata

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// liveSet is what became of a set that rules change.
type liveSet struct {
	set     *dataset
	changed map[string]bool // members added or taken since the set was loaded
	room    int
}

func (l *liveSet) has(k string) bool {
	if in, ok := l.changed[k]; ok {
		return in
	}
	_, ok := l.set.members[k]
	return ok
}

// live finds what became of a set; it has its name over a reload.
func (o *Order) live(s *dataset) *liveSet {
	l := o.data[s.name]
	if l == nil {
		l = &liveSet{changed: map[string]bool{}, room: s.limit}
		o.data[s.name] = l
	}
	l.set = s
	return l
}

// known decides the sets of a hit that rules change. Of the values of one
// buffer the first that does suffices. What a rule sets stays set, whatever
// else it asks, as in Suricata.
func (o *Order) known(h *Hit) bool {
	for i := 0; i < len(h.pending); {
		u := h.pending[i].use
		ok := false
		for ; i < len(h.pending) && h.pending[i].use == u; i++ {
			ok = ok || o.lookUp(h, u, h.pending[i].key)
		}
		if !ok {
			return false
		}
	}
	return true
}

func (o *Order) lookUp(h *Hit, u *datasetUse, k string) bool {
	l := o.live(u.set)
	in := l.has(k)
	switch u.op {
	case dataIsSet:
		if d := u.set.members[k]; in && u.key != "" && d.json != "" {
			h.Context = append(h.Context, Context{u.key, d.json})
		}
		return in
	case dataIsNotSet:
		return !in
	case dataRep:
		return in && u.cmp.match(uint64(u.set.members[k].rep))
	case dataUnset:
		if in {
			l.changed[k] = false
		}
		return in
	}
	if in {
		return false
	}
	if l.room < len(k)+dataOverhead {
		o.Forgotten++
		return false
	}
	l.room -= len(k) + dataOverhead
	l.changed[k] = true
	return true
}

// Save writes the sets that rules keep between runs into the folder of data,
// one value a line, sorted.
func (o *Order) Save(dir string) error {
	for _, l := range o.data {
		if l.set.state == "" {
			continue
		}
		path, ok := inData(dir, l.set.state)
		if !ok {
			continue
		}
		var keys []string
		for k := range l.set.members {
			if l.has(k) {
				keys = append(keys, k)
			}
		}
		for k, in := range l.changed {
			if _, old := l.set.members[k]; in && !old {
				keys = append(keys, k)
			}
		}
		slices.Sort(keys)
		if err := writeLines(path, l.set.typ, keys); err != nil {
			return fmt.Errorf("saving the data set %s: %w", l.set.name, err)
		}
	}
	return nil
}

func writeLines(path string, t dataType, keys []string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".data-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	w := bufio.NewWriter(f)
	for _, k := range keys {
		if _, err := w.WriteString(t.text(k) + "\n"); err != nil {
			f.Close()
			return err
		}
	}
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
