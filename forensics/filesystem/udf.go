package filesystem

import (
	"saksi/internal/inode"
	"saksi/internal/udf"
)

// UDF is named by a descriptor "NSR02" or "NSR03" behind those of ISO 9660, from
// offset 32768 on (ECMA-167, 2/9.1). A disc that is both is listed as ISO 9660, and
// once more as UDF, see IsUDF.

func init() {
	register(Format{
		Name:      "udf",
		Doc:       "UDF of optical discs and of disks (1.02 to 2.60): virtual, sparable and metadata partitions, deleted names; named streams are told, not listed",
		Reference: "ECMA-167, 3rd edition; OSTA, Universal Disk Format Specification 2.60",
		Types:     []string{"udf"},
		Detect:    udf.Detect,
		Open:      OpenUDF,
		Samples:   []string{"filesystem/udf.qcow2", "filesystem/udf-4k.qcow2", "filesystem/udf-spare.qcow2"},
		Hostile:   []string{"filesystem/udf.qcow2 cut=60000", "filesystem/udf-spare.qcow2 cut=50000"},
	})
}

// IsUDF reports whether a volume that was read as ISO 9660 is UDF as well.
func IsUDF(head []byte) bool { return udf.Detect(head) }

// OpenUDF opens the UDF of a volume, also of one that is ISO 9660 as well.
func OpenUDF(m Media) (Reader, error) {
	var fs inode.FS
	f, err := udf.Open(m, m.Offset, m.Length)
	if err == nil {
		fs = f
	}
	return openOwn(fs, err, m, "udf")
}
