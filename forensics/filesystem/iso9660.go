package filesystem

// ISO 9660: volume descriptors from sector 16 on, each with "CD001" at its
// offset 1 (ECMA-119, section 8.1).

func init() {
	register(Format{
		Name:      "iso9660",
		Doc:       "ISO 9660 with Rock Ridge and Joliet names",
		Reference: "ECMA-119, Volume and File Structure of CDROM for Information Interchange",
		Types:     []string{"iso9660"},
		Detect:    func(head []byte) bool { return magicAt(head, 32769, "CD001") },
		Engine:    "libtsk",
		Samples:   []string{"filesystem/iso9660.qcow2"},
		Hostile:   []string{"filesystem/iso9660.qcow2 cut=40000"},
	})
}
