package filesystem

// ext2, ext3, ext4: the superblock lies at offset 1024 and has 53 ef at its
// offset 56 (Linux, Documentation/filesystems/ext4/super.rst).

func init() {
	register(Format{
		Name:      "ext",
		Doc:       "ext2, ext3 and ext4 with extents, inline and sparse content: live files, deleted names and inodes, orphan files; what old copies of inodes in the journal of ext3 and ext4 give back (fast commits are not read)",
		Reference: "Linux, Documentation/filesystems/ext4 (journal: journal.rst)",
		Types:     []string{"ext2", "ext3", "ext4"},
		Detect:    func(head []byte) bool { return magicAt(head, 1024+56, "\x53\xef") },
		Engine:    "libtsk",
		Samples:   []string{"filesystem/ext2.qcow2", "filesystem/ext3.qcow2", "filesystem/ext4.qcow2", "demo.E01#1", "recover/journal-ext4.qcow2", "recover/journal-ext4-v2.qcow2", "recover/journal-ext3.qcow2"},
		Hostile:   []string{"filesystem/ext4.qcow2 cut=300000", "filesystem/ext4.qcow2 @1048=ff000000", "filesystem/ext4.qcow2 @1028=ffffffff", "filesystem/loop.qcow2 cut=4194304", "recover/journal-ext4.qcow2 @1248=ffffff00", "recover/journal-ext4.qcow2 cut=4000000"},
	})
}
