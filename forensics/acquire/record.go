package acquire

import (
	"encoding/hex"
	"errors"
	"path/filepath"
	"time"
)

// Record is what was done, for the statement: the predicate of
// evidence.PredicateAcquisition.
type Record struct {
	Tool     string    `json:"tool"`
	Labels   Labels    `json:"labels"`
	Begun    string    `json:"begun"`
	Ended    string    `json:"ended"`
	Sessions []Session `json:"sessions"`
	Source   Info      `json:"source"`
	Image    Image     `json:"image"`
	Complete bool      `json:"complete"`
	Stopped  string    `json:"stopped,omitempty"` // why it is not complete
	// Bytes and Digests are of what was read, unreadable sectors filled.
	Bytes   int64   `json:"bytes"`
	Digests Digests `json:"digests"`
	// Padding is how many zeros an E01 holds behind the source, to whole
	// sectors; MediaDigests are then those of its media.
	Padding      int      `json:"padding,omitempty"`
	MediaDigests Digests  `json:"media_digests,omitempty"`
	Unreadable   []Range  `json:"unreadable"`
	Fill         string   `json:"fill,omitempty"` // hex; zeros when empty
	Retries      int      `json:"retries"`
	Problems     []string `json:"problems,omitempty"` // that leave a doubt
	Verified     string   `json:"verified"`
	Authority    string   `json:"authority,omitempty"`
	// AuthoritySHA256 is of the authority's file.
	AuthoritySHA256 string `json:"authority_sha256,omitempty"`
}

// Image is what was written.
type Image struct {
	Form        string `json:"form"`
	Compression string `json:"compression,omitempty"`
	Folder      string `json:"folder"`
	Files       []File `json:"files"`
}

// Lost is how many bytes could not be read.
func (r *Record) Lost() int64 {
	var n int64
	for _, x := range r.Unreadable {
		n += x.Bytes
	}
	return n
}

// Why says in words why the image is no exhibit as it is.
func (r *Record) Why() string {
	if r.Complete {
		return r.Verified
	}
	return r.Stopped
}

func (r *acquisition) record(stopped error, media Digests, pad int) *Record {
	now := time.Now()
	rec := &Record{
		Tool: r.o.Tool, Labels: r.o.Labels, Begun: r.o.begun, Ended: now.UTC().Format(time.RFC3339), Sessions: r.st.Sessions,
		Source: r.s.Info, Image: Image{Form: r.o.Form, Compression: r.o.Compression, Folder: r.dir()}, Complete: stopped == nil,
		Bytes: r.written, Digests: r.sums, Unreadable: append([]Range{}, r.bad...), Fill: hex.EncodeToString(r.o.Fill), Retries: r.o.Retries,
		Problems: r.s.changes(), Verified: "not asked for",
	}
	if stopped != nil {
		rec.Stopped, rec.Verified = stopped.Error(), "not verified: not complete"
	}
	if pad > 0 {
		rec.Padding, rec.MediaDigests = pad, media
	}
	if errors.Is(stopped, errShrunk) {
		rec.Problems = nil // said
	}
	if a := r.o.Authority; a != nil {
		rec.Authority, rec.AuthoritySHA256 = a.String(), a.SHA256
		if a.Expired(now) {
			rec.Problems = append(rec.Problems, "the authority expired while the source was read")
		}
	}
	return rec
}

func (r *acquisition) dir() string {
	abs, err := filepath.Abs(filepath.Dir(r.o.To))
	if err != nil {
		return filepath.Dir(r.o.To)
	}
	return abs
}
