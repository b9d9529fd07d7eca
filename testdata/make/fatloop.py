"""Breaks a FAT32 volume: fatloop.py dir|chain IN OUT.

dir: the folder dokumen/dalam/lagi gets the first cluster of dokumen.
chain: the last cluster of muat-turun/invoice-viewer.bin points to its first.
Layout: Microsoft, FAT32 File System Specification 1.03.
"""
import struct
import sys

mode, src, dst = sys.argv[1:4]
data = bytearray(open(src, "rb").read())
sector, per, reserved, fats = struct.unpack_from("<HBHB", data, 11)
fat_sectors = struct.unpack_from("<I", data, 36)[0]
root = struct.unpack_from("<I", data, 44)[0]
first = (reserved + fats * fat_sectors) * sector


def cluster_at(number):
    return first + (number - 2) * per * sector


def link(number):
    return struct.unpack_from("<I", data, reserved * sector + 4 * number)[0] & 0x0FFFFFFF


def find(folder, name):
    """The offset of the entry with the 11-byte short name."""
    while folder < 0x0FFFFFF8:
        start = cluster_at(folder)
        for at in range(start, start + per * sector, 32):
            if bytes(data[at : at + 11]) == name and data[at + 11] != 0x0F:
                return at
        folder = link(folder)
    sys.exit(f"fatloop.py: no entry {name!r} in {src}")


def start_of(entry):
    return struct.unpack_from("<H", data, entry + 20)[0] << 16 | struct.unpack_from("<H", data, entry + 26)[0]


if mode == "dir":
    top = start_of(find(root, b"DOKUMEN    "))
    below = find(start_of(find(top, b"DALAM      ")), b"LAGI       ")
    struct.pack_into("<H", data, below + 20, top >> 16)
    struct.pack_into("<H", data, below + 26, top & 0xFFFF)
else:
    begin = start_of(find(start_of(find(root, b"MUAT-T~1   ")), b"INVOIC~1BIN"))
    last = begin
    while link(last) < 0x0FFFFFF8:
        last = link(last)
    for copy in range(fats):
        struct.pack_into("<I", data, (reserved + copy * fat_sectors) * sector + 4 * last, begin)
open(dst, "wb").write(data)
