package artifact

import (
	"fmt"

	"saksi/event"
	"saksi/internal/wire"
	"saksi/internal/worker"
)

// Decoder turns the frames of Serve into records; it believes nothing. It
// counts into Sum, and gives each record with its event to Emit; both are valid
// until that returns.
type Decoder struct {
	Sum  *Summary
	Name string // of the source, as events tell it
	Emit func(*Record, *event.Event) error

	f   *Format
	ev  event.Event
	rec Record
}

// Frame takes one frame.
func (d *Decoder) Frame(b []byte) error {
	if len(b) == 0 {
		return fmt.Errorf("%w: an empty frame", worker.ErrProtocol)
	}
	r := wire.Reader{B: b[1:]}
	switch b[0] {
	case tagFormat:
		if d.f = byName(string(b[1:])); d.f == nil {
			return fmt.Errorf("%w: an artifact %.40q", worker.ErrProtocol, b[1:])
		}
		d.Sum.Format = d.f.Name
		return nil
	case tagProblem:
		p := Problem{r.Int(), r.String()}
		if d.Sum.Broken++; len(d.Sum.Problems) < maxProblems && r.Err() == nil {
			d.Sum.Problems = append(d.Sum.Problems, p)
		}
		return r.Err()
	case tagLeftOut:
		d.Sum.LeftOut = max(r.Int(), 0)
		return r.Err()
	case tagRecords:
		for r.Len() > 0 {
			if err := d.record(&r); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%w: a frame with tag %d", worker.ErrProtocol, b[0])
}

func (d *Decoder) record(r *wire.Reader) error {
	rec := &d.rec
	rec.Offset, rec.Time = r.Int(), r.Int()
	header, n := r.Uint(), r.Uint()
	if r.Err() != nil || d.f == nil || n > maxFields || header > n {
		return fmt.Errorf("%w: a record of %d fields: %w", worker.ErrProtocol, n, r.Err())
	}
	rec.Header, rec.Fields = int(header), rec.Fields[:0]
	for range n {
		rec.Fields = append(rec.Fields, Field{r.String(), r.String()})
	}
	if err := r.Err(); err != nil {
		return err
	}
	rec.sources, rec.aliases, rec.packed = nil, nil, d.f.Packed
	if d.f.Log != nil {
		rec.sources, rec.aliases = d.f.Log(rec)
	}
	rec.event(&d.ev, d.f, d.Sum, d.Name)
	d.Sum.Records++
	return d.Emit(rec, &d.ev)
}
