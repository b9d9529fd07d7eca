package filesystem

// NTFS: the boot sector has "NTFS    " at offset 3; everything else, the master
// file table included, is a file (B. Carrier, File System Forensic Analysis).

func init() {
	register(Format{
		Name:      "ntfs",
		Doc:       "NTFS: live and deleted files, alternate streams, resident, sparse and compressed content (by NTFS, and by the Windows Overlay Filter: XPRESS 4K, 8K, 16K, LZX), orphan files",
		Reference: "[MS-FSA] and the ntfs-3g documentation of the on-disk format; B. Carrier, File System Forensic Analysis, 2005, chapters 11-13",
		Types:     []string{"ntfs"},
		Detect:    func(head []byte) bool { return magicAt(head, 3, "NTFS    ") },
		Engine:    "libtsk",
		Samples:   []string{"filesystem/ntfs.qcow2", "filesystem/wof.qcow2", "demo.E01"},
		Hostile:   []string{"filesystem/ntfs.qcow2 cut=300000", "filesystem/ntfs.qcow2 @48=ffffffffffffff7f", "filesystem/ntfs.qcow2 @13=00"},
	})
}
