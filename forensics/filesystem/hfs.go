package filesystem

// HFS+: the volume header lies at offset 1024 and begins with "H+" or "HX"; a
// wrapper of HFS begins with "BD" there (Apple, TN1150).

func init() {
	register(Format{
		Name:      "hfs",
		Doc:       "HFS+ and HFSX: live files, resource forks, compressed content, orphan files",
		Reference: "Apple, Technical Note TN1150: HFS Plus Volume Format",
		Types:     []string{"hfs+", "hfs"},
		Detect: func(head []byte) bool {
			return magicAt(head, 1024, "H+") || magicAt(head, 1024, "HX") || magicAt(head, 1024, "BD")
		},
		Engine:  "libtsk",
		Samples: []string{"filesystem/hybrid.qcow2#2"},
		Hostile: []string{"filesystem/hybrid.qcow2 cut=100000"},
	})
}
