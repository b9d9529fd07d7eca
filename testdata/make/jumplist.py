"""Writes jump lists: jumplist.py FOLDER. Byte by byte from J. Metz, Jump lists format,
[MS-CFB] and [MS-SHLLINK], and not with our readers; no Windows made them."""
import os
import struct
import sys

from compound import compound

out = sys.argv[1]
NOW = 133800000000000000  # 2024-12-30, FILETIME
CLASS = bytes.fromhex("0114020000000000c000000000000046")


def lnk(path, description="", arguments=""):
    flags = 0x02 | 0x80 | (0x04 if description else 0) | (0x20 if arguments else 0)
    head = struct.pack("<I", 76) + CLASS + struct.pack("<IIQQQIIIHHII", flags, 0x20, NOW - 3, NOW - 2, NOW - 1, 4242, 0, 1, 0, 0, 0, 0)
    volume = struct.pack("<IIII", 16 + 5, 3, 0x1234ABCD, 16) + b"DATA\0"
    raw = path.encode("latin-1") + b"\0"
    info = struct.pack("<IIIIIII", 28 + len(volume) + len(raw) + 1, 28, 1, 28, 28 + len(volume), 0, 28 + len(volume) + len(raw)) + volume + raw + b"\0"
    tail = b"".join(struct.pack("<H", len(s)) + s.encode("utf-16-le") for s in (description, arguments) if s)
    return head + info + tail + struct.pack("<I", 0)


def entry(version, number, path, at, pin=-1, count=0, host=b"pc-nurul"):
    b = bytes(8) + bytes(range(64)) + host.ljust(16, b"\0") + struct.pack("<IIfQi", number, 0, 1.5, at, pin)
    if version > 1:
        b += struct.pack("<IIQ", 0, count, 0)
    b += struct.pack("<H", len(path)) + path.encode("utf-16-le")
    return b + (bytes(4) if version > 1 else b"")


def listing(version, entries, pinned):
    return struct.pack("<IIIfIIII", version, len(entries), pinned, 1.0, len(entries), 0, len(entries), 0) + b"".join(entries)


def save(name, b):
    with open(os.path.join(out, name), "wb") as f:
        f.write(b)


save("win7.automaticDestinations-ms", compound({
    "DestList": listing(1, [entry(1, 2, "E:\\rahsia\\gaji.xlsx", NOW, pin=0), entry(1, 1, "C:\\Users\\nurul\\nota.txt", NOW - 10**10)], 1),
    "1": lnk("C:\\Users\\nurul\\nota.txt"),
    "2": lnk("E:\\rahsia\\gaji.xlsx"),
}))
save("f01b4d95cf55d32a.automaticDestinations-ms", compound({
    "DestList": listing(4, [entry(4, 11, "C:\\Kes\\\u7b2c\u4e00.docx", NOW, count=7), entry(4, 3, "\\\\pelayan\\kongsi\\a.zip", NOW - 10**9, pin=1, count=1)], 1),
    "b": lnk("C:\\Kes\\1.docx", description="panjang " * 300),  # not in the short streams
    "5": lnk("C:\\Kes\\dibuang.pdf"),  # no entry names it
}))
item = CLASS + lnk("C:\\Program Files\\Pelayar\\pelayar.exe", arguments="--sulit https://contoh.example/")
save("sample.customDestinations-ms", struct.pack("<III", 2, 3, 0)
     + struct.pack("<IH", 0, 5) + "Kerap".encode("utf-16-le") + struct.pack("<I", 2) + item + CLASS + lnk("C:\\Kes\\1.docx") + b"\xab\xfb\xbf\xba"
     + struct.pack("<II", 1, 2) + b"\xab\xfb\xbf\xba"
     + struct.pack("<II", 2, 1) + item + b"\xab\xfb\xbf\xba")
