package proto

// The data connection of FTP (RFC 959 section 3.2) has no format of its own. What
// is found by content are listings, of Unix ("drwxr-xr-x 2 ...") and of MLSD (RFC
// 3659 section 7, "type=file;size=..."); a transfer from port 20 that nothing
// else claims is taken by its port.

import "bytes"

func init() {
	register(&Entry{
		Name: "ftp-data", Doc: "File Transfer Protocol, data connection", Reference: "RFC 959, RFC 3659",
		Transport: TCP, Ports: []uint16{20},
		Detect: func(p *Probe) Verdict {
			line, _, ok := bytes.Cut(p.Data[:min(len(p.Data), 1024)], []byte("\r\n"))
			if ok && ftpListing(line) {
				return Yes
			}
			return No
		},
		Samples: []string{"ftpdata.txt"}, Hostile: []string{"short.txt"},
	})
}

// ftpListing reports whether a line is one of a listing.
func ftpListing(line []byte) bool {
	if bytes.HasPrefix(line, []byte("total ")) && digits(line[6:]) {
		return true
	}
	if bytes.HasPrefix(bytes.ToLower(line[:min(len(line), 6)]), []byte("type=")) || bytes.HasPrefix(bytes.ToLower(line[:min(len(line), 7)]), []byte("modify=")) {
		return bytes.Contains(line, []byte("; "))
	}
	if len(line) < 30 || bytes.IndexByte([]byte("-dlbcps"), line[0]) < 0 {
		return false
	}
	for _, c := range line[1:10] {
		if bytes.IndexByte([]byte("rwxsStT-"), c) < 0 {
			return false
		}
	}
	f := bytes.Fields(line)
	return len(f) >= 8 && digits(f[1]) && digits(f[4])
}
