package filesystem

// ext2, ext3, ext4: the superblock lies at offset 1024 and has 53 ef at its
// offset 56 (Linux, Documentation/filesystems/ext4/super.rst).

func init() {
	register(Format{
		Name:      "ext",
		Doc:       "ext2, ext3 and ext4 with extents, inline and sparse content: live files, deleted names and inodes, orphan files",
		Reference: "Linux, Documentation/filesystems/ext4",
		Types:     []string{"ext2", "ext3", "ext4"},
		Detect:    func(head []byte) bool { return magicAt(head, 1024+56, "\x53\xef") },
		Engine:    "libtsk",
		Samples:   []string{"ext4.raw"},
		Hostile:   []string{"ext4.raw cut=300000", "ext4.raw @1048=ff000000", "ext4.raw @1028=ffffffff"},
	})
}
