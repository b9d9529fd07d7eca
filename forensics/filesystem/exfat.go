package filesystem

// exFAT: the boot sector has "EXFAT   " at offset 3 (Microsoft, exFAT file
// system specification, section 3.1).

func init() {
	register(Format{
		Name:      "exfat",
		Doc:       "exFAT: live and deleted files; times carry their zone",
		Reference: "Microsoft, exFAT file system specification 1.00",
		Types:     []string{"exfat"},
		Detect:    func(head []byte) bool { return magicAt(head, 3, "EXFAT   ") },
		Engine:    "libtsk",
		Samples:   []string{"filesystem/exfat.qcow2"},
		Hostile:   []string{"filesystem/exfat.qcow2 cut=300000", "filesystem/exfat.qcow2 @108=ff"},
	})
}
