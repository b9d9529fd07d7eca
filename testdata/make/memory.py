#!/usr/bin/env python3
"""Makes image/container/memory.lime and memory.dmp: the same two stretches of
physical memory by the descriptions of LiME and of Windows' full crash dumps,
because neither can dump a machine of 40 KiB. Usage: memory.py FOLDER"""
import struct, sys

def text(n, seed):
    line = b'ingatan fizikal %05d; kata kunci: rahsia\n' % seed
    return (line * (n // len(line) + 1))[:n]

parts = [(0x1000, text(0x3000, 1)), (0x8000, text(0x2000, 2))]
with open(sys.argv[1] + '/memory.lime', 'wb') as f:
    for at, b in parts:
        f.write(b'EMiL' + struct.pack('<IQQQ', 1, at, at + len(b) - 1, 0) + b)
h = bytearray(8192)
h[:8] = b'PAGEDU64'
struct.pack_into('<IIQ', h, 136, len(parts), 0, sum(len(b) for _, b in parts) // 4096)
for i, (at, b) in enumerate(parts):
    struct.pack_into('<QQ', h, 152 + 16 * i, at // 4096, len(b) // 4096)
struct.pack_into('<I', h, 3992, 1)
with open(sys.argv[1] + '/memory.dmp', 'wb') as f:
    f.write(h + b''.join(b for _, b in parts))
