package casefile

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"saksi/evidence"
)

// ActSeal is the act of the custody entry that seals a case, ActTimestamp that
// of one that stamps the seal later.
const (
	ActSeal      = "seal"
	ActTimestamp = "timestamp"
)

// ErrSealed is returned when something would change what a sealed case holds.
var ErrSealed = errors.New("the case is sealed")

// SealPredicate is what a seal says: all that the case held, through the digest
// of its manifest, and how its custody log stood.
type SealPredicate struct {
	Case           string       `json:"case"`
	Agency         string       `json:"agency"`
	Classification string       `json:"classification"`
	Time           string       `json:"time"` // as this machine's clock says it
	SealedBy       string       `json:"sealed_by"`
	Tool           string       `json:"tool"`
	Files          int64        `json:"files"`
	Bytes          int64        `json:"bytes"`
	Exhibits       int          `json:"exhibits"`
	Custody        SealCustody  `json:"custody"`
	Timestamp      SealedAtTime `json:"timestamp"`
}

// SealCustody is the custody log when the case was sealed.
type SealCustody struct {
	Entries int64  `json:"entries"`
	Root    string `json:"root"`     // base64, of the tree over those entries
	Key     string `json:"key_hint"` // of the key that signs the log
	PEM     string `json:"public_key"`
}

// SealedAtTime says what time stamp the seal has.
type SealedAtTime struct {
	Kind      string `json:"kind"` // "rfc3161", or "deferred": none yet
	Authority string `json:"authority,omitempty"`
}

// SealOptions of Seal.
type SealOptions struct {
	Signer *evidence.Signer // of the person who seals; its key may differ from the log's
	// Stamp asks Authority for an RFC 3161 response over the signature; nil
	// leaves the time stamp for later.
	Stamp     func(ctx context.Context, sig []byte) ([]byte, error)
	Authority string
	Roots     []*x509.Certificate // of the authority, to travel in the case
	Progress  func(int64)
}

// Sealed is the outcome of Seal.
type Sealed struct {
	Files, Bytes int64
	Bundle       string // path in the case
	Stamp        *evidence.Timestamp
	Finished     bool // an interrupted seal was finished; the rest is of that one
}

// sealOf finds the entry that sealed the case.
func sealOf(entries *evidence.Entries) *evidence.Entry {
	for _, e := range entries.All(ActSeal) {
		return e
	}
	return nil
}

// IsSealed reports whether the case is sealed.
func (c *Case) IsSealed() bool { return sealOf(c.log.Entries()) != nil }

// Unsealed gives ErrSealed for what would change a sealed case.
func (c *Case) Unsealed() error {
	if e := sealOf(c.log.Entries()); e != nil {
		return fmt.Errorf("%w (entry %d of its custody log): nothing is added to it; open a new case for further work", ErrSealed, e.Seq)
	}
	return nil
}

// Seal makes the case a BagIt bag where it stands and signs it: manifests over
// everything in data/, read once, metadata in CASE and DFXML, and beside them a
// statement over the manifest of manifests, its signature for openssl, a time
// stamp, the keys, and the custody log as tiles. The seal is the next entry of
// the custody log. Exhibits that are not those taken under custody are
// evidence.ErrDigest. What an interrupted Seal left is made anew, or finished
// when the log has the entry already.
func (c *Case) Seal(ctx context.Context, o SealOptions) (*Sealed, error) {
	if e := sealOf(c.log.Entries()); e != nil {
		done, err := c.sealTiles(e.Seq + 1)
		if err == nil && !done {
			err = c.Unsealed()
		}
		if err != nil {
			return nil, fmt.Errorf("sealing the case: %w", err)
		}
		return &Sealed{Bundle: e.Where, Finished: true}, nil
	}
	// Who seals acts by the key of the seal, if a register knows it.
	hint := o.Signer.Public().Hint()
	if _, ok := c.register[hint]; ok && c.actor == nil && hint != c.signer.Public().Hint() {
		who := c.who
		if err := c.as(o.Signer); err != nil {
			return nil, fmt.Errorf("sealing the case: %w", err)
		}
		defer func() { c.actor, c.who = nil, who }()
	}
	if err := c.maySeal(hint); err != nil {
		return nil, fmt.Errorf("sealing the case: %w", err)
	}
	s, err := c.seal(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("sealing the case: %w", err)
	}
	return s, nil
}

func (c *Case) seal(ctx context.Context, o SealOptions) (*Sealed, error) {
	for _, name := range append([]string{tagManifestFile, sealBundleFile, sealSigFile, sealBytesFile, sealStampFile, trustCaseFile, trustSealFile, trustStampFile}, tagFiles...) {
		if name == infoFile {
			continue
		}
		if err := os.Remove(filepath.Join(c.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	for _, d := range []string{filepath.Dir(dfxmlFile), sealDir, trustDir} {
		if err := os.MkdirAll(filepath.Join(c.Dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	tags, out, err := c.writeBag(ctx, o.Progress)
	if err != nil {
		return nil, err
	}
	bundle, err := c.sealStatement(ctx, o, tags, out)
	if err != nil {
		return nil, err
	}
	e := evidence.Entry{Act: ActSeal, SHA256: evidence.SHA256(bundle), Where: sealBundleFile, Detail: map[string]string{
		"tagmanifest": tags[tagManifestFile], "manifest": tags[manifestFile], "files": strconv.FormatInt(out.Files, 10), "bytes": strconv.FormatInt(out.Bytes, 10),
		"key_hint": o.Signer.Public().Hint(),
	}}
	if o.Stamp != nil {
		if err := c.stamp(ctx, o, &e, out); err != nil {
			return nil, err
		}
	}
	if err := c.Record(ctx, e); err != nil {
		return nil, err
	}
	_, err = c.sealTiles(c.log.Len())
	return out, err
}

// writeBag writes the manifests and the metadata, and returns the digests of
// the tag files.
func (c *Case) writeBag(ctx context.Context, progress func(int64)) (map[string]string, *Sealed, error) {
	out := &Sealed{Bundle: sealBundleFile}
	tags := map[string]string{}
	digests := map[string]string{}
	for _, x := range c.Exhibits {
		digests[x.Path] = x.SHA256
	}
	var err error
	tags[manifestFile], err = c.writeSynced(manifestFile, func(m io.Writer) (err error) {
		tags[caseGraphFile], err = c.writeSynced(caseGraphFile, func(g io.Writer) (err error) {
			tags[dfxmlFile], err = c.writeSynced(dfxmlFile, func(d io.Writer) error {
				graph, dfxml := &graphWriter{w: g, id: c.Info.ID}, &dfxmlWriter{w: d}
				graph.begin(c.tool)
				dfxml.begin(&c.Info, c.tool)
				err := c.payload(ctx, progress, func(f payloadFile) error {
					if want := digests[f.Path]; want != "" && want != f.SHA256 {
						return fmt.Errorf("%w: %s has SHA-256 %s; the custody log recorded %s: run 'saksi evidence verify'", evidence.ErrDigest, f.Path, f.SHA256, want)
					}
					delete(digests, f.Path)
					out.Files, out.Bytes = out.Files+1, out.Bytes+f.Size
					graph.file(f)
					dfxml.file(f)
					_, err := fmt.Fprintf(m, "%s  %s\n", f.SHA256, manifestPath(f.Path))
					return err
				})
				for _, x := range c.Exhibits {
					if x.Copied && digests[x.Path] != "" && err == nil {
						err = fmt.Errorf("%w: %s, exhibit %s, is missing", evidence.ErrDigest, x.Path, x.ID)
					}
				}
				return errors.Join(err, graph.end(&c.Info, c.Exhibits), dfxml.end())
			})
			return err
		})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	for name, text := range map[string]string{
		bagitFile: bagitText,
		bagInfoFile: fmt.Sprintf("Source-Organization: %s\nExternal-Identifier: %s\nExternal-Description: Case under %s\nBagging-Date: %s\nPayload-Oxum: %d.%d\nBag-Software-Agent: %s\n",
			tagValue(c.Info.Agency), tagValue(c.Info.ID), c.Info.Classification, time.Now().UTC().Format(time.DateOnly), out.Bytes, out.Files, tagValue(c.tool)),
	} {
		if err := evidence.WriteNew(filepath.Join(c.Dir, name), []byte(text), 0o600); err != nil {
			return nil, nil, err
		}
		tags[name] = evidence.SHA256([]byte(text))
	}
	if tags[infoFile], err = c.hash(ctx, infoFile); err != nil {
		return nil, nil, err
	}
	tags[tagManifestFile], err = c.writeSynced(tagManifestFile, func(w io.Writer) error {
		for _, name := range tagFiles {
			if _, err := fmt.Fprintf(w, "%s  %s\n", tags[name], name); err != nil {
				return err
			}
		}
		return nil
	})
	return tags, out, err
}

// tagValue keeps a value in its line of bag-info.txt.
func tagValue(s string) string {
	b := []rune(s)
	for i, r := range b {
		if r < 0x20 || r == 0x7f {
			b[i] = ' '
		}
	}
	return string(b)
}

// sealStatement signs the seal and writes it with what it is checked by.
func (c *Case) sealStatement(ctx context.Context, o SealOptions, tags map[string]string, out *Sealed) ([]byte, error) {
	root, err := c.log.RootAt(c.log.Len())
	if err != nil {
		return nil, err
	}
	casePEM, err := c.signer.Public().PEM()
	if err != nil {
		return nil, err
	}
	sealPEM, err := o.Signer.Public().PEM()
	if err != nil {
		return nil, err
	}
	p := SealPredicate{
		Case: c.Info.ID, Agency: c.Info.Agency, Classification: c.Info.Classification, Time: time.Now().UTC().Format(time.RFC3339), SealedBy: c.who, Tool: c.tool,
		Files: out.Files, Bytes: out.Bytes, Exhibits: len(c.Exhibits),
		Custody:   SealCustody{Entries: c.log.Len(), Root: root, Key: c.Info.Key, PEM: string(casePEM)},
		Timestamp: SealedAtTime{Kind: "deferred"},
	}
	if o.Stamp != nil {
		p.Timestamp = SealedAtTime{Kind: "rfc3161", Authority: o.Authority}
	}
	bundle, err := evidence.Sign(ctx, o.Signer, evidence.PredicateSeal, p, []evidence.Subject{
		{Name: tagManifestFile, Digest: map[string]string{"sha256": tags[tagManifestFile]}},
		{Name: manifestFile, Digest: map[string]string{"sha256": tags[manifestFile]}},
	})
	if err != nil {
		return nil, err
	}
	signed, sig, _, err := evidence.Parts(bundle)
	if err != nil {
		return nil, err
	}
	for name, b := range map[string][]byte{sealBundleFile: bundle, sealSigFile: sig, sealBytesFile: signed, trustCaseFile: casePEM, trustSealFile: sealPEM} {
		if err := evidence.WriteNew(filepath.Join(c.Dir, name), b, 0o600); err != nil {
			return nil, err
		}
	}
	return bundle, nil
}

// stamp asks for a time stamp over the seal's signature, keeps it and the
// certificates of its authority, and says so in e.
func (c *Case) stamp(ctx context.Context, o SealOptions, e *evidence.Entry, out *Sealed) error {
	sig, err := evidence.ReadRegular(filepath.Join(c.Dir, sealSigFile), maxInfo)
	if err != nil {
		return err
	}
	tsr, err := o.Stamp(ctx, sig)
	if err != nil {
		return err
	}
	ts, err := evidence.VerifyTimestamp(tsr, sig, o.Roots)
	if err != nil {
		return err
	}
	certs := evidence.EncodeCertificates(append(ts.Certificates, o.Roots...))
	for name, b := range map[string][]byte{sealStampFile: tsr, trustStampFile: certs} {
		path := filepath.Join(c.Dir, name)
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := evidence.WriteNew(path, b, 0o600); err != nil {
			return err
		}
	}
	e.Detail["timestamp"], e.Detail["timestamp_certificates"] = evidence.SHA256(tsr), evidence.SHA256(certs)
	e.Detail["timestamp_authority"], e.Detail["timestamp_time"] = ts.Authority, ts.Time.Format(time.RFC3339)
	out.Stamp = &ts
	return nil
}

// Timestamp stamps the seal of a case that was sealed without a time stamp, as
// laboratories without a network do it, and records that.
func (c *Case) Timestamp(ctx context.Context, o SealOptions) (*evidence.Timestamp, error) {
	e := sealOf(c.log.Entries())
	if e == nil {
		return nil, errors.New("stamping the seal: the case is not sealed; 'saksi evidence seal' seals it")
	}
	if stampOf(c.log.Entries()) != nil {
		return nil, errors.New("stamping the seal: it has a time stamp already")
	}
	out := &Sealed{}
	entry := evidence.Entry{Act: ActTimestamp, Where: sealStampFile, Detail: map[string]string{}}
	if err := c.stamp(ctx, o, &entry, out); err != nil {
		return nil, fmt.Errorf("stamping the seal: %w", err)
	}
	entry.SHA256 = entry.Detail["timestamp"]
	return out.Stamp, c.Record(ctx, entry)
}

// stampOf finds the entry that recorded the seal's time stamp.
func stampOf(entries *evidence.Entries) *evidence.Entry {
	for _, e := range entries.All(ActSeal, ActTimestamp) {
		if e.Detail["timestamp"] != "" {
			return e
		}
	}
	return nil
}

// torn reports whether a regular file holds only a beginning of b.
func torn(path string, b []byte) bool {
	st, err := os.Lstat(path)
	if err != nil || !st.Mode().IsRegular() || st.Size() >= int64(len(b)) {
		return false
	}
	have, err := os.ReadFile(path)
	return err == nil && bytes.HasPrefix(b, have)
}

// sealTiles writes the first n entries of the log as tiles, and reports whether
// any was missing. A tile of which only a beginning stands was being written when
// its writer was killed; any other that differs stays, for the verifier to name.
func (c *Case) sealTiles(n int64) (wrote bool, err error) {
	err = c.log.Tiles(n, func(path string, b []byte) error {
		full := filepath.Join(c.Dir, CustodyDir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			return err
		}
		err := evidence.WriteNew(full, b, 0o600)
		if errors.Is(err, fs.ErrExist) {
			if !torn(full, b) {
				return nil
			}
			if err = os.Remove(full); err == nil {
				err = evidence.WriteNew(full, b, 0o600)
			}
		}
		wrote = true
		return err
	})
	return wrote, err
}
