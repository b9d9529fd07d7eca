package sensor

import (
	"crypto/md5"
	"crypto/sha1"
	"hash"

	"saksi/rules/suricata"
)

// digests are what rules and indicators ask for of a file besides its SHA-256.
type digests struct{ md5, sha1 hash.Hash }

// newDigests makes those that a rule or an indicator looks at.
func (w *worker) newDigests() (d digests) {
	if w.cfg.MD5 || w.wantMD5 || w.Wants(suricata.BufFileMD5) {
		d.md5 = md5.New()
	}
	if w.wantSHA1 || w.Wants(suricata.BufFileSHA1) {
		d.sha1 = sha1.New()
	}
	return d
}

// fileMagic names files by their first bytes, if a rule asks for it.
func (w *worker) fileMagic() func([]byte) string {
	if w.rules == nil || w.rules.Suricata == nil {
		return nil
	}
	return w.rules.Suricata.FileMagic()
}

func (d *digests) write(b []byte) {
	for _, h := range []hash.Hash{d.md5, d.sha1} {
		if h != nil {
			h.Write(b)
		}
	}
}

// fileTx is a whole file as rules on digests see it.
type fileTx struct {
	app     suricata.AppProto
	id      uint64
	packets []uint64
	bufs    map[suricata.Buffer][]byte
}

// App implements suricata.Tx.
func (t *fileTx) App() suricata.AppProto { return t.app }

// ID implements suricata.Tx.
func (t *fileTx) ID() uint64 { return t.id }

// Packets implements proto.Evidence.
func (t *fileTx) Packets() []uint64 { return t.packets }

// WholeFile implements suricata.WholeFile.
func (t *fileTx) WholeFile() {}

// NBuf implements suricata.Tx.
func (t *fileTx) NBuf(b suricata.Buffer) int {
	if t.bufs[b] == nil {
		return 0
	}
	return 1
}

// BufAt implements suricata.Tx.
func (t *fileTx) BufAt(b suricata.Buffer, _ int) []byte { return t.bufs[b] }

// offerDigests shows a whole file to the rules that ask for its digests.
func (c *carver) offerDigests() {
	w, f := c.w, c.file
	if !f.Whole || w.rec == nil || w.app() == 0 || !w.Wants(suricata.BufFileMD5) && !w.Wants(suricata.BufFileSHA1) && !w.Wants(suricata.BufFileSHA256) {
		return
	}
	t := &fileTx{app: w.protos.Entry(w.app()).App, packets: f.Packets, bufs: map[suricata.Buffer][]byte{
		suricata.BufFileSHA256: c.hash.Sum(nil), suricata.BufFileSize: suricata.AppendNumber(nil, uint64(f.Size)),
	}}
	if f.Name != "" {
		t.bufs[suricata.BufFileName] = []byte(f.Name)
	}
	if c.digests.md5 != nil {
		t.bufs[suricata.BufFileMD5] = c.digests.md5.Sum(nil)
	}
	if c.digests.sha1 != nil {
		t.bufs[suricata.BufFileSHA1] = c.digests.sha1.Sum(nil)
	}
	w.Offer(t, c.dir)
}
