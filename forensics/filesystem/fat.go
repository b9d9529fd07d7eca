package filesystem

// FAT: a boot sector with a jump, bytes a sector at offset 11, sectors a cluster
// at 13, reserved sectors at 14, copies of the table at 16, and 55 aa at 510
// (Microsoft, FAT: General Overview of On-Disk Format, 1.03).

func init() {
	register(Format{
		Name:      "fat",
		Doc:       "FAT12, FAT16 and FAT32 with long names: live and deleted files, orphan files; times have no zone and are taken as UTC",
		Reference: "Microsoft, FAT: General Overview of On-Disk Format 1.03, 2000",
		Types:     []string{"fat12", "fat16", "fat32"},
		Detect:    detectFAT,
		Engine:    "libtsk",
		Samples:   []string{"filesystem/fat12.qcow2", "filesystem/fat16.qcow2", "filesystem/fat32.qcow2"},
		Hostile:   []string{"filesystem/fat32.qcow2 cut=100000", "filesystem/fat16.qcow2 @22=ffff", "filesystem/fat12.qcow2 @17=ffff"},
	})
}

// detectFAT excludes NTFS and exFAT, whose boot sectors are alike.
func detectFAT(head []byte) bool {
	if !magicAt(head, 510, "\x55\xaa") || magicAt(head, 3, "NTFS    ") || magicAt(head, 3, "EXFAT   ") {
		return false
	}
	sector, cluster := uint(head[11])|uint(head[12])<<8, head[13]
	return sector >= 512 && sector <= 4096 && sector&(sector-1) == 0 && cluster != 0 && cluster&(cluster-1) == 0 && head[16] >= 1 && head[16] <= 4 &&
		(uint(head[14])|uint(head[15])<<8) != 0
}
