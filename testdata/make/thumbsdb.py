"""Writes Thumbs.db of a folder of Windows XP and of one on a share: thumbsdb.py FOLDER. Byte by byte from the
data types of libforensics; no Windows made them."""
import os
import struct
import sys

from compound import compound

out = sys.argv[1]
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(200)) + b"\xff\xd9"


def picture(b):
    return struct.pack("<III", 12, 1, len(b)) + b


def entry(number, name, when):
    raw = (name + "\0\0").encode("utf-16-le")
    return struct.pack("<IIQ", 16 + len(raw), number, when) + raw


WHEN = 127_800_000_000_000_000
catalog = struct.pack("<HHIII", 16, 7, 3, 96, 96) + entry(1, "resit bank.jpg", WHEN) + entry(12, "pelan.png", WHEN + 36_000_000_000) + entry(3, "hilang.jpg", WHEN)
with open(os.path.join(out, "xp.Thumbs.db"), "wb") as f:
    f.write(compound({"Catalog": catalog, "1": picture(JPEG), "21": picture(JPEG * 30), "9": picture(JPEG[:150])}))
with open(os.path.join(out, "share.Thumbs.db"), "wb") as f:
    f.write(compound({"256_a1b2c3d4e5f60718": struct.pack("<IIIIII", 24, 1, len(JPEG), 0, 0, 0) + JPEG, "96_00112233aabbccdd": struct.pack("<IIIIII", 24, 1, len(JPEG), 0, 0, 0) + JPEG}))
