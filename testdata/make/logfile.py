"""Writes a journal of NTFS: logfile.py FILE, two restart pages and two of records, from fs/ntfs/logfile.h and fs/ntfs3/fslog.c."""
import struct
import sys

PAGE, SEQ = 4096, 45  # seq_num_bits: 67 less the bits of the size of the log


def fix(page, at):
    page = bytearray(page.ljust(PAGE, b"\0"))
    page[at:at + 2] = b"\x07\0"
    for i in range(8):
        page[at + 2 + 2 * i:at + 4 + 2 * i] = page[i * 512 + 510:i * 512 + 512]
        page[i * 512 + 510:i * 512 + 512] = b"\x07\0"
    return bytes(page)


def lsn(off):
    return 5 << (64 - SEQ) | off // 8


def restart(magic):
    area = struct.pack("<QHHHHIHHQIHHI20x", lsn(16496), 1, 0xFFFF, 0, 2, SEQ, 0xE0, 0x40, 1 << 22, 0, 48, 64, 77)
    client = struct.pack("<QQHHH6xI", lsn(16448), lsn(16496), 0xFFFF, 0xFFFF, 0, 8) + "NTFS".encode("utf-16-le").ljust(128, b"\0")
    return fix((struct.pack("<4sHHQIIHhh", magic, 30, 9, 0, PAGE, PAGE, 48, 1, 1).ljust(48, b"\0") + area + client), 30)


def record(off, redo, undo, kind=1, previous=0, lcn=()):
    body = struct.pack("<12HQ", redo, undo, 40, 8, 48, 8, 24, len(lcn), 56, 0, 0, 0, 16) + b"".join(struct.pack("<Q", x) for x in lcn) if kind == 1 else b""
    body = body.ljust(64, b"\1")
    return struct.pack("<QQQIHHIIH6x", lsn(off), previous, previous, len(body), 0, 0, kind, 0x18, 0) + body


def records(base, list_):
    data, at = b"", 64
    previous = 0
    for redo, undo, kind, lcn in list_:
        r = record(base + at + len(data), redo, undo, kind, previous, lcn)
        previous = lsn(base + at + len(data))
        data += r
    head = struct.pack("<4sHHQIHHH6xQ", b"RCRD", 40, 9, previous, 1, 1, 1, at + len(data), previous).ljust(64, b"\0")
    return fix(head + data, 40)


log = restart(b"RSTR") + restart(b"RSTR") + b"\xff" * 2 * PAGE
log += records(4 * PAGE, [(2, 3, 1, [786432]), (14, 15, 1, [5]), (27, 1, 1, []), (0, 0, 2, [])])
log += records(5 * PAGE, [(7, 7, 1, [786432]), (0x25, 0, 1, [])])
open(sys.argv[1], "wb").write(log)
