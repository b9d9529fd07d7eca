package archive

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// TestOverlap: members that lie over each other are given until they are more than could be, and
// then it is told: 50,000 of 10 MB each would be half a terabyte to scan.
func TestOverlap(t *testing.T) {
	body := bytes.Repeat([]byte("saksi"), 100_000)
	var dir bytes.Buffer
	d := zipped(t, 0, "a", string(body))
	at := bytes.LastIndex(d, []byte("PK\x01\x02"))
	end := bytes.LastIndex(d, []byte("PK\x05\x06"))
	for range 2000 {
		dir.Write(d[at:end])
	}
	tail := bytes.Clone(d[end:])
	binary.LittleEndian.PutUint16(tail[8:], 2000)
	binary.LittleEndian.PutUint16(tail[10:], 2000)
	binary.LittleEndian.PutUint32(tail[12:], uint32(dir.Len()))
	over := append(append(bytes.Clone(d[:at]), dir.Bytes()...), tail...)
	members, problems, st := list(t, over, DefaultLimits)
	if len(members) > 40 || len(members) < 20 || len(problems) != 1 || !strings.HasPrefix(problems[0], "limit ") || !strings.Contains(st.Problems[0].Text, "lie over each other") {
		t.Errorf("%d members of 2000, problems %v", len(members), problems)
	}

	// A cabinet, all of whose files are all of its folder.
	const files = 2000
	cab := make([]byte, 36+8)
	copy(cab, "MSCF")
	le := binary.LittleEndian
	le.PutUint32(cab[16:], 44)
	le.PutUint16(cab[26:], 1)
	le.PutUint16(cab[28:], files)
	le.PutUint16(cab[40:], 20)
	for range files {
		f := make([]byte, 16, 18)
		le.PutUint32(f, 20*25000)
		cab = append(cab, append(f, 'a', 0)...)
	}
	le.PutUint32(cab[36:], uint32(len(cab)))
	for i := range 20 {
		cab = append(cab, 0, 0, 0, 0, 25000&0xff, 25000>>8, 25000&0xff, 25000>>8)
		cab = append(cab, body[25000*i:25000*(i+1)]...)
	}
	members, problems, st = list(t, cab, DefaultLimits)
	if len(members) > 60 || len(members) < 20 || len(problems) != 1 || !strings.Contains(st.Problems[0].Text, "lie over each other") {
		t.Errorf("cabinet: %d members of %d, problems %v", len(members), files, problems)
	}
}

// TestMacroBomb: source that unpacks to thousands of bytes for each of its own ends.
func TestMacroBomb(t *testing.T) {
	b := []byte{1}
	for range 10_000 { // a byte, and 4095 times the one before
		b = append(b, 0x04, 0xb0, 0x02, 'a', 0xff, 0x0f, 0)
	}
	out, err := expand(b)
	if err == nil || !strings.Contains(err.Error(), "more than 16777216 bytes") || len(out) > maxMacro+4096 {
		t.Errorf("%d bytes, %v", len(out), err)
	}
}
