package casefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"saksi/evidence"
)

// Seal is what Verify found of a case's seal.
type Seal struct {
	SealedBy string `json:"sealed_by"`
	Key      string `json:"key_hint"`
	Time     string `json:"time"` // as the sealing machine's clock said
	Entry    int64  `json:"custody_entry"`
	Files    int64  `json:"files"`
	// Stamp is the time stamp's, "" when there is none that verifies; Authority
	// is who made it, established when StampTrusted.
	Stamp        string `json:"timestamp,omitempty"`
	Authority    string `json:"timestamp_authority,omitempty"`
	StampTrusted bool   `json:"timestamp_trusted"`
	// Vouched is true when the key is none of those that were given from outside
	// the case: the custody log, whose key was, says that it sealed the case.
	Vouched bool `json:"key_vouched_by_log"`
}

// sealer verifies the seal of a case.
type sealer struct {
	*verifier
	entry   *evidence.Entry // that sealed it
	entries *evidence.Entries
	bundle  []byte
	pred    SealPredicate
	tags    map[string]string // digests that the tag manifest lists
}

// sealTraces are the files that only a seal makes.
var sealTraces = []string{bagitFile, bagInfoFile, manifestFile, tagManifestFile, caseGraphFile, dfxmlFile, sealBundleFile, sealSigFile, sealBytesFile, trustCaseFile, trustSealFile}

// openSeal reads the seal's statement, before anything else is verified: it
// says which key signs the custody log. It returns nil for a case that is not
// sealed and has no trace of a seal.
func (v *verifier) openSeal(info Info) *sealer {
	s := &sealer{verifier: v, tags: map[string]string{}}
	there := false
	for _, t := range append([]string{sealStampFile, trustStampFile}, sealTraces...) {
		if _, err := os.Lstat(filepath.Join(v.dir, t)); err == nil {
			there = true
		}
	}
	if !there {
		return nil
	}
	b, err := evidence.ReadRegular(filepath.Join(v.dir, sealBundleFile), evidence.MaxBundle)
	if err != nil {
		v.missing(sealBundleFile, "the seal's statement", err)
		return s
	}
	s.bundle = b
	v.digests[sealBundleFile], v.known[sealBundleFile] = evidence.SHA256(b), true
	v.out.Bytes += int64(len(b))
	_, _, hint, err := evidence.Parts(b)
	if err != nil {
		v.add(sealBundleFile, KindSignature, "a sigstore bundle", err.Error())
		return s
	}
	v.out.Seal = &Seal{Key: hint}
	key := v.trust.Key(hint)
	if key == nil && v.trust != nil && v.trust.Key(info.Key) != nil {
		// The station whose key is trusted recorded whose seal it is; that its
		// entry says so is checked with the log.
		// The file is the case's own: what is no regular one is not waited for.
		if b, err := evidence.ReadRegular(filepath.Join(v.dir, trustSealFile), maxInfo); err == nil {
			if p, err := evidence.ParsePublic(b); err == nil && p.Hint() == hint {
				key, v.sealVouched, v.out.Seal.Vouched = p, true, true
			}
		}
	}
	st, err := evidence.Open(b, key)
	if err != nil {
		v.add(sealBundleFile, KindSignature, "a statement signed by the key "+hint, err.Error())
		if st, err = evidence.Open(b, nil); err != nil {
			return s
		}
		key = nil
	}
	if key == nil && v.trust != nil && v.trust.Key(hint) == nil {
		v.add(sealBundleFile, KindTrust, "a seal by a key that was given from outside the case", "one by key "+hint)
	}
	s.predicate(st, info)
	if key != nil {
		v.most = s.pred.Bytes
	}
	if at, why := v.trust.Revoked(hint); !at.IsZero() {
		v.revoked = append(v.revoked, revocation{sealBundleFile, hint, at, why})
	}
	if key != nil && !v.sealVouched {
		// A trusted seal names the key of the custody log.
		if p, err := evidence.ParsePublic([]byte(s.pred.Custody.PEM)); err == nil && p.Hint() == s.pred.Custody.Key {
			v.key = p
		}
	}
	return s
}

// revocation is a key that was revoked and what it signed.
type revocation struct {
	item, hint string
	at         time.Time
	why        string
}

func (v *verifier) missing(item, what string, err error) {
	kind := KindMissing
	if errors.Is(err, evidence.ErrFile) {
		kind = KindForm
	}
	found := err.Error()
	if errors.Is(err, fs.ErrNotExist) {
		found = "nothing"
	}
	v.add(item, kind, what, found)
}

// predicate checks what the statement says of itself.
func (s *sealer) predicate(st *evidence.Statement, info Info) {
	if st.PredicateType != evidence.PredicateSeal {
		s.add(sealBundleFile, KindSignature, "predicate type "+evidence.PredicateSeal, st.PredicateType)
	}
	if err := evidence.DecodeExact(st.Predicate, &s.pred); err != nil {
		s.add(sealBundleFile, KindSignature, "the fields of a seal", err.Error())
	}
	if s.pred.Case != info.ID {
		s.add(sealBundleFile, KindSignature, fmt.Sprintf("the seal of case %q", info.ID), fmt.Sprintf("one of case %q", s.pred.Case))
	}
	if s.pred.Custody.Key != info.Key {
		s.add(sealBundleFile, KindSignature, "the custody log's key "+info.Key, "key "+s.pred.Custody.Key)
	}
	s.out.Seal.SealedBy, s.out.Seal.Time, s.out.Seal.Files = s.pred.SealedBy, s.pred.Time, s.pred.Files
	subjects := map[string]string{}
	for _, x := range st.Subject {
		subjects[x.Name] = x.Digest["sha256"]
	}
	for _, name := range []string{tagManifestFile, manifestFile} {
		if subjects[name] == "" {
			s.add(name, KindDigest, "a SHA-256 in the seal", "none")
			continue
		}
		s.expect(name, subjects[name])
	}
	if len(st.Subject) != 2 {
		s.add(sealBundleFile, KindForm, "two subjects: the two manifests", fmt.Sprintf("%d", len(st.Subject)))
	}
}

// verify checks the rest of the seal, the custody log being read.
func (s *sealer) verify(entries *evidence.Entries, log *evidence.LogState) {
	s.entries, s.entry = entries, sealOf(entries)
	for _, f := range append([]string{sealBundleFile, bagitFile, bagInfoFile}, sealTraces...) {
		s.known[f] = true
	}
	if s.entry == nil {
		s.add(sealBundleFile, KindCustody, "the entry of the custody log that sealed the case", "none: the sealing was interrupted, or the log was set back")
	} else {
		s.sealEntry(log)
	}
	s.parts()
	s.tagManifest()
	s.manifest()
	s.bagInfo()
	s.timestamp()
	s.tiles(log)
}

func (s *sealer) sealEntry(log *evidence.LogState) {
	e := s.entry
	for _, x := range s.entries.All(ActSeal, ActAdd, ActSign) {
		if x.Seq <= e.Seq {
			continue
		}
		switch x.Act {
		case ActSeal:
			s.add(CustodyDir, KindCustody, "one seal", fmt.Sprintf("another in entry %d", x.Seq))
		case ActAdd, ActSign:
			s.add(CustodyDir, KindCustody, "nothing added after the seal", fmt.Sprintf("%s in entry %d", x.Act, x.Seq))
		}
	}
	s.expect(sealBundleFile, e.SHA256)
	for name, key := range map[string]string{tagManifestFile: "tagmanifest", manifestFile: "manifest"} {
		s.expect(name, e.Detail[key])
	}
	if s.out.Seal == nil {
		return
	}
	s.out.Seal.Entry = e.Seq
	if e.Detail["key_hint"] != s.out.Seal.Key {
		s.add(sealBundleFile, KindSignature, "a seal by key "+e.Detail["key_hint"]+", as the custody log says", "one by key "+s.out.Seal.Key)
	}
	c := s.pred.Custody
	if c.Entries != e.Seq {
		s.add(CustodyDir, KindCustody, fmt.Sprintf("%d entries before the seal, as it says", c.Entries), fmt.Sprintf("%d", e.Seq))
	}
	if root, err := log.RootAt(c.Entries); err != nil || root != c.Root {
		s.add(CustodyDir, KindCustody, fmt.Sprintf("the first %d entries to hash to %s, as the seal says", c.Entries, c.Root), fmt.Sprintf("%s: the log was changed since", root))
	}
}

// parts holds the copies for openssl to the bundle, and the keys that travel to
// those that signed.
func (s *sealer) parts() {
	if s.bundle == nil {
		for _, name := range []string{sealSigFile, sealBytesFile, trustSealFile, trustCaseFile} {
			s.present(name)
		}
		return
	}
	signed, sig, hint, err := evidence.Parts(s.bundle)
	if err != nil {
		return // said already
	}
	s.expect(sealSigFile, evidence.SHA256(sig))
	s.expect(sealBytesFile, evidence.SHA256(signed))
	for name, want := range map[string]string{trustSealFile: hint, trustCaseFile: s.pred.Custody.Key} {
		b, err := evidence.ReadRegular(filepath.Join(s.dir, name), maxInfo)
		if err != nil {
			s.missing(name, "the public key "+want, err)
			continue
		}
		if p, err := evidence.ParsePublic(b); err != nil {
			s.add(name, KindForm, "the public key "+want, err.Error())
		} else if p.Hint() != want {
			s.add(name, KindDigest, "the public key "+want, "key "+p.Hint())
		} else if pem, err := p.PEM(); err != nil || !bytes.Equal(pem, b) {
			// The same key may be written in many ways; what lies beside it is not the seal's.
			s.add(name, KindDigest, "the public key "+want+" as saksi writes it, sha256 "+evidence.SHA256(pem), "sha256 "+evidence.SHA256(b))
		}
	}
}

// present names a file of the seal that is missing.
func (s *sealer) present(name string) {
	if f := s.openTag(name); f != nil {
		f.Close()
	}
}

func (s *sealer) openTag(name string) io.ReadCloser {
	f, err := evidence.OpenRegular(filepath.Join(s.dir, name))
	if err != nil {
		s.missing(name, "the file", err)
		return nil
	}
	return f
}

// tagManifest checks every tag file it lists, and that it lists them all.
func (s *sealer) tagManifest() {
	f := s.openTag(tagManifestFile)
	if f == nil {
		return
	}
	defer f.Close()
	err := readManifest(io.LimitReader(f, maxTagFile), func(l manifestLine) {
		if !slices.Contains(tagFiles, l.Path) {
			s.add(l.Path, KindExtra, "the tag files of a seal only", "a line in "+tagManifestFile)
			return
		}
		if s.tags[l.Path] != "" {
			s.add(l.Path, KindForm, "each file once in "+tagManifestFile, "it twice")
		}
		s.tags[l.Path] = l.SHA256
		s.expect(l.Path, l.SHA256)
	}, func(n int, text string) {
		s.add(tagManifestFile, KindForm, "a SHA-256, two spaces and a path", fmt.Sprintf("line %d: %.80q", n, text))
	})
	if err != nil {
		s.add(tagManifestFile, KindForm, "a manifest", err.Error())
	}
	for _, name := range tagFiles {
		if s.tags[name] == "" {
			s.add(name, KindMissing, "a line in "+tagManifestFile, "none")
		}
	}
}

// manifest checks every payload file, and that everything in data/ is one.
func (s *sealer) manifest() {
	f := s.openTag(manifestFile)
	if f == nil {
		return
	}
	defer f.Close()
	s.payload = map[string]bool{}
	same := map[string]string{}
	err := readManifest(io.LimitReader(f, maxTagFile), func(l manifestLine) {
		p := l.Path
		fold := folded(p)
		switch {
		case path.Clean(p) != p || !filepath.IsLocal(filepath.FromSlash(p)) || !strings.HasPrefix(p, dataDir+"/"):
			s.add(p, KindForm, "a path inside "+dataDir+"/", "one that leads out of it, in "+manifestFile)
			return
		case s.payload[p]:
			s.add(p, KindForm, "each file once in "+manifestFile, "it twice")
			return
		case same[fold] != "":
			s.add(p, KindForm, foldText, "it and "+same[fold])
		}
		same[fold], s.payload[p] = p, true
		s.expect(p, l.SHA256)
	}, func(n int, text string) {
		s.add(manifestFile, KindForm, "a SHA-256, two spaces and a path", fmt.Sprintf("line %d: %.80q", n, text))
	})
	if err != nil {
		s.add(manifestFile, KindForm, "a manifest", err.Error())
	}
	for _, e := range s.entries.All(ActAdd) {
		if e.Detail["copied"] == "true" && !s.payload[e.Where] {
			s.add(e.Where, KindMissing, "exhibit "+e.Exhibit+" in "+manifestFile, "no line")
		}
	}
	if n := int64(len(s.payload)); s.pred.Case != "" && n != s.pred.Files {
		s.add(manifestFile, KindDigest, fmt.Sprintf("%d files, as the seal says", s.pred.Files), fmt.Sprint(n))
	}
}

// bagInfo holds the tags that matter to the seal.
func (s *sealer) bagInfo() {
	b, err := evidence.ReadRegular(filepath.Join(s.dir, bagInfoFile), maxInfo)
	if err != nil {
		return // the tag manifest's line said so
	}
	want := map[string]string{
		"Payload-Oxum":        fmt.Sprintf("%d.%d", s.pred.Bytes, s.pred.Files),
		"External-Identifier": tagValue(s.pred.Case),
		"Source-Organization": tagValue(s.pred.Agency),
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		if w, ok := want[name]; ok && s.pred.Case != "" && value != w {
			s.add(bagInfoFile, KindDigest, name+": "+w+", as the seal says", value)
		}
		delete(want, name)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		s.add(bagInfoFile, KindMissing, name, "no such line")
	}
}

// timestamp checks the time stamp that the log or the seal speaks of.
func (s *sealer) timestamp() {
	e := stampOf(s.entries)
	switch {
	case e != nil:
		s.expect(sealStampFile, e.Detail["timestamp"])
		s.expect(trustStampFile, e.Detail["timestamp_certificates"])
	case s.pred.Timestamp.Kind == "rfc3161":
		s.add(sealStampFile, KindMissing, "a time stamp of "+s.pred.Timestamp.Authority+", as the seal says", "none in the custody log")
		return
	default:
		return // one without an entry is an extra file
	}
	tsr, err := evidence.ReadRegular(filepath.Join(s.dir, sealStampFile), evidence.MaxTimestamp)
	sig, serr := evidence.ReadRegular(filepath.Join(s.dir, sealSigFile), maxInfo)
	if err != nil || serr != nil {
		return // said already
	}
	if s.trust != nil && len(s.trust.Roots) > 0 {
		ts, err := evidence.VerifyTimestamp(tsr, sig, s.trust.Roots)
		if err == nil {
			s.stamped(ts)
			return
		}
		kind := KindSignature
		if _, plain := evidence.VerifyTimestamp(tsr, sig, nil); plain == nil {
			kind = KindTrust
		}
		s.add(sealStampFile, kind, "a time stamp over the seal by an authority of the trusted roots", err.Error())
		return
	}
	ts, err := evidence.VerifyTimestamp(tsr, sig, nil)
	if err != nil {
		s.add(sealStampFile, KindSignature, "a time stamp over the seal", err.Error())
		return
	}
	s.stamped(ts)
}

func (s *sealer) stamped(ts evidence.Timestamp) {
	if s.out.Seal != nil {
		s.out.Seal.Stamp, s.out.Seal.Authority, s.out.Seal.StampTrusted = ts.Time.Format(time.RFC3339), ts.Authority, ts.Trusted
	}
}

// tiles holds the tiles of the log to its entries.
func (s *sealer) tiles(log *evidence.LogState) {
	if s.entry == nil || s.entry.Seq < 0 || s.entry.Seq >= log.Size {
		return // the log's own problem
	}
	err := log.Tiles(filepath.Join(s.dir, CustodyDir), s.entry.Seq+1, func(p string, b []byte) error {
		name := CustodyDir + "/" + p
		s.known[name] = true
		have, err := evidence.ReadRegular(filepath.Join(s.dir, filepath.FromSlash(name)), 64<<20)
		if err != nil {
			s.missing(name, "a tile of the custody log", err)
		} else if !bytes.Equal(have, b) {
			s.add(name, KindCustody, "the tile that the entries give, sha256 "+evidence.SHA256(b), "sha256 "+evidence.SHA256(have))
		}
		return nil
	})
	if err != nil {
		s.add(tileDir, KindCustody, "tiles of the custody log", err.Error())
	}
}
