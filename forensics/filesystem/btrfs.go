package filesystem

import "saksi/internal/btrfs"

// Btrfs has its superblock at offset 65536 with the signature "_BHRfS_M" at its
// offset 64 (btrfs documentation, On-disk Format).

func init() {
	register(Format{
		Name:      "btrfs",
		Doc:       "Btrfs on one device: subvolumes and snapshots (inode N-TREE-0), inline, sparse and compressed extents (zlib, LZO, zstd), checksums of nodes and content compared; the log tree is not replayed",
		Reference: "btrfs documentation, On-disk Format; Linux, include/uapi/linux/btrfs_tree.h",
		Types:     []string{"btrfs"},
		Detect:    func(head []byte) bool { return magicAt(head, 0x10040, "_BHRfS_M") },
		Open: func(m Media) (Reader, error) {
			fs, err := btrfs.Open(m, m.Offset, m.Length)
			return openOwn(fs, err, m, "btrfs")
		},
		Samples: []string{"recover/btrfs.qcow2", "recover/btrfs-sha256.qcow2"},
		Hostile: []string{"recover/btrfs.qcow2 cut=300000", "recover/btrfs.qcow2 @65616=ffffffffffffff00", "recover/btrfs.qcow2 @65680=00000000"},
	})
}
