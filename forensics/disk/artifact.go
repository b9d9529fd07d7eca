package disk

import (
	"context"
	"fmt"

	"saksi/forensics/filesystem"
	"saksi/internal/wire"
	"saksi/internal/worker"
)

// Kinds of frames of OpArtifacts, after the number of the item.
const (
	ArtifactPlace = iota // where the content of an artifact lies
	ArtifactFrame        // a frame of artifact.Serve
	ArtifactEnd          // the item is done
)

// Place is where content lies in the image.
type Place struct {
	Runs     []filesystem.Run
	MoreRuns bool
	Record   int64 // of the metadata that holds it; 0: it lies in Runs
}

// At is where a byte of the content lies in the media, or -1.
func (p *Place) At(off int64) int64 {
	for _, r := range p.Runs {
		if off >= r.File && off-r.File < r.Length {
			if r.Sparse {
				return -1
			}
			return r.Image + off - r.File
		}
	}
	if p.Record != 0 && len(p.Runs) == 0 {
		return p.Record
	}
	return -1
}

// ArtifactSink takes what Artifacts gives, each with the number of its item.
type ArtifactSink struct {
	Place func(item int, p *Place) error     // an artifact begins
	Frame func(item int, frame []byte) error // of artifact.Serve
	// End closes an item: whether it was an artifact, and why it was not read
	// whole.
	End func(item int, is bool, problem string) error
}

// Artifacts looks for artifacts among streams and parses those it finds.
// request is an artifact.Request. Items come in their order.
func (im *Image) Artifacts(ctx context.Context, request []byte, items []Item, to ArtifactSink) error {
	var w wire.Writer
	w.Bytes(request)
	w.Uint(uint64(len(items)))
	for _, it := range items {
		w.Uint(uint64(it.Volume))
		filesystem.AppendRef(&w, it.Ref)
		w.String(it.Path)
	}
	return im.call(ctx, OpArtifacts, w.B, nil, func(_ byte, r *wire.Reader) error {
		item, kind := r.Uint(), r.Uint()
		if r.Err() != nil || item >= uint64(len(items)) {
			return fmt.Errorf("%w: item %d of %d", worker.ErrProtocol, item, len(items))
		}
		switch kind {
		case ArtifactPlace:
			p := Place{Record: r.Int(), MoreRuns: r.Bool(), Runs: filesystem.ReadRuns(r, nil)}
			if r.Err() != nil {
				return r.Err()
			}
			return to.Place(int(item), &p)
		case ArtifactFrame:
			b := r.Bytes()
			if r.Err() != nil {
				return r.Err()
			}
			return to.Frame(int(item), b)
		case ArtifactEnd:
			is, problem := r.Bool(), r.String()
			if r.Err() != nil {
				return r.Err()
			}
			return to.End(int(item), is, problem)
		}
		return fmt.Errorf("%w: a frame of kind %d", worker.ErrProtocol, kind)
	})
}

// ReadArtifacts reads the request of Artifacts, for the worker.
func ReadArtifacts(r *wire.Reader) (request []byte, items []Item) {
	request = r.Bytes()
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		items = append(items, Item{Volume: int(r.Uint()), Ref: filesystem.ReadRef(r), Path: r.String()})
	}
	return request, items
}
