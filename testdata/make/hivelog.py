#!/usr/bin/env python3
"""Makes hives that were not written to their end, with the transaction logs that
hold the rest, of a hive that was (M. Suhanov, Windows registry file format
specification): hivelog.py SAMPLE FOLDER

dirty.hive with .LOG1 and .LOG2 of the new form, one transaction each, and old.hive
with a .LOG of the old form. Pages of the hive in which the logs differ are zeros.
"""
import os
import struct
import sys

M = 0xffffffff


def rotl(x, n):
    return (x << n | x >> 32 - n) & M


def marvin(b, seed=14219357686671994754):
    lo, hi = seed & M, seed >> 32
    words = [struct.unpack_from('<I', b, i)[0] for i in range(0, len(b) // 4 * 4, 4)]
    rest = b[len(b) // 4 * 4:]
    words += [int.from_bytes(rest + b'\x80', 'little'), 0]
    for w in words:
        lo = (lo + w) & M
        hi ^= lo
        lo = (rotl(lo, 20) + hi) & M
        hi = rotl(hi, 9) ^ lo
        lo = (rotl(lo, 27) + hi) & M
        hi = rotl(hi, 19)
    return hi << 32 | lo


def summed(head):
    x = 0
    for (w,) in struct.iter_unpack('<I', bytes(head[:508])):
        x ^= w
    struct.pack_into('<I', head, 508, x)
    return head


def header(hive, primary, secondary, kind=0):
    head = bytearray(hive[:4096])
    struct.pack_into('<II', head, 4, primary, secondary)
    struct.pack_into('<I', head, 28, kind)
    return summed(head)


def entry(sequence, size, pages):
    refs = b''.join(struct.pack('<II', off, len(b)) for off, b in pages)
    body = refs + b''.join(b for _, b in pages)
    total = (40 + len(body) + 511) // 512 * 512
    body = body.ljust(total - 40, b'\0')
    head = b'HvLE' + struct.pack('<IIIII', total, 0, sequence, size, len(pages)) + struct.pack('<Q', marvin(body))
    return head + struct.pack('<Q', marvin(head)) + body


def main(sample, folder):
    hive = open(sample, 'rb').read()
    bins = hive[4096:]
    size = struct.unpack_from('<I', hive, 40)[0]
    first, second = (4096, bins[4096:8192]), (24576, bins[24576:28672])

    def without(pages):
        b = bytearray(bins)
        for off, p in pages:
            b[off:off + len(p)] = bytes(len(p))
        return bytes(b)

    def put(name, b):
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(b)
    put('dirty.hive', header(hive, 12, 11) + without([first, second]))
    stale = (4096, bytes(4096))  # of an older transaction, which must not be replayed
    put('dirty.hive.LOG1', header(hive, 12, 12, 6)[:512] + entry(11, size, [stale]) + entry(12, size, [first]))
    put('dirty.hive.LOG2', header(hive, 13, 13, 6)[:512] + entry(13, size, [second]))
    dirty = bytearray(size // 512 // 8)
    for i in list(range(first[0] // 512, first[0] // 512 + 8)):
        dirty[i // 8] |= 1 << i % 8
    vector = b'DIRT' + bytes(dirty)
    put('old.hive', header(hive, 12, 11) + without([first]))
    put('old.hive.LOG', header(hive, 12, 12, 1)[:512] + vector.ljust((len(vector) + 511) // 512 * 512, b'\0') + first[1])


main(*sys.argv[1:])
