"""Makes image/container/lzfse.dmg and fork.dmg of media.raw: Apple disk images packed
by LZFSE (Apple's encoder, by pyliblzfse 0.4.1), with their tables in a property list
and in a resource fork. No tool of Debian writes them: the tables are written by the
description of libmodi and of Inside Macintosh: More Macintosh Toolbox, chapter 1.

Usage: dmg.py FOLDER (image/container)"""

import plistlib
import struct
import sys
import zlib

import liblzfse

folder = sys.argv[1]
media = open(folder + "/media.raw", "rb").read()
PIECE = 128 * 512


def pack(which):
    """Gives the data fork and the table of a medium."""
    data, entries = b"", []
    for at in range(0, len(media), PIECE):
        part = media[at:at + PIECE]
        kind, packed = 0x80000007, liblzfse.compress(part)
        if which == "fork" and at % (2 * PIECE):
            kind, packed = 0x80000005, zlib.compress(part)
        if not any(part):
            kind, packed = 2, b""
        entries.append((kind, 0, at // 512, len(part) // 512, len(data), len(packed)))
        data += packed
    entries.append((0xffffffff, 0, len(media) // 512, 0, len(data), 0))
    table = b"mish" + struct.pack(">IQQQII", 1, 0, len(media) // 512, 0, PIECE // 512 + 8, 0)
    table = table.ljust(200, b"\0") + struct.pack(">I", len(entries))
    return data, table + b"".join(struct.pack(">IIQQQQ", *e) for e in entries)


def fork(table):
    """Gives a resource fork that holds the table as resource blkx 0."""
    body = struct.pack(">I", len(table)) + table
    types = struct.pack(">H", 0) + b"blkx" + struct.pack(">HH", 0, 10)
    reference = struct.pack(">hHB", 0, 0xffff, 0) + b"\0\0\0" + bytes(4)
    names = 28 + len(types) + len(reference)
    head = struct.pack(">IIII", 256, 256 + len(body), len(body), names)
    index = head + bytes(8) + struct.pack(">HH", 28, names) + types + reference
    return head.ljust(256, b"\0") + body + index


for name in ("lzfse", "fork"):
    data, table = pack(name)
    more = plistlib.dumps({"resource-fork": {"blkx": [{"Attributes": "0x0050", "Data": table, "ID": "0", "Name": "whole disk"}]}}) if name == "lzfse" else fork(table)
    where = struct.pack(">QQ", len(data), len(more))
    none = bytes(16)
    koly = b"koly" + struct.pack(">IIIQQQ", 4, 512, 1, 0, 0, len(data)) + (where if name == "fork" else none) + struct.pack(">II", 1, 1)
    koly = koly.ljust(216, b"\0") + (none if name == "fork" else where)
    koly = koly.ljust(492, b"\0") + struct.pack(">Q", len(media) // 512)
    open(folder + "/" + name + ".dmg", "wb").write(data + more + koly.ljust(512, b"\0"))
