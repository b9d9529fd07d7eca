"""Writes indexes of the recycle bin of Windows XP and 98: info2.py FOLDER. Byte by byte
from J. Metz, Windows Recycler file formats; rifiuti2 reads the first the same."""
import os
import struct
import sys

out = sys.argv[1]
WHEN = 127_800_000_000_000_000


def record(path, index, drive, when, size, unicode=True, gone=False):
    ansi = path.encode("latin-1").ljust(260, b"\0")
    if gone:
        ansi = b"\0" + ansi[1:]
    b = ansi + struct.pack("<IIQI", index, drive, when, size)
    return b + path.encode("utf-16-le").ljust(520, b"\0") if unicode else b


def write(name, version, size, records):
    with open(os.path.join(out, name), "wb") as f:
        f.write(struct.pack("<IIIII", version, len(records), len(records), size, sum(4096 for _ in records)) + b"".join(records))


write("sample.INFO2", 5, 800, [
    record("C:\\Documents and Settings\\nurul\\Desktop\\resit bank.xls", 1, 2, WHEN, 20480),
    record("C:\\Documents and Settings\\nurul\\My Documents\\senarai.doc", 2, 2, WHEN + 600_000_000, 40960, gone=True),
    record("D:\\sulit", 3, 3, WHEN + 1_200_000_000, 8192),
])
write("win98.INFO2", 4, 280, [record("C:\\WINDOWS\\TEMP\\alat.exe", 0, 2, WHEN, 4096, unicode=False), record("C:\\WINDOWS\\surat.txt", 1, 2, WHEN, 100, unicode=False, gone=True)])
