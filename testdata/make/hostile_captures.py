"""Makes capture/hostile/ from the good captures: what a broken disk, a full
device or an attacker leaves. README.tsv there says what is wrong in each and
how many packets stand before the fault.

packets.pcap is written here byte by byte: packets no sane program sends, in
well-formed records.
"""
import gzip
import os
import struct

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
cap = os.path.join(root, "capture")
out = os.path.join(cap, "hostile")
os.makedirs(out, exist_ok=True)
notes = []


def put(name, data, packets, wrong):
    with open(os.path.join(out, name), "wb") as f:
        f.write(data)
    notes.append((name, packets, wrong))


def read(name):
    with open(os.path.join(cap, name), "rb") as f:
        return f.read()


def records(data):
    """Offsets of the records of a little-endian pcap."""
    at, found = 24, []
    while at < len(data):
        found.append(at)
        at += 16 + struct.unpack_from("<I", data, at + 8)[0]
    return found


def blocks(data):
    """(offset, type, length) of the blocks of a little-endian pcapng."""
    at, found = 0, []
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        found.append((at, kind, length))
        at += length
    return found


dns = read("dns.pcap")
r = records(dns)
put("zero.pcap", b"", 0, "no byte at all")
put("empty.pcap", dns[:24], 0, "nothing is wrong: a header without packets")
put("magic.pcap", b"\xde\xad\xbe\xef" + dns[4:], 0, "unknown magic number")
put("header.pcap", dns[:20], 0, "the file header is cut")
put("truncated.pcap", dns[: r[10] + 16 + 20], 10, "cut in the middle of packet 11")
put("truncated-record.pcap", dns[: r[10] + 7], 10, "cut in the header of record 11")
put("caplen.pcap", dns[: r[5] + 8] + struct.pack("<II", 0xFFFFFFFF, 0xFFFFFFFF) + dns[r[5] + 16 :], 5, "record 6 claims 4,294,967,295 bytes")
put("origlen.pcap", dns[: r[5] + 12] + struct.pack("<I", 1) + dns[r[5] + 16 :], len(r), "record 6 says the packet was 1 byte long, and holds more")
put("snaplen.pcap", dns[:16] + struct.pack("<I", 16) + dns[20:], len(r), "the header states a snap length of 16 that no record keeps")
put("linktype.pcap", dns[:20] + struct.pack("<I", 0xFFFE) + dns[24:], len(r), "unknown link type")
put("truncated.pcap.gz", gzip.compress(dns, 9, mtime=0)[:1200], 20, "the gzip stream is cut")
put("zeros.pcap.gz", gzip.compress(dns[:24] + bytes(1 << 22), 9, mtime=0), 1 << 18, "4 MiB of zeros: 262,144 packets of no byte, of the year 1970")

ng = read("demo.pcapng")
b = blocks(ng)
packets = [x for x in b if x[1] == 6]


def before(at):
    return sum(1 for x in packets if x[0] < at)


at, _, length = packets[20]
put("badblock.pcapng", ng[: at + 4] + struct.pack("<I", 0x7FFFFFF0) + ng[at + 8 : at + 5000], 20, "packet block 21 claims 2 GiB")
put("shortblock.pcapng", ng[: at + 4] + struct.pack("<I", 8) + ng[at + 8 : at + 5000], 20, "packet block 21 claims 8 bytes")
put("oddblock.pcapng", ng[: at + 4] + struct.pack("<I", length + 1) + ng[at + 8 : at + 5000], 20, "the length of packet block 21 is no multiple of 4")
put("trailer.pcapng", ng[: at + length - 4] + struct.pack("<I", 4) + ng[at + length : at + 5000], "20 or 21", "the second length of packet block 21 differs from the first")
put("interface.pcapng", ng[: at + 8] + struct.pack("<I", 9) + ng[at + 12 : at + length], 20, "packet block 21 names interface 9 of 1")
put("caplen.pcapng", ng[: at + 20] + struct.pack("<I", 0xFFFFFF) + ng[at + 24 : at + length], 20, "packet block 21 claims more bytes than its block has")
put("byteorder.pcapng", ng[:8] + b"\x00\x00\x00\x00" + ng[12:400], 0, "no byte-order magic")
put("truncated.pcapng", ng[: at + 40], 20, "cut in the middle of packet block 21")
put("nosection.pcapng", ng[b[1][0] : at], 0, "the section header is missing")

# Packets. Ethernet between two made-up addresses; checksums are left zero.
ether = bytes.fromhex("020000000002020000000001")
client, server = bytes([192, 0, 2, 101]), bytes([192, 0, 2, 10])


def ip4(proto, body, ihl=5, total=None, ident=1, frag=0, options=b""):
    total = 20 + len(options) + len(body) if total is None else total
    return ether + b"\x08\x00" + struct.pack(">BBHHHBBH4s4s", 0x40 | ihl, 0, total, ident, frag, 64, proto, 0, client, server) + options + body


def ip6(following, body, length=None):
    length = len(body) if length is None else length
    src, dst = (bytes.fromhex("20010db8000200000000000000000%s" % n) for n in ("101", "010"))
    return ether + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, length, following, 64) + src + dst + body


def tcp(body, seq=1, flags=0x18, offset=5, port=80):
    return struct.pack(">HHIIBBHHH", 40000, port, seq, 1, offset << 4, flags, 1024, 0, 0) + body


def udp(body, port=53, length=None):
    return struct.pack(">HHHH", 40001, port, 8 + len(body) if length is None else length, 0) + body


def query(*name):
    return struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + b"".join(name) + struct.pack(">HH", 1, 1)


listed = [
    ("no network layer", ether + b"\x08\x00"),
    ("frame of 3 bytes", b"\x02\x00\x00"),
    ("IPv4 header cut", ip4(6, b"")[:26]),
    ("IPv4 header length 1", ip4(6, tcp(b"x"), ihl=1)),
    ("IPv4 header longer than the packet", ip4(6, b"", ihl=15)),
    ("IPv4 total length below the header", ip4(17, udp(b"x"), total=10)),
    ("IPv4 total length beyond the packet", ip4(17, udp(b"x"), total=60000)),
    ("IPv4 option of length 0", ip4(17, udp(b"x"), ihl=6, options=b"\x07\x00\x00\x00")),
    ("TCP header cut", ip4(6, tcp(b"")[:9])),
    ("TCP data offset beyond the packet", ip4(6, tcp(b"", offset=15))),
    ("TCP data offset 0", ip4(6, tcp(b"x", offset=0))),
    ("TCP with all flags", ip4(6, tcp(b"x", flags=0xFF))),
    ("UDP length below its header", ip4(17, udp(b"abc", length=2))),
    ("UDP length beyond the packet", ip4(17, udp(b"abc", length=9000))),
    ("fragment past 65,535 bytes", ip4(17, bytes(800), ident=9, frag=0x1FFF)),
    ("overlapping fragments, first", ip4(17, udp(bytes(56)), ident=10, frag=0x2000)),
    ("overlapping fragments, second", ip4(17, b"\xff" * 32, ident=10, frag=0x0003)),
    ("fragment that holds itself", ip4(17, bytes(8), ident=11, frag=0x2000)),
    ("the same with other bytes", ip4(17, b"\xff" * 8, ident=11, frag=0x2000)),
    ("IPv6 header cut", ip6(17, b"")[:30]),
    ("IPv6 chain of 200 hop-by-hop headers", ip6(0, b"\x00\x00\x01\x04\x00\x00\x00\x00" * 200)),
    ("IPv6 extension longer than the packet", ip6(60, b"\x11\xff" + bytes(6))),
    ("IPv6 fragment of 3 bytes", ip6(44, b"\x11\x00\x00\x01\x00\x00\x00\x01abc")),
    ("DNS name that points at itself", ip4(17, udp(query(b"\xc0\x0c")))),
    ("DNS names that point at each other", ip4(17, udp(query(b"\xc0\x0e\xc0\x0c")))),
    ("DNS label beyond the message", ip4(17, udp(query(b"\x3fabc\x00")))),
    ("DNS header that claims 65,535 answers", ip4(17, udp(struct.pack(">HHHHHH", 7, 0x8180, 0, 65535, 65535, 65535)))),
    ("DNS over TCP that claims 65,535 bytes", ip4(6, tcp(b"\xff\xff" + query(b"\x01a\x00"), port=53))),
    ("TLS record of 65,535 bytes", ip4(6, tcp(b"\x16\x03\x01\xff\xff" + b"\x01\xff\xff\xff" + bytes(60), port=443))),
    ("TLS client hello with lengths beyond the record", ip4(6, tcp(b"\x16\x03\x01\x00\x30\x01\x00\x00\x2c\x03\x03" + bytes(32) + b"\xff" + bytes(9), seq=9000, port=443))),
    ("HTTP with a body of 2^63 bytes", ip4(6, tcp(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775808\r\n\r\nabc", seq=70000))),
    ("HTTP chunk of 2^64 bytes", ip4(6, tcp(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff0\r\nabc", seq=170000))),
    ("HTTP header without end", ip4(6, tcp(b"GET / HTTP/1.1\r\nA: " + b"a" * 1300, seq=270000))),
    ("GRE that holds itself", ip4(47, b"\x00\x00\x08\x00" + ip4(47, b"\x00\x00\x08\x00" + ip4(47, b"\x00\x00\x08\x00")[14:])[14:])),
    ("IPv4 in IPv4, 60 times", None),
    ("802.1Q tags, 100 of them", ether + b"\x81\x00\x00\x2a" * 100),
    ("MPLS labels without bottom", ether + b"\x88\x47" + b"\x00\x01\x00\xff" * 100),
    ("ARP cut", ether + b"\x08\x06\x00\x01\x08\x00"),
    ("SSH banner without end", ip4(6, tcp(b"SSH-2.0-" + b"A" * 1300, port=22))),
    ("SMB2 header that claims 4 GiB", ip4(6, tcp(b"\x00\xff\xff\xff\xfeSMB@\x00" + b"\xff" * 58, port=445))),
]
inner = ip4(17, udp(b"x"))[14:]
for _ in range(60):
    inner = ip4(4, inner)[14:]
listed = [(what, ether + b"\x08\x00" + inner if frame is None else frame) for what, frame in listed]
pcap = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
for n, (_, frame) in enumerate(listed):
    pcap += struct.pack("<IIII", 1795509000, n, len(frame), len(frame)) + frame
put("packets.pcap", pcap, len(listed), "packets.tsv names each packet's fault")
with open(os.path.join(out, "packets.tsv"), "w", encoding="utf-8") as f:
    f.write("packet\twhat is wrong\n")
    for n, (what, _) in enumerate(listed, 1):
        f.write(f"{n}\t{what}\n")
with open(os.path.join(out, "README.tsv"), "w", encoding="utf-8") as f:
    f.write("file\tpackets before the fault\twhat is wrong\n")
    for row in notes:
        f.write("\t".join(str(x) for x in row) + "\n")
