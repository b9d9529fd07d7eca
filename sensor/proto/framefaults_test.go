package proto

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"saksi/rules/suricata"
)

// dnp3Frame makes a link frame around data of a user, with its check sums.
func dnp3Frame(control byte, user string) string {
	b := []byte{0x05, 0x64, byte(5 + len(user)), control, 1, 0, 2, 0}
	b = binary.LittleEndian.AppendUint16(b, dnp3CRC(b))
	for len(user) > 0 {
		n := min(len(user), 16)
		b = append(b, user[:n]...)
		b = binary.LittleEndian.AppendUint16(b, dnp3CRC([]byte(user[:n])))
		user = user[n:]
	}
	return string(b)
}

// TestDNP3Faults proves the events of frames of DNP3 and of the objects of its
// messages, as Suricata's parser raises them.
func TestDNP3Faults(t *testing.T) {
	write := func(objects string) []string { return []string{dnp3Frame(0xc4, "\xc0\xc0\x02"+objects)} }
	small, object := "dnp3.len_too_small", "dnp3.unknown_object"
	short := []byte{0x05, 0x64, 4, 0xc4, 1, 0, 2, 0}
	short = binary.LittleEndian.AppendUint16(short, dnp3CRC(short))
	for _, c := range []struct {
		why    string
		pieces []string
		want   string
	}{
		{"a read of classes", []string{dnp3Frame(0xc4, "\xc0\xc0\x01\x3c\x02\x06")}, ""},
		{"no data of a user", []string{dnp3Frame(0xc9, "")}, ""},
		{"a length below the head of the link", []string{string(short)}, small},
		{"a transport segment without a message", []string{dnp3Frame(0xc4, "\xc0")}, small},
		{"a message without its function", []string{dnp3Frame(0xc3, "\xc0\xc0")}, small},
		{"an answer without indications", []string{"<" + dnp3Frame(0x44, "\xc0\xc0\x81\x00")}, small},
		{"an answer", []string{"<" + dnp3Frame(0x44, "\xc0\xc0\x81\x00\x00")}, ""},
		{"a time", write("\x32\x01\x07\x01abcdef"), ""},
		{"a time that is cut", write("\x32\x01\x07\x01abcde"), object},
		{"a variation that is none", write("\x32\x05\x07\x01abcdef"), object},
		{"a group that is none", write("\xc8\x01\x07\x01a"), object},
		{"the first variation of a group known in its second", write("\x56\x01\x07\x01a"), object},
		{"any variation", write("\xc8\x00\x06"), ""},
		{"none of a group that is none", write("\xc8\x01\x07\x00"), ""},
		{"bits", write("\x50\x01\x00\x07\x07\x00"), ""},
		{"bits that are cut", write("\x50\x01\x00\x00\x10\x00"), object},
		{"stop before start", write("\x1e\x01\x00\x09\x01\x00"), object},
		{"four thousand million objects", write("\x1e\x01\x09\xff\xff\xff\xff\x00"), object},
		{"a range that is reserved", write("\x1e\x01\x0f\x00"), ""},
		{"a file, whose size is in it", write("\x46\x03\x5b\x01\x04\x00abcd"), ""},
		{"an object behind one in order", write("\x32\x01\x07\x01abcdef\xc8\x01\x07\x01a"), object},
		{"a read of objects by their numbers, which has no data", []string{dnp3Frame(0xc4, "\xc0\xc0\x01\x1e\x01\x00\x00\x05")}, object},
	} {
		got := dialogue("dnp3", TCP, c.pieces...)
		if c.want == "" && len(got) > 0 || c.want != "" && !slices.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
}

// TestDHTFaults proves the event of a datagram of BitTorrent's hash table that is
// not what its kind must be.
func TestDHTFaults(t *testing.T) {
	id := "2:id20:abcdefghij0123456789"
	ask := "d1:ad" + id + "e1:q4:ping1:t2:aa1:y1:qe"
	answer := "d1:rd" + id + "e1:t2:aa1:y1:re"
	for _, c := range []struct {
		why, b string
		odd    bool
	}{
		{"a query", ask, false},
		{"an answer", answer, false},
		{"an error", "d1:eli201e7:genericee1:t2:aa1:y1:ee", true}, // one e too many ends the dictionary
		{"an error in order", "d1:eli201e7:generice1:t2:aa1:y1:ee", false},
		{"a query of no kind", "d1:ad" + id + "e1:t2:aa1:y1:qe", true},
		{"a query without who asks", "d1:ad1:x1:ye1:q4:ping1:t2:aa1:y1:qe", true},
		{"no transaction", "d1:ad" + id + "e1:q4:ping1:y1:qe", true},
		{"no kind", "d1:ad" + id + "e1:q4:ping1:t2:aae", true},
		{"a kind that is none", "d1:ad" + id + "e1:q4:ping1:t2:aa1:y1:ze", true},
		{"a port beyond ports", "d1:ad" + id + "4:porti99999ee1:q4:ping1:t2:aa1:y1:qe", true},
		{"a peer that is cut", "d1:rd" + id + "6:valuesl5:12345ee1:t2:aa1:y1:re", true},
		{"a peer", "d1:rd" + id + "6:valuesl6:123456ee1:t2:aa1:y1:re", false},
		{"keys out of order", "d1:ad" + id + "e1:t2:aa1:q4:ping1:y1:qe", true},
		{"an error without its number", "d1:el7:generice1:t2:aa1:y1:ee", true},
		{"cut", ask[:len(ask)-1], true},
		{"nested without end", "d1:ad1:a" + strings.Repeat("l", 900), true},
		{"a length beyond all", "d1:ad2:id99999999999999999999:a", true},
		{"no datagram of the table", "d1:zd" + id + "ee", false},
	} {
		got := dialogue("bittorrent", UDP, c.b)
		if odd := slices.Contains(got, "bittorrent-dht.malformed_packet"); odd != c.odd {
			t.Errorf("%s: %q", c.why, got)
		}
	}
}

// TestNTLMFaults proves the events of a login by NTLM over SMB.
func TestNTLMFaults(t *testing.T) {
	type field struct{ n, at int }
	login := func(domain, user, host field, key field) string {
		m := []byte("NTLMSSP\x00\x03\x00\x00\x00")
		for _, f := range [6]field{{0, 64}, {0, 64}, domain, user, host, key} {
			m = binary.LittleEndian.AppendUint16(m, uint16(f.n))
			m = binary.LittleEndian.AppendUint16(m, uint16(f.n))
			m = binary.LittleEndian.AppendUint32(m, uint32(f.at))
		}
		m = append(m, "\x01\x00\x00\x00aaaabbbbcccc"...) // flags, 64 domain, user, host
		body := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16([]byte("\x19\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"), 64+24), uint16(len(m)))
		b := append([]byte("\xfeSMB\x40\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01\x00"+strings.Repeat("\x00", 48)), append(append(body, make([]byte, 8)...), m...)...)
		return string(append([]byte{0, 0, 0, byte(len(b))}, b...))
	}
	order, bad := "smb.unusual_ntlmssp_order", "smb.malformed_ntlmssp_request"
	for _, c := range []struct {
		why                     string
		domain, user, host, key field
		want                    string
	}{
		{"in order", field{4, 64}, field{4, 68}, field{4, 72}, field{0, 64}, ""},
		{"nobody", field{0, 64}, field{0, 64}, field{0, 64}, field{0, 64}, ""},
		{"the user before the domain", field{4, 68}, field{4, 64}, field{4, 72}, field{0, 64}, order},
		{"the host within the user", field{4, 64}, field{4, 68}, field{4, 70}, field{0, 64}, order},
		{"a host beyond the message", field{4, 64}, field{4, 68}, field{9, 72}, field{0, 64}, bad},
		{"a domain in the signature", field{4, 2}, field{4, 68}, field{4, 72}, field{0, 64}, bad},
		{"a key that begins behind the message", field{4, 64}, field{4, 68}, field{4, 72}, field{0, 76}, bad},
	} {
		got := seen(suricata.BufAppEvent, "smb", TCP, login(c.domain, c.user, c.host, c.key))
		if c.want == "" && len(got) > 0 || c.want != "" && !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
}
