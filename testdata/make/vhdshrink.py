"""Makes the one block of a dynamic VHD smaller: vhdshrink.py IN OUT BLOCKSIZE.

Microsoft, Virtual Hard Disk Image Format Specification, 2006: footer (512
bytes, copied at the start), dynamic header at 512 (block size at +32, checksum
at +36), allocation table at 1536; a block is one sector of bitmap for up to
2 MiB, then its data.
"""
import struct
import sys

src, dst, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
data = bytearray(open(src, "rb").read())
footer = bytes(data[:512])
media = struct.unpack_from(">Q", data, 48)[0]
if data[512:520] != b"cxsparse" or media > size or size % 512:
    sys.exit(f"vhdshrink.py: {src} is no dynamic VHD of at most {size} bytes")
struct.pack_into(">I", data, 512 + 32, size)
struct.pack_into(">I", data, 512 + 36, 0)
struct.pack_into(">I", data, 512 + 36, ~sum(data[512:1536]) & 0xFFFFFFFF)
table = struct.unpack_from(">Q", data, 512 + 16)[0]
block = struct.unpack_from(">I", data, table)[0] * 512
with open(dst, "wb") as out:
    out.write(data[: block + 512 + size])
    out.write(footer)
