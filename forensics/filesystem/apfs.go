package filesystem

// APFS: the container superblock at block 0 has "NXSB" at offset 32 (Apple,
// Apple File System Reference, 2020). Each volume of a container is a volume
// of the image.

func init() {
	register(Format{
		Name:      "apfs",
		Doc:       "APFS: live files of each volume of a container, its snapshots, volumes encrypted by FileVault in software (by the password of a user or the recovery key), and compressed files (zlib, LZVN, LZFSE)",
		Reference: "Apple, Apple File System Reference, 2020",
		Types:     []string{"apfs"},
		Detect:    func(head []byte) bool { return magicAt(head, 32, "NXSB") },
		Engine:    "libtsk",
		Samples:   []string{"filesystem/apfs.qcow2", "filesystem/apfs-packed.raw.gz"},
		Hostile:   []string{"filesystem/apfs.qcow2 cut=100000", "filesystem/apfs.qcow2 @36=ffffffff"},
	})
}
