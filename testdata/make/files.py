#!/usr/bin/env python3
"""Make in testdata/artifact what macOS and old Internet Explorer keep in forms of
their own, by the descriptions of the forms; all of it is invented.

usage: files.py OUT_FOLDER
"""
import json
import os
import struct
import sys

out = sys.argv[1]
S = 1795854956  # 2026-11-28T08:35:56Z
COCOA = S - 978307200.0
FILETIME = (S + 11644473600) * 10_000_000


def put(name, content):
    with open(os.path.join(out, name), "wb") as f:
        f.write(content)


def login(user, line, pid, kind, when, host=""):
    return user.encode().ljust(256, b"\0") + bytes(4) + line.encode().ljust(32, b"\0") + struct.pack("<iHHII", pid, kind, 0, when, 250000) + host.encode().ljust(256, b"\0") + bytes(64)


put("sample.utmpx", login("utmpx-1.00", "", 0, 10, 0) + login("", "~", 1, 2, S) + login("nurul", "ttys000", 812, 7, S + 60, "198.51.100.23") + login("nurul", "ttys000", 812, 8, S + 600) + login("", "~", 0, 11, S + 900))


def cookie(host, name, path, value, flags):
    texts = [t.encode() + b"\0" for t in (host, name, path, value)]
    at, offs = 56, []
    for t in texts:
        offs.append(at)
        at += len(t)
    return struct.pack("<IIIIIIII8xdd", at, 0, flags, 0, *offs, COCOA + 86400, COCOA) + b"".join(texts)


def page(cookies):
    at, offs = 8 + 4 * len(cookies) + 4, []
    for c in cookies:
        offs.append(at)
        at += len(c)
    return b"\0\0\1\0" + struct.pack("<I%dI" % len(cookies), len(cookies), *offs) + bytes(4) + b"".join(cookies)


pages = [page([cookie(".contoh.test", "sesi", "/", "RAHSIA1234", 5), cookie("portal.contoh.test", "bahasa", "/", "ms", 0)]), page([cookie(".iklan.test", "id", "/", "RAHSIA1234", 1)])]
put("sample.binarycookies", b"cook" + struct.pack(">I%dI" % len(pages), len(pages), *map(len, pages)) + b"".join(pages) + bytes(8))

# The system log of Apple: texts of more than 7 bytes stand before the entry that names them.
log = bytearray(80)


def text(s):
    raw = s.encode()
    if len(raw) <= 6:
        return bytes([0x80 | len(raw)]) + raw.ljust(7, b"\0")
    at = len(log)
    log.extend(struct.pack(">HI", 1, len(raw) + 1) + raw + b"\0")
    return struct.pack(">Q", at)


before, first = 0, 0
for number, (sender, message, extra) in enumerate([("kernel", "wake reason: EC.LidOpen", []), ("loginwindow", "Login Window Application Started", []), ("sudo", "nurul : TTY=ttys000 ; COMMAND=/bin/sh", [("Read_Only", "no"), ("com.contoh", "nilai yang panjang")])]):
    parts = [text("mac.contoh.test"), text(sender), text("authpriv"), text(message)] + [text(x) for pair in extra for x in pair]
    at = len(log)
    fixed = struct.pack(">QQQIHHiiiiiI4x", 0, number + 1, S + number, 500000000, 5, 0, 100 + number, 501, 20, -1, -1, 0)
    body = fixed + b"".join(parts) + struct.pack(">Q", before)
    log.extend(struct.pack(">HI", 0, len(body)) + body)
    if before:
        struct.pack_into(">Q", log, before + 6, at)
    first = first or at
    before = at
struct.pack_into(">12sIQQIQ", log, 0, b"ASL DB", 2, first, S, 256, before)
put("sample.asl", bytes(log))


def block(sig, n, body):
    raw = sig + struct.pack("<I", n) + body
    assert len(raw) <= 128 * n, (sig, len(raw))
    return raw.ljust(128 * n, b"\0")


def fat(y, mo, d, h, mi, s):
    return struct.pack("<HH", (y - 1980) << 9 | mo << 5 | d, h << 11 | mi << 5 | s // 2)


def address(location, name="", second=FILETIME - 36 * 10**9, first=FILETIME, data=b"", n=2, size=0, hits=3):
    at = 104
    loc = location.encode("latin-1") + b"\0"
    loc += b"\0" * (-len(loc) % 4)
    fn = name.encode() + b"\0" if name else b""
    fn += b"\0" * (-len(fn) % 4)
    name_at = at + len(loc) if name else 0
    data_at = at + len(loc) + len(fn) if data else 0
    head = struct.pack("<QQ", second, first) + fat(2026, 12, 28, 8, 0, 0) + struct.pack("<IIIIIII", 0, size, 0, 0, 0, 96, at) + bytes([0, 0, 16, 16]) + struct.pack("<IIIII", name_at, 0, data_at, len(data), 0)
    head += fat(2026, 11, 28, 8, 35, 56) + struct.pack("<III", hits, 0, 0) + bytes(8)
    return block(b"URL ", n, (head.ljust(96, b"\0") + loc + fn + data))


records = [
    (block(b"HASH", 32, struct.pack("<II", 0, 0)), True),
    (address("Visited: nurul@http://www.contoh.test/gaji"), True),
    (address(":2026112820261129: nurul@http://www.contoh.test/hari"), True),
    (address(":2026112320261130: nurul@http://www.contoh.test/minggu"), True),
    (address("http://nurul:RAHSIA1234@www.contoh.test/logo.gif", "logo[1].gif", data=b"HTTP/1.1 200 OK\r\nContent-Type: image/gif\r\nSet-Cookie: id=RAHSIA1234\r\n\r\n~U:nurul\r\n", n=3, size=4321), True),
    (address("Cookie:nurul@contoh.test/", "nurul@contoh[1].txt"), True),
    (block(b"REDR", 1, bytes(8) + b"http://www.contoh.test/lama\0"), True),
    (block(b"LEAK", 2, bytes(24) + struct.pack("<I", 777) + bytes(20) + bytes([0, 0, 0, 0]) + struct.pack("<I", 104) + bytes(40) + b"bocor[1].htm\0"), True),
    (address("Visited: nurul@http://www.contoh.test/dipadam"), False),
]
head = bytearray(0x4000)
body, at = b"", 0
for raw, used in records:
    for i in range(len(raw) // 128):
        if used:
            head[0x250 + at // 8] |= 1 << (at % 8)
        at += 1
    body += raw
body = body.ljust(0x4000, b"\0")
struct.pack_into("<28sIIIIIQQQ", head, 0, b"Client UrlCache MMF Ver 5.2\0", len(head) + len(body), 0x4000, len(body) // 128, at, 0, 0, 0, 0)
struct.pack_into("<II8s", head, 72, 1, 1, b"ABCDEFGH")
put("sample.index.dat", bytes(head) + body)
def bookmark(name, url, used="0"):
    return {"date_added": "13440328556808541", "date_last_used": used, "guid": "0bc5d13f-2cba-5d74-951f-3f233fe6c908", "id": "5", "name": name, "type": "url", "url": url}


put("sample.Bookmarks", json.dumps({"checksum": "00", "roots": {
    "bookmark_bar": {"children": [bookmark("Portal", "https://portal.contoh.test/", "13440328566808541"), {"children": [bookmark("Dalam", "http://nurul:RAHSIA1234@dalam.contoh.test/")], "date_added": "13440328556808541", "id": "6", "name": "Kerja", "type": "folder"}], "name": "Bookmarks bar", "type": "folder"},
    "other": {"children": [], "name": "Other bookmarks", "type": "folder"}}, "version": 1}, indent=3).encode())
put("sample.fish_history", f"- cmd: curl -u nurul:RAHSIA1234 http://203.0.113.9/m\n  when: {S}\n- cmd: for i in 1 2\\n echo $i\\nend\n  when: {S + 60}\n  paths:\n    - nota.txt\n".encode())
put("sample.setupapi.dev.log", """[Device Install Log]
     OS Version = 10.0.19045
     Service Pack = 0.0

[BeginLog]

[Boot Session: 2026/11/28 08:00:00.500]

>>>  [Device Install (Hardware initiated) - USBSTOR\\Disk&Ven_Contoh&Prod_Pena&Rev_1.0\\1234567890&0]
>>>  Section start 2026/11/28 08:35:56.123
     utl: {Select Drivers - USBSTOR\\Disk&Ven_Contoh} 08:35:56.200
<<<  Section end 2026/11/28 08:35:57.456
<<<  [Exit status: SUCCESS]

>>>  [SetupCopyOEMInf - C:\\Temp\\jahat.inf]
>>>  Section start 2026/11/28 08:40:00.000
     cmd: "C:\\Temp\\pasang.exe" --password RAHSIA1234
<<<  Section end 2026/11/28 08:40:01.000
<<<  [Exit status: FAILURE(0xe000022f)]

""".replace("\n", "\r\n").encode())
put("sample.RecentFileCache.bcf", bytes.fromhex("feffeeff11220000030000000100000000000000") + b"".join(struct.pack("<I", len(p) + 1) + (p + "\0").encode("utf-16-le") for p in ("c:\\temp\\alat.exe", "c:\\users\\nurul\\kk.exe")))
try:
    from ds_store import DSStore, DSStoreEntry
except ImportError:
    print("files.py: ds_store is not installed (pip install ds-store==1.3.3): sample.DS_Store is left as it is", file=sys.stderr)
else:
    path = os.path.join(out, "sample.DS_Store")
    if os.path.exists(path):
        os.remove(path)
    with DSStore.open(path, "w+") as d:
        for e in [DSStoreEntry("gaji.xlsx", "ptbL", "ustr", "Users/nurul/Documents/"), DSStoreEntry("gaji.xlsx", "ptbN", "ustr", "gaji 2026.xlsx"),
                  DSStoreEntry("foto", "lg1S", "comp", 4096), DSStoreEntry("foto", "modD", "dutc", (S + 2082844800) * 65536), DSStoreEntry("foto", "vSrn", "long", 1),
                  DSStoreEntry("nota.txt", "cmmt", "ustr", "untuk Aminah"), DSStoreEntry("nota.txt", "Iloc", "blob", struct.pack(">IIII", 64, 128, 0xFFFFFFFF, 0xFFFF0000))]:
            d.insert(e)
