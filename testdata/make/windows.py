"""Writes small artifacts of Windows: windows.py FOLDER. A prefetch file, the same
compressed, a shortcut and a recycled file's record, byte by byte from their
specifications and not with our readers."""
import os
import struct
import sys

out = sys.argv[1]
NOW = 133800000000000000  # 2024-12-30, FILETIME


def save(name, b):
    with open(os.path.join(out, name), "wb") as f:
        f.write(b)


def prefetch():
    files = ["\\VOLUME{01d1}\\WINDOWS\\SYSTEM32\\NTDLL.DLL", "\\VOLUME{01d1}\\TEMP\\ALAT.EXE", "\\VOLUME{01d1}\\USERS\\NURUL\\RAHSIA.DOCX"]
    names = b"".join((f + "\0").encode("utf-16-le") for f in files)
    info = bytearray(224)
    first = 84 + len(info)
    device = "\\VOLUME{01d1}".encode("utf-16-le") + b"\0\0"
    volume = bytearray(96)
    struct.pack_into("<IIQI", volume, 0, 96, len(device) // 2 - 1, NOW - 10**15, 0xCAFE1234)
    struct.pack_into("<IIIIIIIII", info, 0, 0x130, 0, first, 0, first, len(names), first + len(names), 1, len(volume) + len(device))
    for i in range(3):
        struct.pack_into("<Q", info, 44 + 8 * i, NOW - i * 36000000000)
    struct.pack_into("<I", info, 124, 17)
    body = info + names + volume + device
    head = struct.pack("<I4sII60sII", 30, b"SCCA", 0x11, 84 + len(body), "ALAT.EXE".encode("utf-16-le"), 0xDEADBEEF, 0)
    return head + body


def compress(b):
    """LZ77 and Huffman ([MS-XCA] 2.2) with literals and, for runs, matches: code
    lengths of 9 bits for all 512 symbols."""
    assert len(b) <= 65536
    bits = ""
    pieces = []
    i = 0
    while i < len(b):
        run = 1
        while i and i + run < len(b) and b[i + run] == b[i - 1] and b[i] == b[i - 1] and run < 14:
            run += 1
        if i and b[i] == b[i - 1] and run >= 3:
            bits += format(256 + (run - 3), "09b")  # offset 1, no further bits
            i += run
        else:
            bits += format(b[i], "09b")
            i += 1
    bits += "0" * (-len(bits) % 16 + 32)
    words = b"".join(struct.pack("<H", int(bits[j:j + 16], 2)) for j in range(0, len(bits), 16))
    return b"MAM\x04" + struct.pack("<I", len(b)) + b"\x99" * 256 + words


def lnk():
    flags = 0x02 | 0x04 | 0x10 | 0x20 | 0x80
    head = struct.pack("<I", 76) + bytes.fromhex("0114020000000000c000000000000046") + struct.pack("<IIQQQIIIHHII", flags, 0x20, NOW - 3, NOW - 2, NOW - 1, 4242, 0, 1, 0, 0, 0, 0)
    volume = struct.pack("<IIII", 16 + 5, 2, 0x1234ABCD, 16) + b"PENA\0"
    path = b"E:\\rahsia\\gaji.xlsx\0"
    info = struct.pack("<IIIIIII", 28 + len(volume) + len(path) + 1, 28, 1, 28, 28 + len(volume), 0, 28 + len(volume) + len(path)) + volume + path + b"\0"

    def text(s):
        return struct.pack("<H", len(s)) + s.encode("utf-16-le")

    tracker = struct.pack("<IIII", 0x60, 0xA0000003, 0x58, 0) + b"pc-nurul".ljust(16, b"\0") + bytes(range(64))
    return head + info + text("Gaji \u2013 salinan") + text("E:\\rahsia") + text("/buka") + tracker + struct.pack("<I", 0)


save("sample.pf", prefetch())
save("sample-compressed.pf", compress(prefetch()))
save("sample.lnk", lnk())
name = "C:\\Users\\nurul\\Desktop\\bukti.zip"
save("sample.recycled", struct.pack("<QQQI", 2, 123456, NOW, len(name) + 1) + (name + "\0").encode("utf-16-le"))
