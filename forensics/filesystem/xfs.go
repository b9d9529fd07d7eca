package filesystem

import "saksi/internal/xfs"

// XFS begins with the signature "XFSB" (XFS Algorithms & Data Structures,
// superblock).

func init() {
	register(Format{
		Name:      "xfs",
		Doc:       "XFS 4 and 5: directories of every form, extents and their trees, sparse inodes, big times and counts; deleted names, and deleted inodes whose extents were left behind; the log is not replayed",
		Reference: "XFS Algorithms & Data Structures, 3rd edition; Linux, fs/xfs/libxfs/xfs_format.h",
		Types:     []string{"xfs"},
		Detect:    func(head []byte) bool { return magicAt(head, 0, "XFSB") },
		Open: func(m Media) (Reader, error) {
			fs, err := xfs.Open(m, m.Offset, m.Length)
			return openOwn(fs, err, m, "xfs")
		},
		Samples: []string{"recover/xfs5.qcow2", "recover/xfs4.qcow2"},
		Hostile: []string{"recover/xfs5.qcow2 cut=300000", "recover/xfs5.qcow2 @84=00000000", "recover/xfs5.qcow2 @56=ffffffffffffffff", "recover/xfs4.qcow2 @4=00000800"},
	})
}
