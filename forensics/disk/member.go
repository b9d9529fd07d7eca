package disk

import (
	"context"
	"io"
	"os"

	"saksi/forensics/filesystem"
	"saksi/internal/archive"
	"saksi/internal/wire"
)

func appendStats(w *wire.Writer, st *archive.Stats) {
	w.Int(st.Archives)
	w.Int(st.Members)
	w.Int(st.Bytes)
	w.Int(st.More)
	w.Int(st.Barred)
	w.Uint(uint64(len(st.Problems)))
	for _, p := range st.Problems {
		w.String(p.Path)
		w.String(p.Kind)
		w.String(p.Text)
	}
}

func readStats(r *wire.Reader) archive.Stats {
	st := archive.Stats{Archives: r.Int(), Members: r.Int(), Bytes: r.Int(), More: r.Int(), Barred: r.Int()}
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		st.Problems = append(st.Problems, archive.Problem{Path: r.String(), Kind: r.String(), Text: r.String()})
	}
	return st
}

// CopyMember writes the content of a member of the archive or document that a
// stream is, as CopyRange does. scratch is as for Unit.
func (im *Image) CopyMember(ctx context.Context, it *Item, member string, limits archive.Limits, offset, length int64, scratch *os.File, out io.Writer) (n int64, incomplete string, err error) {
	var w wire.Writer
	w.Uint(uint64(it.Volume))
	filesystem.AppendRef(&w, it.Ref)
	w.String(it.Path)
	w.String(member)
	appendLimits(&w, &limits)
	w.Int(offset)
	w.Int(length)
	var files []*os.File
	if scratch != nil {
		files = []*os.File{scratch}
	}
	err = im.call(ctx, OpMember, w.B, files, func(tag byte, r *wire.Reader) error {
		if tag == TagEnd {
			incomplete = r.String()
			return r.Err()
		}
		m, err := out.Write(r.B)
		n += int64(m)
		return err
	})
	return n, incomplete, err
}

// MemberRequest is the request of CopyMember, for the worker.
type MemberRequest struct {
	Item           Item
	Member         string
	Limits         archive.Limits
	Offset, Length int64
}

// ReadMember reads what CopyMember asks, for the worker.
func ReadMember(r *wire.Reader) MemberRequest {
	return MemberRequest{
		Item: Item{Volume: int(r.Uint()), Ref: filesystem.ReadRef(r), Path: r.String()}, Member: r.String(),
		Limits: readLimits(r), Offset: r.Int(), Length: r.Int(),
	}
}

func appendLimits(w *wire.Writer, n *archive.Limits) {
	for _, v := range []int64{int64(n.Depth), int64(n.Members), n.Bytes, n.Member, n.Ratio} {
		w.Int(v)
	}
}

func readLimits(r *wire.Reader) archive.Limits {
	return archive.Limits{Depth: int(r.Int()), Members: int(r.Int()), Bytes: r.Int(), Member: r.Int(), Ratio: r.Int()}
}

// AppendMember appends m for the parent.
func AppendMember(w *wire.Writer, m *Member) {
	w.String(m.Path)
	w.Int(m.At)
	AppendResult(w, &m.Result)
}
