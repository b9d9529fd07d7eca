"""Compound files ([MS-CFB], version 3) for the makers of samples: compound(streams)
gives the bytes of one with these streams, by name."""
import struct

END, FREE, FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def compound(streams):
    fat, body = [FAT], []  # sector 0 is the table
    mini, short = [], b""

    def store(b):
        if not b:
            return END
        first, n = len(fat), -(-len(b) // 512)
        fat.extend(list(range(first + 1, first + n)) + [END])
        body.append(b.ljust(512 * n, b"\0"))
        return first

    def entry(name, kind, start, size, child=FREE, right=FREE):
        raw = (name + "\0").encode("utf-16-le")
        return raw.ljust(64, b"\0") + struct.pack("<HBBIII", len(raw), kind, 1, FREE, right, child) + bytes(36) + struct.pack("<IQ", start, size)

    large = {}
    starts = {}
    for name, b in streams.items():
        if len(b) >= 4096:
            large[name] = b
            continue
        n = -(-len(b) // 64)
        starts[name] = len(mini) if n else END
        mini.extend(list(range(len(mini) + 1, len(mini) + n)) + [END] if n else [])
        short += b.ljust(64 * n, b"\0")
    count = -(-(len(streams) + 1) // 4)  # sectors of the directory, from sector 1
    fat.extend(list(range(2, count + 1)) + [END])
    minis = struct.pack("<%dI" % len(mini), *mini)
    mini_at = store(minis + b"\xff" * (-len(minis) % 512))
    short_at = store(short)
    for name, b in large.items():
        starts[name] = store(b)
    # the tree of names: a list to the right, in the order of [MS-CFB] 2.6.4
    names = sorted(streams, key=lambda s: (len(s), s.upper()))
    d = entry("Root Entry", 5, short_at, len(short), child=1)
    for i, name in enumerate(names):
        d += entry(name, 2, starts[name], len(streams[name]), right=i + 2 if i + 1 < len(names) else FREE)
    d = d.ljust(512 * count, b"\0")
    assert len(fat) <= 128
    table = struct.pack("<128I", *(fat + [FREE] * (128 - len(fat))))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6xIIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, mini_at, -(-len(minis) // 512), END, 0, 0)
    return head + b"\xff" * 432 + table + d + b"".join(body)
