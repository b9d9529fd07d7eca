package tskworker

import (
	"encoding/binary"
	"io"
)

// unreplayed says that a file system was not put down in order, so that what was
// written last stands in its journal alone; "" where it was, or nobody can tell.
//
// Specification: Linux, Documentation/filesystems/ext4, The Super Block: features
// at 92 (compatible) and 96 (incompatible) of the superblock.
func unreplayed(format string, r io.ReaderAt, offset int64) string {
	const (
		fastCommits = 0x400
		recover     = 4
	)
	b := make([]byte, 104)
	if format != "ext" {
		return ""
	}
	if n, _ := r.ReadAt(b, offset+1024); n < len(b) || binary.LittleEndian.Uint16(b[56:]) != 0xef53 || binary.LittleEndian.Uint32(b[96:])&recover == 0 {
		return ""
	}
	s := "it was not unmounted, and its journal is not replayed: what was written last may be missing, or stand as it was before"
	if binary.LittleEndian.Uint32(b[92:])&fastCommits != 0 {
		s += "; its journal may hold fast commits"
	}
	return s
}
