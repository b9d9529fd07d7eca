package filesystem

// UFS: the superblock lies at offset 8192 (UFS1), 65536 (UFS2) or 262144 and
// has its magic at its offset 1372: 0x011954 or 0x19540119, in the byte order
// of the machine (FreeBSD, sys/ufs/ffs/fs.h).

func init() {
	register(Format{
		Name:      "ufs",
		Doc:       "UFS1 and UFS2 of the BSDs and Solaris: live files, deleted names",
		Reference: "FreeBSD, sys/ufs/ffs/fs.h",
		Types:     []string{"ufs1", "ufs2"},
		Detect: func(head []byte) bool {
			for _, at := range []int{8192, 65536} {
				for _, magic := range []string{"\x54\x19\x01\x00", "\x00\x01\x19\x54", "\x19\x01\x54\x19", "\x19\x54\x01\x19"} {
					if magicAt(head, at+1372, magic) {
						return true
					}
				}
			}
			return false
		},
		Engine:  "libtsk",
		Samples: []string{"filesystem/ufs.qcow2"},
		Hostile: []string{"filesystem/ufs.qcow2 cut=20000"},
	})
}
