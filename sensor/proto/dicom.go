package proto

// DICOM begins with an association's request:
//
// 	0 type 1  1 0  2 length  6 version (bit 0)  8 0  10 called, calling (16 each)  42 0 (32)  74 0x10 context, its name

import "bytes"

func init() {
	register(&Entry{
		Name: "dicom", Doc: "Digital Imaging and Communications in Medicine", Reference: "DICOM PS3.8 section 9.3",
		Transport: TCP, Ports: []uint16{104, 11112},
		First: []string{"\x01\x00\x00\x00"},
		Detect: func(p *Probe) Verdict {
			if len(p.Data) < 80 {
				return More
			}
			return yes(p.Data[9] == 0 && p.Data[74] == 0x10 && p.Data[75] == 0 && bytes.HasPrefix(p.Data[78:], []byte("1.2"[:min(3, len(p.Data)-78)])))
		},
		Samples: []string{"dicom.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
