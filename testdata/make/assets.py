"""Makes capture/assets.pcap: a small plant's network that tells of its hosts by
everything but a login: ARP, DHCP, LLDP, CDP, PROFINET, Neighbor Discovery, NetBIOS,
SSDP, multicast DNS, SNMP, Modbus, BACnet, EtherNet/IP, SSH, HTTP. Written here byte by byte
from the specifications; ../truth/assets.tsv says what each host tells.
"""
import os
import socket
import struct

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
packets = []


def mac(text):
    return bytes.fromhex(text.replace("-", ""))


def frame(src, dst, kind, payload):
    packets.append((mac(dst) + mac(src) + struct.pack(">H", kind) + payload).ljust(60, b"\0"))


def llc(src, dst, payload):
    packets.append(mac(dst) + mac(src) + struct.pack(">H", len(payload)) + payload)


def total(b):
    if len(b) % 2:
        b += b"\0"
    n = sum(struct.unpack(">%dH" % (len(b) // 2), b))
    while n >> 16:
        n = (n & 0xFFFF) + (n >> 16)
    return ~n & 0xFFFF


def ip(src, dst, proto, payload, ttl=64, ident=1):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, 0x4000, ttl, proto, 0, socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack(">H", total(head)) + head[12:] + payload


def pseudo(src, dst, proto, n):
    return socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack(">BBH", 0, proto, n)


def udp(a, b, sport, dport, data, ttl=64):
    n = 8 + len(data)
    head = struct.pack(">HHHH", sport, dport, n, 0)
    c = total(pseudo(a[1], b[1], 17, n) + head + data) or 0xFFFF
    frame(a[0], b[0], 0x0800, ip(a[1], b[1], 17, head[:6] + struct.pack(">H", c) + data, ttl))


def segment(a, b, sport, dport, seq, ack, flags, data=b"", options=b"", window=64240, ttl=64):
    head = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, (5 + len(options) // 4) << 4, flags, window, 0, 0) + options
    c = total(pseudo(a[1], b[1], 6, len(head) + len(data)) + head + data)
    frame(a[0], b[0], 0x0800, ip(a[1], b[1], 6, head[:16] + struct.pack(">H", c) + head[18:] + data, ttl))


LINUX = bytes.fromhex("020405b40402080a000000010000000001030307")  # mss, sok, ts, nop, ws
WINDOWS = bytes.fromhex("020405b40103030801010402")  # mss, nop, ws, nop, nop, sok


def talk(a, b, sport, dport, turns, options=LINUX, ttl=64):
    """A whole TCP connection; turns are (from the client?, bytes)."""
    x, y = 1000, 5000
    segment(a, b, sport, dport, x, 0, 2, options=options, ttl=ttl)
    segment(b, a, dport, sport, y, x + 1, 18, options=LINUX)
    x, y = x + 1, y + 1
    segment(a, b, sport, dport, x, y, 16, ttl=ttl)
    for client, data in turns:
        if client:
            segment(a, b, sport, dport, x, y, 24, data, ttl=ttl)
            x += len(data)
        else:
            segment(b, a, dport, sport, y, x, 24, data)
            y += len(data)
    segment(a, b, sport, dport, x, y, 17, ttl=ttl)
    segment(b, a, dport, sport, y, x + 1, 17)
    segment(a, b, sport, dport, x + 1, y + 1, 16, ttl=ttl)


def arp(a, target):
    frame(a[0], "FF-FF-FF-FF-FF-FF", 0x0806, struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + mac(a[0]) + socket.inet_aton(a[1]) + bytes(6) + socket.inet_aton(target))


PC = ("D4-BE-D9-00-53-01", "192.0.2.21")  # Dell
SERVER = ("00-0C-29-00-53-02", "192.0.2.10")  # VMware
ROUTER = ("00-00-0C-00-53-03", "192.0.2.1")  # Cisco
PLC = ("00-1B-1B-00-53-04", "192.0.2.50")  # Siemens
MODBUS = ("00-00-54-00-53-05", "192.0.2.51")  # Schneider Electric
ENIP = ("00-00-BC-00-53-06", "192.0.2.52")  # Rockwell
HVAC = ("00-40-AE-00-53-07", "192.0.2.53")
MAC = ("F0-18-98-00-53-08", "192.0.2.22")  # Apple
PRINTER = ("00-1E-0B-00-53-09", "192.0.2.30")  # HP
ALL = ("FF-FF-FF-FF-FF-FF", "255.255.255.255")

# The client gets its address.
NOBODY = (PC[0], "0.0.0.0")


def dhcp(op, kind, yours, options):
    b = struct.pack(">BBBBIHH4s4s4s4s", op, 1, 6, 0, 0x53415653, 0, 0, bytes(4), socket.inet_aton(yours), bytes(4), bytes(4))
    b += mac(PC[0]).ljust(16, b"\0") + bytes(192) + bytes.fromhex("63825363") + bytes([53, 1, kind])
    for code, v in options:
        b += bytes([code, len(v)]) + v
    return b + b"\xff"


asked = bytes([1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252])
client = [(12, b"AKAUN-07"), (60, b"MSFT 5.0"), (55, asked)]
udp(NOBODY, ALL, 68, 67, dhcp(1, 1, "0.0.0.0", client), 128)
udp(ROUTER, ALL, 67, 68, dhcp(2, 2, PC[1], [(54, socket.inet_aton(ROUTER[1]))]), 255)
udp(NOBODY, ALL, 68, 67, dhcp(1, 3, "0.0.0.0", client + [(50, socket.inet_aton(PC[1])), (54, socket.inet_aton(ROUTER[1]))]), 128)
udp(ROUTER, ALL, 67, 68, dhcp(2, 5, PC[1], [(54, socket.inet_aton(ROUTER[1]))]), 255)
for a in (PC, SERVER, ROUTER, PLC, MODBUS, ENIP, HVAC, MAC, PRINTER):
    arp(a, "192.0.2.1" if a is not ROUTER else "192.0.2.10")


# The switch and the router say who they are.
def tlv(kind, v):
    return struct.pack(">H", kind << 9 | len(v)) + v


SWITCH = "00-15-FA-00-53-0A"
frame(SWITCH, "01-80-C2-00-00-0E", 0x88CC, tlv(1, b"\4" + mac(SWITCH)) + tlv(2, b"\5Gi0/1") + tlv(3, b"\0\x78") + tlv(5, b"suis-aras-2")
      + tlv(6, b"Cisco IOS Software, C2960 Software, Version 15.0(2)SE11, RELEASE SOFTWARE (fc3)") + tlv(7, b"\0\x14\0\x04")
      + tlv(8, b"\5\1" + socket.inet_aton("192.0.2.2") + b"\2\0\0\0\1\0") + tlv(0, b""))


def cdp(kind, v):
    return struct.pack(">HH", kind, 4 + len(v)) + v


body = b"\2\xb4\0\0" + cdp(1, b"penghala-1") + cdp(2, struct.pack(">IBBBH4s", 1, 1, 1, 0xCC, 4, socket.inet_aton(ROUTER[1]))) + cdp(4, struct.pack(">I", 1))
body += cdp(5, b"Cisco IOS Software, ISR Software (X86_64_LINUX_IOSD), Version 15.5(3)S2") + cdp(6, b"cisco ISR4331/K9")
body = body[:2] + struct.pack(">H", total(body)) + body[4:]
llc(ROUTER[0], "01-00-0C-CC-CC-CC", b"\xaa\xaa\3\0\0\x0c\x20\0" + body)
for n in range(4):  # what it passes on
    udp((ROUTER[0], "198.51.100.%d" % (n + 1)), SERVER, 53, 40000 + n, b"\0" * 20, 57)


# The controller answers PROFINET's question who is there.
def block(option, sub, v):
    return struct.pack(">BBHH", option, sub, 2 + len(v), 0) + v + (b"\0" if len(v) % 2 else b"")


blocks = block(2, 1, b"S7-1200") + block(2, 2, b"plc-pam-1") + block(2, 3, struct.pack(">HH", 0x2A, 0x010D)) + block(2, 4, b"\2\0")
blocks += block(1, 2, socket.inet_aton(PLC[1]) + socket.inet_aton("255.255.255.0") + bytes(4))
frame(PLC[0], PC[0], 0x8892, struct.pack(">HBBIHH", 0xFEFF, 5, 1, 7, 0, len(blocks)) + blocks)

# Modbus: read device identification (Modbus Application Protocol V1.1b3, 6.21).
talk(PC, MODBUS, 50001, 502, [
    (True, bytes.fromhex("00010000000511") + b"\x2b\x0e\1\0"),
    (False, bytes.fromhex("0001000000") + bytes([1 + 7 + 2 + 18 + 2 + 11 + 2 + 4, 0x11]) + b"\x2b\x0e\1\1\0\0\3"
     + b"\0\x12Schneider Electric" + b"\1\x0bBMX P34 202" + b"\2\4v2.5"),
], WINDOWS, 128)

# EtherNet/IP: list identity (CIP volume 2, 2-4.3.2).
name = b"1769-L33ER/A LOGIX5333ER"
identity = struct.pack("<H", 1) + struct.pack(">HH4s8x", 2, 44818, socket.inet_aton(ENIP[1])) + struct.pack("<HHHBBHI", 1, 14, 107, 30, 11, 0x60, 0x60123456)
identity += bytes([len(name)]) + name + b"\3"
item = struct.pack("<HHH", 1, 0xC, len(identity)) + identity
head = struct.pack("<HHIIQI", 0x63, 0, 0, 0, 0x1234, 0)
udp(PC, ENIP, 50002, 44818, head, 128)
udp(ENIP, PC, 44818, 50002, struct.pack("<HHIIQI", 0x63, len(item), 0, 0, 0x1234, 0) + item)

# BACnet: I-Am (ASHRAE 135, 16.10).
udp(HVAC, (ALL[0], "192.0.2.255"), 47808, 47808, bytes.fromhex("810b0018") + bytes.fromhex("0120ffff00ff") + bytes.fromhex("1000c4020004d2") + bytes.fromhex("2201e0910321") + b"\x0f")

# SNMP: the system group of the switch (RFC 3418).
descr = b"Cisco IOS Software, C2960 Software, Version 15.0(2)SE11"


def ber(tag, v):
    return bytes([tag, len(v)]) + v if len(v) < 128 else bytes([tag, 0x81, len(v)]) + v


def snmp(pdu, first, second):
    binds = b"".join(ber(0x30, ber(6, bytes.fromhex("2b06010201010" + n + "00")) + v) for n, v in (("1", first), ("5", second)))
    return ber(0x30, ber(2, b"\1") + ber(4, b"awam") + ber(pdu, ber(2, b"\1") + ber(2, b"\0") + ber(2, b"\0") + ber(0x30, binds)))


NETWORK = (SWITCH, "192.0.2.2")
udp(SERVER, NETWORK, 50003, 161, snmp(0xA0, b"\5\0", b"\5\0"))
udp(NETWORK, SERVER, 161, 50003, snmp(0xA2, ber(4, descr), ber(4, b"suis-aras-2.contoh.test")), 255)

# Multicast DNS: a computer's address and model.
host = b"\x0ameja-depan\x05local\0"
device = b"\x0ameja-depan\x0c_device-info\x04_tcp\x05local\0"
answers = host + struct.pack(">HHIH", 1, 0x8001, 120, 4) + socket.inet_aton(MAC[1])
answers += device + struct.pack(">HHIH", 16, 1, 4500, 21) + b"\x14model=MacBookPro18,3"
udp(MAC, ("01-00-5E-00-00-FB", "224.0.0.251"), 5353, 5353, struct.pack(">HHHHHH", 0, 0x8400, 0, 2, 0, 0) + answers, 255)

# NetBIOS: a name registered, and the announcement of a server (MS-BRWS 2.2.1).
def netbios(name, kind):
    raw = name.ljust(15).encode() + bytes([kind])
    return b"\x20" + b"".join(bytes([0x41 + (c >> 4), 0x41 + (c & 15)]) for c in raw) + b"\0"


EVERYONE = (ALL[0], "192.0.2.255")
register = struct.pack(">HHHHHH", 7, 0x2910, 1, 0, 0, 1) + netbios("AKAUN-07", 0) + struct.pack(">HH", 32, 1)
register += b"\xc0\x0c" + struct.pack(">HHIHH4s", 32, 1, 300000, 6, 0, socket.inet_aton(PC[1]))
udp(PC, EVERYONE, 137, 137, register, 128)
announce = b"\x01\x00" + struct.pack("<I", 720000) + b"PELAYAN-1".ljust(16, b"\0") + bytes([6, 1]) + struct.pack("<I", 0x00809A03) + bytes([15, 1]) + struct.pack("<H", 0xAA55) + b"Fail jabatan\0"
slot = b"\\MAILSLOT\\BROWSE\0"
smb = b"\xffSMB\x25" + bytes(27) + bytes([17]) + struct.pack("<HHHHBBHIHHHHHBBHHH", 0, len(announce), 0, 0, 0, 0, 0, 0, 0, 0, 0, len(announce), 86, 3, 0, 1, 0, 2)
smb += struct.pack("<H", len(slot) + len(announce)) + slot + announce
datagram = netbios("PELAYAN-1", 0) + netbios("JABATAN", 0x1D) + smb
udp(SERVER, EVERYONE, 138, 138, struct.pack(">BBH4sHHH", 0x11, 2, 9, socket.inet_aton(SERVER[1]), 138, len(datagram), 0) + datagram)

# SSDP: a printer offers itself (UPnP Device Architecture 1.1, 1.2.2).
udp(PRINTER, ("01-00-5E-7F-FF-FA", "239.255.255.250"), 50004, 1900,
    b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nCACHE-CONTROL: max-age=1800\r\nLOCATION: http://192.0.2.30:8080/desc.xml\r\n"
    b"NT: urn:schemas-upnp-org:device:Printer:1\r\nNTS: ssdp:alive\r\nSERVER: Linux/4.9 UPnP/1.0 HP-Printer/2.1\r\nUSN: uuid:4d696e69-0000-1000-8000-001e0b005309\r\n\r\n", 4)

# Neighbor Discovery: the server has an IPv6 address too.
six = socket.inet_pton(socket.AF_INET6, "2001:db8::10")
every = socket.inet_pton(socket.AF_INET6, "ff02::1")
nd = struct.pack(">BBHI", 136, 0, 0, 0x20000000) + six + b"\2\1" + mac(SERVER[0])
c = total(six + every + struct.pack(">IHBB", len(nd), 0, 0, 58) + nd)
frame(SERVER[0], "33-33-00-00-00-01", 0x86DD, struct.pack(">IHBB", 6 << 28, len(nd), 58, 255) + six + every + nd[:2] + struct.pack(">H", c) + nd[4:])

# SSH and HTTP: banners, and a User-Agent.
talk(PC, SERVER, 50005, 22, [(False, b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"), (True, b"SSH-2.0-PuTTY_Release_0.78\r\n")], WINDOWS, 128)
talk(PC, SERVER, 50006, 80, [
    (True, b"GET / HTTP/1.1\r\nHost: fail.contoh.test\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\r\n"),
    (False, b"HTTP/1.1 204 No Content\r\nServer: Apache/2.4.62 (Debian)\r\nContent-Length: 0\r\n\r\n"),
], WINDOWS, 128)

with open(os.path.join(root, "capture", "assets.pcap"), "wb") as f:
    f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    for n, p in enumerate(packets):
        f.write(struct.pack("<IIII", 1795651200 + n // 10, n % 10 * 100000, len(p), len(p)) + p)
