package disk

import (
	"context"

	"saksi/forensics/filesystem"
	"saksi/internal/feature"
	"saksi/internal/search"
	"saksi/internal/wire"
)

// Area is where in an image bytes lie.
type Area uint8

// Areas. The values are part of the worker protocol.
const (
	Content     Area = iota // of files and streams
	Slack                   // behind the end of a file, to the end of its last block
	Unallocated             // in use by no file of a file system
	Raw                     // in no file system: gaps between volumes, volumes without one, memory
	areas
)

var areaNames = [areas]string{"files", "slack", "unallocated", "raw"}

func (p Area) String() string {
	if p < areas {
		return areaNames[p]
	}
	return "unknown"
}

// Areas is a set of areas.
type Areas uint8

// AllAreas is every area.
const AllAreas Areas = 1<<areas - 1

// Has reports whether an area is in the set.
func (s Areas) Has(p Area) bool { return s>>p&1 != 0 }

// AreaByName gives the area of a name.
func AreaByName(name string) (Area, bool) {
	for i, n := range areaNames {
		if n == name {
			return Area(i), true
		}
	}
	return 0, false
}

// Search tells the worker what to look for besides rules in the units that follow.
func (im *Image) Search(ctx context.Context, cfg *search.Config) error {
	var w wire.Writer
	appendStrings(&w, cfg.Keywords)
	appendStrings(&w, cfg.Regexps)
	w.Uint(uint64(cfg.Features))
	return im.call(ctx, OpSearch, w.B, nil, nil)
}

// ReadSearch reads a request of Search, for the worker.
func ReadSearch(r *wire.Reader) search.Config {
	return search.Config{Keywords: readStrings(r), Regexps: readStrings(r), Features: feature.Set(r.Uint())}
}

// Space is where an area lies: stretches of the media in their order.
type Space struct {
	Runs     []filesystem.Run
	Problems []string // what of it is not among the runs
}

// Space finds the stretches of an area: Unallocated of a volume, or Raw.
func (im *Image) Space(ctx context.Context, area Area, volume int) (Space, error) {
	var w wire.Writer
	w.Uint(uint64(area))
	w.Int(int64(volume))
	var s Space
	err := im.call(ctx, OpSpace, w.B, nil, func(tag byte, r *wire.Reader) error {
		if tag == TagEnd {
			s.Problems = readStrings(r)
			return r.Err()
		}
		s.Runs = filesystem.ReadRuns(r, s.Runs)
		return r.Err()
	})
	return s, err
}

func appendHits(w *wire.Writer, hits []search.Hit) {
	w.Uint(uint64(len(hits)))
	for i := range hits {
		h := &hits[i]
		w.String(h.Kind)
		w.String(h.Name)
		w.String(h.Encoding)
		w.Int(h.Offset)
		w.Uint(uint64(h.Length))
		w.String(h.Text)
	}
}

func readHits(r *wire.Reader) (hits []search.Hit) {
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		hits = append(hits, search.Hit{Kind: r.String(), Name: r.String(), Encoding: r.String(), Offset: r.Int(), Length: int(r.Uint()), Text: r.String()})
	}
	return hits
}
