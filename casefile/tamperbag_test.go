package casefile

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestTamperPayload proves that nothing in a sealed case can be changed, added,
// removed or renamed unseen.
func TestTamperPayload(t *testing.T) {
	f := newSealedCase(t)
	f.caught(t, []cheat{
		{"byte flip in an image", "data/exhibits/E2-two.E01", KindDigest, flipped("data/exhibits/E2-two.E01")},
		{"E01 header edited", "data/exhibits/E2-two.E01", KindDigest, func(t *testing.T, dir string) {
			edit(t, at("data/exhibits/E2-two.E01")(dir), func(b []byte) []byte { b[0] ^= 1; return b })
		}},
		{"two names swapped", "data/exhibits/E1-one.pcap", KindDigest, func(t *testing.T, dir string) {
			a, b := at("data/exhibits/E1-one.pcap")(dir), at("data/exhibits/E2-two.E01")(dir)
			if err := errors.Join(os.Rename(a, a+"x"), os.Rename(b, a), os.Rename(a+"x", b)); err != nil {
				t.Fatal(err)
			}
		}},
		{"item deleted", "data/exhibits/E1-one.pcap", KindMissing, removed("data/exhibits/E1-one.pcap")},
		{"extra file in data", "data/exhibits/E9-x", KindExtra, func(t *testing.T, dir string) { put(t, at("data/exhibits/E9-x")(dir), []byte("x")) }},
		{"extra file in the root", "notes.txt", KindExtra, func(t *testing.T, dir string) { put(t, at("notes.txt")(dir), []byte("x")) }},
		{"an unlisted folder", "more", KindExtra, func(t *testing.T, dir string) { put(t, at("more/x")(dir), []byte("x")) }},
		{"an empty folder", "empty", KindExtra, func(t *testing.T, dir string) {
			if err := os.Mkdir(at("empty")(dir), 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{"payload and manifests rewritten together", tagManifestFile, KindDigest, func(t *testing.T, dir string) {
			edit(t, at("data/exhibits/E1-one.pcap")(dir), flip)
			rebag(t, dir)
		}},
		{"tag manifest removed", tagManifestFile, KindMissing, removed(tagManifestFile)},
		{"tag manifest removed and bag-info forged", bagInfoFile, KindDigest, func(t *testing.T, dir string) {
			removed(tagManifestFile)(t, dir)
			edited(bagInfoFile, "External-Identifier: ", "External-Identifier: X-")(t, dir)
		}},
		{"bag-info forged", bagInfoFile, KindDigest, edited(bagInfoFile, "Payload-Oxum: ", "Payload-Oxum: 1")},
		{"manifest in MD5 instead", manifestFile, KindMissing, func(t *testing.T, dir string) {
			removed(manifestFile)(t, dir)
			put(t, at("manifest-md5.txt")(dir), []byte("d41d8cd98f00b204e9800998ecf8427e  data/exhibits/E1-one.pcap\n"))
		}},
		{"manifest in MD5 besides", "manifest-md5.txt", KindExtra, func(t *testing.T, dir string) {
			put(t, at("manifest-md5.txt")(dir), []byte("d41d8cd98f00b204e9800998ecf8427e  data/exhibits/E1-one.pcap\n"))
		}},
		{"metadata edited", caseGraphFile, KindDigest, flipped(caseGraphFile)},
		{"metadata and its lines removed", dfxmlFile, KindMissing, func(t *testing.T, dir string) {
			removed(dfxmlFile)(t, dir)
			edit(t, at(tagManifestFile)(dir), func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] })
		}},
		{"seal and metadata removed together", sealBundleFile, KindMissing, removed(caseGraphFile, dfxmlFile, sealBundleFile, sealSigFile, sealBytesFile)},
		{"all of the seal removed", sealBundleFile, KindMissing, removed(append(slices.Clone(sealTraces), sealStampFile, trustStampFile)...)},
		{"dot-dot in the manifest", "data/../../x", KindForm, func(t *testing.T, dir string) {
			edit(t, at(manifestFile)(dir), func(b []byte) []byte { return append(b, strings.Repeat("a", 64)+"  data/../../x\n"...) })
		}},
		{"a name twice in the manifest", "data/exhibits/E1-one.pcap", KindForm, func(t *testing.T, dir string) {
			edit(t, at(manifestFile)(dir), func(b []byte) []byte { return append(b, b[:bytes.IndexByte(b, '\n')+1]...) })
		}},
		{"a name in other letters", "data/exhibits/e1-ONE.pcap", KindForm, func(t *testing.T, dir string) {
			edit(t, at(manifestFile)(dir), func(b []byte) []byte {
				line := bytes.Replace(b[:bytes.IndexByte(b, '\n')+1], []byte("E1-one"), []byte("e1-ONE"), 1)
				return append(b, line...)
			})
			put(t, at("data/exhibits/e1-ONE.pcap")(dir), []byte("x"))
		}},
		{"a link instead of a file", "data/exhibits/E1-one.pcap", KindForm, func(t *testing.T, dir string) {
			p := at("data/exhibits/E1-one.pcap")(dir)
			if err := errors.Join(os.Rename(p, dir+".kept"), os.Symlink(dir+".kept", p)); err != nil {
				t.Fatal(err)
			}
		}},
	})
}

// TestTamperAll proves that every failure is named, not only the first.
func TestTamperAll(t *testing.T) {
	f := newSealedCase(t)
	dir := f.copied(t)
	for _, do := range []func(*testing.T, string){
		flipped("data/exhibits/E2-two.E01"), removed("data/exhibits/E1-one.pcap"), flipped(caseGraphFile), flipped(sealSigFile), removed(sealStampFile),
		func(t *testing.T, dir string) { put(t, at("notes.txt")(dir), []byte("x")) },
		edited("custody/entries.ndjson", `"who":"ana"`, `"who":"bob"`), flipped("custody/tile/0/000.p/6"), removed(trustCaseFile),
	} {
		do(t, dir)
	}
	v, err := Verify(t.Context(), dir, VerifyOptions{Trust: f.trust})
	if err != nil {
		t.Fatal(err)
	}
	for item, kind := range map[string]string{
		"data/exhibits/E2-two.E01": KindDigest, "data/exhibits/E1-one.pcap": KindMissing, caseGraphFile: KindDigest, sealSigFile: KindDigest, sealStampFile: KindMissing,
		"notes.txt": KindExtra, "custody/entries.ndjson": KindCustody, "custody/tile/0/000.p/6": KindCustody, trustCaseFile: KindMissing,
	} {
		if !slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Item == item && p.Kind == kind }) {
			t.Errorf("no problem %s of kind %s in %+v", item, kind, v.Problems)
		}
	}
}
