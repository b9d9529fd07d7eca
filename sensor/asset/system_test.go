package asset

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// TestSystems proves what hosts' own words are taken to mean.
func TestSystems(t *testing.T) {
	for _, c := range []struct {
		kind       Kind
		via, value string
		want       string // "name version (confidence)"
	}{
		{Server, "ssh", "OpenSSH_9.2p1 Debian-2+deb12u3", "Debian 12 (medium)"},
		{Server, "ssh", "OpenSSH_8.9p1 Ubuntu-3ubuntu0.10", "Ubuntu 22.04 (medium)"},
		{Server, "ssh", "OpenSSH_for_Windows_8.1", "Windows (medium)"},
		{Server, "ssh", "OpenSSH_9.6 FreeBSD-20240806", "FreeBSD 20240806 (medium)"},
		{Server, "ssh", "dropbear_2019.78", "Linux (medium)"},
		{Server, "ssh", "Cisco-1.25", "Cisco IOS 1.25 (medium)"},
		{Server, "http", "Apache/2.4.52 (Ubuntu)", "Ubuntu (medium)"},
		{Server, "http", "Microsoft-IIS/8.5", "Windows 8.1 or Server 2012 R2 (medium)"},
		{Server, "ssdp", "Linux/4.9 UPnP/1.0 HP-Printer/2.1", "Linux 4.9 (medium)"},
		{System, "snmp", "Linux web-1 6.1.0-18-amd64 #1 SMP", "Linux (high)"},
		{System, "snmp", "Hardware: Intel64 Family 6 - Software: Windows Version 6.3 (Build 17763 Multiprocessor Free)", "Windows 10 1809 or Server 2019 (build 17763) (high)"},
		{System, "snmp", "Cisco IOS Software, C2960 Software, Version 15.0(2)SE11, RELEASE SOFTWARE", "Cisco IOS 15.0(2)SE11 (high)"},
		{System, "smb", "Windows 10 Pro 19045", "Windows 10 Pro 19045 (high)"},
		{System, "smb", "Windows Server 2008 R2 Standard 7601 Service Pack 1", "Windows Server 2008 R2 Standard 7601 Service Pack 1 (high)"},
		{System, "smb", "Windows 5.1", "Windows XP (high)"},
		{System, "smb", "Unix", "Unix (high)"},
		{Build, "ntlm", "10.0.19041", "Windows 10 2004 (build 10.0.19041) (high)"},
		{Build, "ntlm", "6.1.7601", "Windows 7 or Server 2008 R2 (build 6.1.7601) (high)"},
		{Build, "ntlm", "6.1.0", ""},         // Samba
		{Build, "ntlm", "255.255.65535", ""}, // nobody's
		{Build, "rdp", "22631", "Windows 11 23H2 (build 22631) (medium)"},
		{Agent, "http", "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36", "Windows 7 or Server 2008 R2 (medium)"},
		{Agent, "http", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X)", "iOS 17.5.1 (medium)"},
		{Agent, "http", "Mozilla/5.0 (Linux; Android 13; SM-A536E)", "Android 13 (medium)"},
		{Agent, "http", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "macOS 10.15.7 (medium)"},
		{Agent, "http", "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:128.0)", "Ubuntu (medium)"},
		{Agent, "http", "Microsoft-WebDAV-MiniRedir/10.0.19045", "Windows 10 22H2 (build 10.0.19045) (medium)"},
		{Agent, "http", "curl/7.88.1", ""},
		{Class, "dhcp", "MSFT 5.0", "Windows (medium)"},
		{Class, "dhcp", "android-dhcp-14", "Android 14 (medium)"},
		{Class, "dhcp", "dhcpcd-9.4.1:Linux-6.1.21-v8+:aarch64:BCM2835", "Linux 6.1.21-v8+ (medium)"},
		{Class, "dhcp", "udhcp 1.36.1", "Linux (BusyBox) (medium)"},
		{Parameters, "dhcp", "1,3,6,15,31,33,43,44,46,47,119,121,249,252", "Windows 10 or later (medium)"},
		{Parameters, "dhcp", "1,3,6", ""},
		{SYN, "syn", "128:mss*44:8:mss,nop,ws,nop,nop,sok", "Windows 10 or later (medium)"},
		{SYN, "syn", "64:mss*44:7:mss,sok,ts,nop,ws", "Linux 4.19 or later (medium)"},
		{SYN, "syn", "64:65535:6:mss,nop,ws,nop,nop,ts,sok,eol", "macOS or iOS (low)"},
		{SYN, "syn", "64:1024::mss", ""},
		{SYN, "syn", "broken", ""},
		{Model, "mdns", "MacBookPro18,3", "macOS (medium)"},
	} {
		var o opinions
		o.hear(&Fact{Kind: c.kind, Via: c.via, Value: c.value})
		got := o.decide()
		text := got.String()
		if got.Confidence != "" {
			text += " (" + got.Confidence + ")"
		}
		if text != c.want {
			t.Errorf("%s by %s %q: %q, expected %q", c.kind, c.via, c.value, text, c.want)
		}
	}
}

// TestDecide proves that voices that agree make surer, and others less sure.
func TestDecide(t *testing.T) {
	linux := Fact{Kind: SYN, Via: "syn", Value: "64:mss*44:7:mss,sok,ts,nop,ws"}
	debian := Fact{Kind: Server, Via: "ssh", Value: "OpenSSH_9.2p1 Debian-2+deb12u3"}
	windows := Fact{Kind: Agent, Via: "http", Value: "Mozilla/5.0 (Windows NT 10.0)"}
	for _, c := range []struct {
		facts []Fact
		want  string
	}{
		{[]Fact{linux, debian}, "Debian 12 high"},
		{[]Fact{debian, windows}, "Debian 12 medium"}, // a proxy's clients have agents too
		{[]Fact{linux, windows}, "Linux 4.19 or later low"},
	} {
		for range 2 { // in either order
			var o opinions
			for i := range c.facts {
				o.hear(&c.facts[i])
			}
			if got := o.decide(); got.String()+" "+got.Confidence != c.want {
				t.Errorf("%v: %s %s, expected %s", c.facts, got.String(), got.Confidence, c.want)
			}
			slices.Reverse(c.facts)
		}
	}
}

// TestSignature proves how a SYN is written, and that broken options give none.
func TestSignature(t *testing.T) {
	for _, c := range []struct {
		ttl     uint8
		window  string
		options string
		want    string
	}{
		{61, "faf0", "020405b40402080a000000010000000001030307", "64:mss*44:7:mss,sok,ts,nop,ws"},
		{128, "2000", "020405b40103030201010402", "128:8192:2:mss,nop,ws,nop,nop,sok"},
		{40, "0400", "020405b4", "64:1024::mss"},
		{200, "1020", "", "255:4128::"},
		{64, "ffff", "020405b4010303060101080a000000010000000004020000", "64:65535:6:mss,nop,ws,nop,nop,ts,sok,eol"},
		{64, "ffff", "0204", ""},
		{64, "ffff", "1e01", ""},
	} {
		tcp, err := hex.DecodeString("c35001bb0000000100000000" + "0002" + c.window + "00000000" + c.options)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(AppendSignature(nil, c.ttl, tcp)); got != c.want {
			t.Errorf("ttl %d window %s options %s: %q, expected %q", c.ttl, c.window, c.options, got, c.want)
		}
	}
	if got := AppendSignature(nil, 64, make([]byte, 10)); len(got) != 0 {
		t.Errorf("a cut header gives %q", got)
	}
}

// TestSoftware proves what is read out of banners and agents.
func TestSoftware(t *testing.T) {
	for _, c := range []struct {
		kind             Kind
		via, value, want string
	}{
		{Server, "http", "Apache/2.4.41 (Ubuntu) OpenSSL/1.1.1f PHP/7.4.3", "Apache 2.4.41, OpenSSL 1.1.1f, PHP 7.4.3"},
		{Server, "http", "nginx", "nginx"},
		{Server, "http", "\x1b[31mnginx/1.0", ""},
		{Agent, "http", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.2849.68", "Edge 130.0.2849.68"},
		{Agent, "http", "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15", "Safari 17.5"},
		{Agent, "http", "curl/7.88.1", "curl 7.88.1"},
		{Agent, "http", "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)", "Internet Explorer 8.0"},
		{Server, "ssh", "OpenSSH_9.2p1 Debian-2+deb12u3", "OpenSSH 9.2p1"},
		{Server, "ssh", "ROSSSH", "ROSSSH"},
		{Server, "mysql", "5.5.5-10.3.38-MariaDB-0+deb10u1", "MariaDB 10.3.38"},
		{Server, "mysql", "8.0.36", "MySQL 8.0.36"},
		{Server, "ftp", "220 (vsFTPd 3.0.3)", "vsftpd 3.0.3"},
		{Server, "ftp", "220 ProFTPD 1.3.5e Server (Debian)", "ProFTPD 1.3.5"},
		{Server, "smtp", "220 mail.contoh.test ESMTP Postfix (Debian/GNU)", "Postfix"},
		{Server, "imap", "* OK [CAPABILITY IMAP4rev1] Dovecot ready.", "Dovecot"},
		{Server, "postgresql", "15.6 (Debian 15.6-0+deb12u1)", "postgresql 15.6"},
	} {
		if got := strings.Join(software(&Fact{Kind: c.kind, Via: c.via, Value: c.value}), ", "); got != c.want {
			t.Errorf("%s %q: %q, expected %q", c.via, c.value, got, c.want)
		}
	}
}

// FuzzFrame proves that no frame and no message of Neighbor Discovery makes a
// parser fail, and that facts stay within their bounds.
func FuzzFrame(f *testing.F) {
	for _, s := range []string{"00010800060400010000000000010a000001000000000000" + "0a000002", "0207040015fa00530a0a0a737569732d61726173", "02b40000000100086162636400020011000000010101cc0004c0000201", "feff05010000000700000010020200050000706c6300010200060000c0000232"} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		table := NewTable(Limits{})
		add := func(x Fact) {
			if len(x.Value) > 4*maxValue {
				t.Errorf("a fact of %d bytes", len(x.Value))
			}
			table.Add(&x)
		}
		for _, ether := range []uint16{etherARP, etherCDP, etherLLDP, etherPROFINET} {
			Frame(ether, macOf(1), b, add)
		}
		ND(ipKey("fe80::1").addr(), b, add)
		for _, a := range assets(table, false) {
			if a.ID == "" {
				t.Error("a host without an id")
			}
		}
	})
}

// TestSystemLengths proves that texts whose small letters have another length
// than they have themselves move nothing and panic nowhere.
func TestSystemLengths(t *testing.T) {
	for _, odd := range []string{strings.Repeat("\xff", 40), strings.Repeat("\u0130", 40), strings.Repeat("\u212a", 40)} {
		for _, c := range [][3]string{{"Debian", "Debian", ""}, {"Cisco IOS Software, Version 15.2", "Cisco IOS", "15.2"}, {"Microsoft-IIS/10.0", "Windows", "10 or Server 2016 or later"}} {
			if name, version, _ := systemIn(odd + " " + c[0]); name != c[1] || c[2] != "" && version != c[2] {
				t.Errorf("behind %.6q: %s is %q %q", odd, c[0], name, version)
			}
			systemIn(c[0] + odd)
		}
	}
}
