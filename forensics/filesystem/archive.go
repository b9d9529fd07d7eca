package filesystem

import (
	"fmt"

	"saksi/internal/archivefs"
	"saksi/internal/inode"
)

// Archives are file systems as any: tar, zip and cpio, among them extractions of
// phones (tar of Android, UFDR, zip of an iTunes backup).

func init() {
	register(Format{
		Name:      "archive",
		Doc:       "tar (V7, ustar, pax, GNU with sparse files), zip (stored and deflated) and cpio (binary, odc, newc, crc): extractions of phones such as UFDR among them; what is encrypted is named",
		Reference: "POSIX.1-2017, pax; GNU tar manual; PKWARE APPNOTE.TXT 6.3; FreeBSD cpio(5)",
		Types:     []string{"tar", "zip", "cpio"},
		Detect: func(head []byte) bool {
			return archivefs.IsZip(head) || archivefs.IsCpio(head) || archivefs.IsTar(head)
		},
		Open: openArchive,
		Samples: []string{
			"archive/gnu.tar", "archive/pax.tar", "archive/v7.tar", "archive/media.zip", "archive/newc.cpio", "archive/odc.cpio", "archive/bin.cpio", "archive/crc.cpio",
		},
		Hostile: []string{
			"archive/gnu.tar cut=3000", "archive/gnu.tar @700=ffffffff", "archive/media.zip @22156=00000000", "archive/newc.cpio cut=200", "archive/newc.cpio @54=ffffffff", "archive/bin.cpio @22=ffffffff",
		},
	})
}

func openArchive(m Media) (Reader, error) {
	head := make([]byte, min(m.Length, 512))
	if n, err := m.ReadAt(head, m.Offset); n < len(head) {
		return nil, fmt.Errorf("opening the archive at offset %d: %w", m.Offset, err)
	}
	var fs inode.FS
	var err error
	switch {
	case archivefs.IsZip(head):
		fs, err = archivefs.OpenZip(m, m.Offset, m.Length)
	case archivefs.IsCpio(head):
		fs, err = archivefs.OpenCpio(m, m.Offset, m.Length)
	default:
		fs, err = archivefs.OpenTar(m, m.Offset, m.Length)
	}
	return openOwn(fs, err, m, "archive")
}
