"""Writes caches of thumbnails: thumbnails.py FOLDER. Byte by byte from J. Metz, Windows
Explorer Thumbnail Cache database format; no Windows made them. Checksums are left 0."""
import os
import struct
import sys

out = sys.argv[1]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(90))
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(200)) + b"\xff\xd9"


def entry(version, number, data, pad=0):
    name = ("%x" % number).encode("utf-16-le")
    sizes = struct.pack("<III", len(name), pad, len(data))
    middle = {20: ".jpg".encode("utf-16-le") + sizes + bytes(4), 21: sizes + bytes(4), 32: sizes + bytes(12)}[version]
    body = struct.pack("<Q", number) + middle + bytes(16) + name + bytes(pad) + data
    return b"CMMM" + struct.pack("<I", len(body) + 8) + body


def cache(name, version, kind, entries):
    free = b"CMMM" + struct.pack("<I", 128) + bytes(120)
    body = b"".join(entries)
    with open(os.path.join(out, name), "wb") as f:
        f.write(b"CMMM" + struct.pack("<IIIII", version, kind, 24, 24 + len(body), len(entries)) + body + free)


cache("thumbcache_256.db", 32, 4, [entry(32, 0x482D656EE647F25E, PNG, pad=2), entry(32, 0x1122334455667788, b""), entry(32, 0xA1B2C3D4E5F60718, JPEG)])
cache("thumbcache-vista.db", 20, 1, [entry(20, 0x0123456789ABCDEF, JPEG), entry(20, 0x77, b"BM" + bytes(40))])
