package proto

// The data connections of FTP, RFC 959 section 3.2: each carries one file or
// listing. The control connection tells which flow they are and what is in
// them; by itself one is told by port 20, or by a listing, of Unix ("drwxr-xr-x 2
// ...") or of MLSD (RFC 3659 section 7, "type=file;size=...").

import (
	"bytes"

	"saksi/event"
	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "ftp-data", Doc: "File Transfer Protocol, data connection", Reference: "RFC 959, RFC 3659",
		Transport: TCP, Ports: []uint16{20}, App: suricata.AppFTPData,
		Detect: func(p *Probe) Verdict {
			line, _, ok := bytes.Cut(p.Data[:min(len(p.Data), 1024)], []byte("\r\n"))
			if ok && ftpListing(line) {
				return Yes
			}
			return onPort(p, len(p.Data) > 0, 20)
		},
		New:     func(Transport) Parser { return &ftpData{about: &ftpTransfer{}} },
		Samples: []string{"ftpdata.txt", "ftpdata_list.txt"}, Hostile: []string{"short.txt"},
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

// ftpTransfer is what the control connection says of a data connection. The
// command may come after the connection was announced.
type ftpTransfer struct {
	command string
	name    string
}

type ftpData struct {
	about   *ftpTransfer
	packets Packets
	out     FileWriter
	inspect []byte
	size    uint64
	dir     Dir
	begun   bool
	missing bool
}

// Data implements Parser.
func (p *ftpData) Data(c *Context, dir Dir, b []byte) Result {
	if !p.begun {
		p.begun, p.dir = true, dir
		p.out = c.OpenFile(baseName(p.about.name), dir)
	}
	if dir != p.dir {
		return Result(len(b))
	}
	p.packets.Add(c.Number)
	p.size += uint64(len(b))
	if p.out != nil {
		p.out.Write(b)
	}
	if c.Matching() {
		if room := maxHTTPInspect - len(p.inspect); room > 0 {
			p.inspect = append(p.inspect, b[:min(room, len(b))]...)
		}
	}
	return Result(len(b))
}

// Gap implements Parser.
func (p *ftpData) Gap(_ *Context, dir Dir, n uint32) bool {
	if p.begun && dir == p.dir {
		p.missing = true
		if p.out != nil {
			p.out.Gap(n)
		}
	}
	return true
}

// Close implements Parser.
func (p *ftpData) Close(c *Context) {
	if !p.begun {
		return
	}
	p.begun = false
	if c.Detail {
		c.Record("ftp_data", p.about)
	}
	if c.Matching() {
		t := &bufTx{app: suricata.AppFTPData, id: 1, packets: p.packets.List(), eve: p.about}
		if p.about.name != "" {
			t.add(suricata.BufFileName, []byte(p.about.name))
		}
		t.add(suricata.BufFileData, p.inspect)
		if !p.missing {
			t.number(suricata.BufFileSize, p.size)
		}
		switch p.about.command {
		case "RETR", "STOR":
			t.add(suricata.BufFTPDataCommand, []byte(p.about.command))
		}
		c.Offer(t, p.dir)
	}
	if p.out != nil {
		why := ""
		if p.missing {
			why = "gap"
		}
		p.out.Close(!p.missing, why, func(e *event.Event) {
			if p.about.name != "" {
				e.Str(event.FilePath, p.about.name)
			}
			if c.Detail {
				aboutFile(e, p.about)
			}
		})
	}
}

// announce tells of the data connection that a command or a reply names.
func (p *ftp) announce(c *Context, to Dir, port uint16) {
	p.transfer = &ftpTransfer{}
	if port != 0 {
		c.Expect(to, port, "ftp-data", &ftpData{about: p.transfer})
	}
}
