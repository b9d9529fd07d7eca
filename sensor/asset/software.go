package asset

import "strings"

// products are programs by what their banners and agents say of them; what
// follows the mark is the version.
var products = []struct{ mark, name string }{
	{"vsftpd ", "vsftpd"},
	{"proftpd ", "ProFTPD"},
	{"pure-ftpd", "Pure-FTPd"},
	{"filezilla server", "FileZilla Server"},
	{"microsoft ftp service", "Microsoft FTP Service"},
	{"serv-u ftp server v", "Serv-U"},
	{"wu-", "WU-FTPD"},
	{"postfix", "Postfix"},
	{"exim ", "Exim"},
	{"sendmail ", "Sendmail"},
	{"microsoft esmtp mail service", "Microsoft Exchange"},
	{"microsoft exchange", "Microsoft Exchange"},
	{"dovecot", "Dovecot"},
	{"courier-imap", "Courier-IMAP"},
	{"cyrus imap", "Cyrus IMAP"},
	{"cyrus pop3", "Cyrus"},
	{"hmailserver", "hMailServer"},
	{"mdaemon", "MDaemon"},
	{"haraka", "Haraka"},
	{"opensmtpd", "OpenSMTPD"},
	{"zimbra", "Zimbra"},
	{"inn ", "INN"},
	{"qpopper", "Qpopper"},
}

// agents are the programs a User-Agent names, the ones that claim to be others
// first.
var agents = []struct{ mark, name string }{
	{"edg/", "Edge"},
	{"edge/", "Edge"},
	{"opr/", "Opera"},
	{"samsungbrowser/", "Samsung Internet"},
	{"ucbrowser/", "UC Browser"},
	{"yabrowser/", "Yandex Browser"},
	{"vivaldi/", "Vivaldi"},
	{"firefox/", "Firefox"},
	{"fxios/", "Firefox"},
	{"crios/", "Chrome"},
	{"headlesschrome/", "Chrome"},
	{"chrome/", "Chrome"},
	{"msie ", "Internet Explorer"},
	{"trident/7", "Internet Explorer 11"},
}

// software names the programs, with their versions, that a fact tells of.
func software(f *Fact) []string {
	switch f.Via {
	case "http", "http2", "rtsp", "sip", "ssdp", "quic", "websocket":
		if f.Kind == Agent {
			return one(ofAgent(f.Value))
		}
		return tokens(f.Value)
	case "ssh":
		return one(ofSSH(f.Value))
	case "mysql":
		return one(ofMySQL(f.Value))
	case "smtp", "ftp", "imap", "pop3", "nntp", "irc", "telnet":
		return one(ofBanner(f.Value))
	}
	v := printable(f.Value)
	if n := leading(v); n != "" { // a version alone, of what the protocol is named for
		return one(f.Via + " " + firstWord(v))
	}
	return one(v[:min(len(v), 64)])
}

func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// tokens reads products as HTTP names them (RFC 9110 section 10.1.5).
func tokens(s string) (out []string) {
	depth := 0
	for _, w := range strings.Fields(printable(s)) {
		open := strings.HasPrefix(w, "(")
		if open {
			depth++
		}
		if depth == 0 && len(out) < 8 {
			name, version, ok := strings.Cut(strings.TrimRight(w, ",;"), "/")
			switch {
			case ok && name != "" && version != "":
				out = append(out, name+" "+version)
			case len(out) == 0 && name != "":
				out = append(out, name)
			}
		}
		if depth > 0 && strings.Contains(w, ")") {
			depth--
		}
	}
	return out
}

// ofAgent names the program of a User-Agent.
func ofAgent(s string) string {
	low := strings.ToLower(s)
	for _, x := range agents {
		i := strings.Index(low, x.mark)
		if i < 0 {
			continue
		}
		if v := leading(low[i+len(x.mark):]); v != "" && !strings.HasSuffix(x.mark, "7") {
			return x.name + " " + v
		}
		return x.name
	}
	if i := strings.Index(low, "version/"); i >= 0 && strings.Contains(low, "safari/") {
		return "Safari " + leading(low[i+8:])
	}
	if strings.HasPrefix(low, "mozilla/") { // the browser of something: it names nothing else
		return ""
	}
	if t := tokens(s); len(t) > 0 {
		return t[0]
	}
	return ""
}

// ofSSH names the program of an SSH identification (RFC 4253 section 4.2).
func ofSSH(s string) string {
	w := firstWord(printable(s))
	if i := strings.LastIndexByte(w, '_'); i > 0 && i+1 < len(w) && w[i+1] >= '0' && w[i+1] <= '9' {
		return w[:i] + " " + w[i+1:]
	}
	return w
}

// ofMySQL names the server of a version, such as "5.5.5-10.3.38-MariaDB-0+deb10u1".
func ofMySQL(s string) string {
	s = printable(s)
	if i := strings.Index(s, "-MariaDB"); i >= 0 {
		return "MariaDB " + leading(strings.TrimPrefix(s[:i], "5.5.5-"))
	}
	if v := leading(s); v != "" {
		return "MySQL " + v
	}
	return ""
}

// ofBanner names the program of a line with which a server greets.
func ofBanner(s string) string {
	low := strings.ToLower(s)
	for _, x := range products {
		i := strings.Index(low, x.mark)
		if i < 0 {
			continue
		}
		if v := leading(strings.TrimLeft(low[i+len(x.mark):], " ,/-v")); v != "" {
			return x.name + " " + v
		}
		return x.name
	}
	return ""
}

// printable cuts s at its first control character.
func printable(s string) string {
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		s = s[:i]
	}
	return s
}
