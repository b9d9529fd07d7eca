package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"saksi/casefile"
	"saksi/evidence"
	"saksi/internal/document"
)

// acquisition is what a signed statement says of how an image was made.
type acquisition struct {
	Begun    string            `json:"begun"`
	Ended    string            `json:"ended"`
	Verified string            `json:"verified"`
	Digests  map[string]string `json:"digests"`
	Problems []string          `json:"problems"`
	// Unreadable are ranges of the source.
	Unreadable []struct {
		Offset int64 `json:"offset"`
		Bytes  int64 `json:"bytes"`
	} `json:"unreadable"`
}

// acquisitions reads the statements over acquired images.
func (b *builder) acquisitions() error {
	b.acquired = map[string]acquisition{}
	for i := range b.entries {
		e := &b.entries[i]
		if e.Act != casefile.ActSign || !strings.HasSuffix(e.Where, "-acquisition.sigstore.json") || !filepath.IsLocal(filepath.FromSlash(e.Where)) {
			continue
		}
		raw, err := evidence.ReadRegular(filepath.Join(b.Dir, filepath.FromSlash(e.Where)), evidence.MaxBundle)
		if err != nil {
			return fmt.Errorf("reading %s: %w", e.Where, err)
		}
		if sum := evidence.SHA256(raw); sum != e.SHA256 {
			return fmt.Errorf("%w: %s has SHA-256 %s; the custody log recorded %s", evidence.ErrDigest, e.Where, sum, e.SHA256)
		}
		st, err := evidence.Open(raw, nil)
		if err != nil {
			return fmt.Errorf("reading %s: %w", e.Where, err)
		}
		var p struct {
			Acquisition acquisition `json:"acquisition"`
		}
		if err := json.Unmarshal(st.Predicate, &p); err != nil {
			return fmt.Errorf("reading %s: %w", e.Where, err)
		}
		for _, s := range st.Subject {
			b.acquired[s.Name] = p.Acquisition
		}
	}
	return nil
}

// maxRanges is how many ranges and files of an exhibit are listed.
const maxRanges = 50

func (b *builder) taken() ([]casefile.Exhibit, error) {
	list, err := casefile.Exhibits(b.Dir)
	last := b.entries[len(b.entries)-1].Seq
	return slices.DeleteFunc(list, func(x casefile.Exhibit) bool { return x.Seq > last }), err
}

func (b *builder) exhibits() ([]document.Part, error) {
	list, err := b.taken()
	if err != nil {
		return nil, err
	}
	var parts []document.Part
	for _, x := range list {
		f := []document.Fact{
			{Name: b.say("name"), Value: x.Name},
			{Name: b.say("size"), Value: fmt.Sprintf("%d %s", x.Size, b.say("bytes"))},
			{Name: "SHA-256", Value: x.SHA256},
			{Name: b.say("source_key"), Value: x.SourceKey},
			{Name: b.say("kept"), Value: x.Path},
		}
		for i, s := range x.Segments {
			if i == maxRanges {
				f = append(f, document.Fact{Name: b.say("segment"), Value: b.say("more", len(x.Segments)-i)})
				break
			}
			f = append(f, document.Fact{Name: b.say("segment"), Value: fmt.Sprintf("%s, %d %s, SHA-256 %s", s.Path, s.Size, b.say("bytes"), s.SHA256)})
		}
		parts = append(parts, document.Part{Heading: b.say("exhibit") + " " + x.ID}, document.Part{Facts: append(f, b.acquisition(&x)...)})
	}
	return parts, nil
}

// acquisition says how an exhibit was acquired.
func (b *builder) acquisition(x *casefile.Exhibit) (f []document.Fact) {
	add := func(key, value string) {
		if value != "" {
			f = append(f, document.Fact{Name: b.say(key), Value: value})
		}
	}
	a, ok := b.acquired[x.Path]
	if !ok {
		add("acquired", b.say("not_acquired"))
		return f
	}
	add("acquired", short(a.Begun)+" – "+short(a.Ended))
	for i := len(b.entries) - 1; i >= 0; i-- {
		if e := &b.entries[i]; e.Act == casefile.ActAcquire && e.Where == x.Path && e.Seq < x.Seq {
			for _, k := range []string{"source", "model", "serial", "mark", "write_blocker", "device_flag"} {
				add(k, e.Detail[k])
			}
			add("opened_how", e.Detail["opened"])
			break
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Digests)) {
		add("media", name+" "+a.Digests[name])
	}
	add("verified", a.Verified)
	if len(a.Unreadable) == 0 {
		add("unreadable", b.say("unreadable_none"))
	}
	for i, r := range a.Unreadable {
		if i == maxRanges {
			add("unreadable", b.say("more", len(a.Unreadable)-i))
			break
		}
		add("unreadable", b.say("unreadable_range", r.Bytes, r.Offset))
	}
	return f
}
