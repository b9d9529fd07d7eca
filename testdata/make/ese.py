#!/usr/bin/env python3
"""Makes small databases of the Extensible Storage Engine with content of our own,
written by the description of the format (J. Metz, Extensible Storage Engine
(ESE) Database File (EDB) format). `make interop` checks them with dissect.esedb.

usage: ese.py FOLDER
"""
import os
import struct
import sys

PAGE = 2048
BIT, UBYTE, SHORT, LONG, CURRENCY, SINGLE, DOUBLE, DATE, BINARY, TEXT, LBINARY, LTEXT, ULONG, LLONG, GUID, USHORT = \
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17
SIZES = {BIT: 1, UBYTE: 1, SHORT: 2, LONG: 4, CURRENCY: 8, SINGLE: 4, DOUBLE: 8, DATE: 8, ULONG: 4, LLONG: 8, GUID: 16, USHORT: 2}
FORMATS = {BIT: 'B', UBYTE: 'B', SHORT: 'h', LONG: 'i', CURRENCY: 'q', SINGLE: 'f', DOUBLE: 'd', DATE: 'd', ULONG: 'I', LLONG: 'q', USHORT: 'H'}
ROOT, LEAF, PARENT, LONGPAGE = 0x801, 0x802, 0x804, 0x80


def filetime(y, mo=1, d=1, h=0, mi=0, s=0):
    import datetime
    t = datetime.datetime(y, mo, d, h, mi, s) - datetime.datetime(1601, 1, 1)
    return (t.days * 86400 + t.seconds) * 10_000_000


def days(y, mo=1, d=1, h=0, mi=0, s=0):
    import datetime
    t = datetime.datetime(y, mo, d, h, mi, s) - datetime.datetime(1899, 12, 30)
    return t.days + t.seconds / 86400


def seven(s):
    """Compresses ASCII that stands as UTF-16: 7 bits a character."""
    bits = n = 0
    out = bytearray()
    for c in s.encode('ascii'):
        bits |= c << n
        n += 7
        while n >= 8:
            out.append(bits & 0xff)
            bits >>= 8
            n -= 8
    last = n - 1 if n else 7
    if n:
        out.append(bits & 0xff)
    return bytes([2 << 3 | last]) + bytes(out)


def checksum(b):
    x = 0x89abcdef
    for (w,) in struct.iter_unpack('<I', bytes(b[4:])):
        x ^= w
    return x


class Database:
    def __init__(self, dirty=False, shadow=False):
        self.pages = {}
        self.next = 5
        self.object = 10
        self.catalog = []
        self.dirty, self.shadow = dirty, shadow
        self.describe(2, 'MSysObjects', 4, [])

    def page(self):
        n, self.next = self.next, self.next + 1
        if n == 24:  # of the catalog's copy
            return self.page()
        return n

    def write(self, n, owner, flags, nodes, after=0, first=b''):
        b = bytearray(PAGE)
        values, tags = bytearray(first), [(len(first), 0)]
        for flag, key, data in nodes:
            v = struct.pack('<H', len(key)) + key + data
            tags.append((len(v), len(values) | flag << 13))
            values += v
        assert len(values) + 4 * len(tags) <= PAGE - 40, (n, len(values))
        struct.pack_into('<QQIIIHHHHI', b, 0, 0, 1, 0, after, owner, PAGE - 40 - len(values) - 4 * len(tags), 0, len(values), len(tags), flags)
        b[40:40 + len(values)] = values
        for i, (size, off) in enumerate(tags):
            struct.pack_into('<HH', b, PAGE - 4 * (i + 1), size, off)
        struct.pack_into('<I', b, 4, n)
        struct.pack_into('<I', b, 0, checksum(b))
        self.pages[n] = bytes(b)

    def tree(self, root, owner, nodes, flags=0):
        """Writes nodes below root: one page, or as many leaves as they need."""
        leaves, size = [[]], 0
        for node in nodes:
            n = 2 + len(node[1]) + len(node[2]) + 4
            if size + n > PAGE - 80:
                leaves.append([])
                size = 0
            leaves[-1].append(node)
            size += n
        if len(leaves) == 1:
            self.write(root, owner, ROOT | LEAF | flags, leaves[0], first=bytes(16))
            return
        numbers = [self.page() for _ in leaves]
        branch = []
        for i, leaf in enumerate(leaves):
            self.write(numbers[i], owner, LEAF | flags, leaf, after=numbers[i + 1] if i + 1 < len(leaves) else 0)
            key = leaves[i + 1][0][1] if i + 1 < len(leaves) else b''
            branch.append((0, key, struct.pack('<I', numbers[i])))
        self.write(root, owner, ROOT | PARENT | flags, branch, first=bytes(16))

    def entry(self, table, kind, ident, coltyp, space, name, page_or_locale=0, flags=0, offset=0):
        fixed = struct.pack('<ihiiiii', table, kind, ident, coltyp, space, flags, page_or_locale) + struct.pack('<BH', 0xff if kind == 1 else 0, offset)
        head = struct.pack('<BBH', 9, 128, 4 + len(fixed) + 2)
        data = name.encode('ascii')
        self.catalog.append((table, kind, ident, head + fixed + b'\0\0' + struct.pack('<H', len(data)) + data))

    def describe(self, object_id, name, root, columns):
        self.entry(object_id, 1, object_id, root, 0, name)
        at = 4
        for ident, cname, typ, codepage in columns:
            self.entry(object_id, 2, ident, typ, SIZES.get(typ, 255), cname, codepage, offset=at if ident < 128 else 0)
            if ident < 128:
                at += SIZES[typ]

    def table(self, name, columns, rows, deleted=()):
        """columns: (name, type); rows: dicts; deleted: numbers of rows."""
        object_id, self.object = self.object, self.object + 1
        root = self.page()
        ids, fixed, var, tagged = {}, 0, 127, 255
        spec = []
        for cname, typ in columns:
            if typ in SIZES:
                fixed += 1
                ident = fixed
            elif typ in (TEXT, BINARY):
                var += 1
                ident = var
            else:
                tagged += 1
                ident = tagged
            ids[cname] = (ident, typ)
            spec.append((ident, cname, typ, 1200 if typ in (TEXT, LTEXT) else 0))
        self.describe(object_id, name, root, spec)
        longs = []
        nodes = []
        for i, row in enumerate(rows):
            nodes.append((2 if i in deleted else 0, b'\x7f' + struct.pack('>I', i + 1), self.row(spec, row, longs)))
        self.tree(root, object_id, nodes)
        if longs:
            long_id, self.object = self.object, self.object + 1
            long_root = self.page()
            self.entry(object_id, 4, long_id, long_root, 0, 'LV')
            self.tree(long_root, long_id, [(0, k, v) for k, v in longs], LONGPAGE)

    def row(self, spec, row, longs):
        fixed, nulls, nfixed = bytearray(), bytearray(), 0
        ends, data, nvar = bytearray(), bytearray(), 127
        tags = []
        for ident, name, typ, codepage in sorted(spec):
            v = row.get(name)
            if ident < 128:
                nfixed = ident
                if (ident - 1) % 8 == 0:
                    nulls.append(0)
                if v is None:
                    nulls[-1] |= 1 << (ident - 1) % 8
                    fixed += bytes(SIZES[typ])
                elif typ == GUID:
                    fixed += v
                else:
                    fixed += struct.pack('<' + FORMATS[typ], v)
            elif ident < 256:
                nvar = ident
                if v is not None:
                    data += v.encode('utf-16le') if codepage else v
                ends += struct.pack('<H', len(data) | (0x8000 if v is None else 0))
            elif v is not None:
                flags = 1
                if typ == LTEXT and isinstance(v, list):
                    parts = [x.encode('utf-16le') for x in v]
                    b, at = b'', 2 * len(parts)
                    for x in parts:
                        b += struct.pack('<H', at)
                        at += len(x)
                    v, flags = b + b''.join(parts), 9
                elif typ == LTEXT and len(v) > 20 and v.isascii():
                    v, flags = seven(v), 3
                elif typ == LTEXT:
                    v = v.encode('utf-16le')
                if len(v) > 600:
                    lid = len(set(k[:4] for k, _ in longs)) + 1
                    key = struct.pack('>I', lid)
                    longs.append((key, struct.pack('<II', 1, len(v))))
                    for at in range(0, len(v), 700):
                        longs.append((key + struct.pack('>I', at), v[at:at + 700]))
                    v, flags = key[::-1], 5
                tags.append((ident, bytes([flags]) + v))
        b = struct.pack('<BBH', nfixed, nvar, 4 + len(fixed) + len(nulls)) + fixed + nulls + ends + data
        at = 4 * len(tags)
        for ident, v in tags:
            b += struct.pack('<HH', ident, at | 0x4000)
            at += len(v)
        return b + b''.join(v for _, v in tags)

    def save(self, path):
        nodes = [(0, b'\x7f' + struct.pack('>IHI', t, k, i), data) for t, k, i, data in sorted(self.catalog)]
        self.tree(4, 2, nodes)
        if self.shadow:
            self.tree(24, 3, nodes)
            self.next = max(self.next, 25)
        head = bytearray(PAGE)
        struct.pack_into('<IIIIQ', head, 0, 0, 0x89abcdef, 0x620, 0, 1)
        struct.pack_into('<I', head, 24, 1234)
        head[28:36] = bytes([30, 15, 9, 3, 2, 126, 0, 0])  # 2026-02-03 09:15:30
        struct.pack_into('<I', head, 52, 2 if self.dirty else 3)
        struct.pack_into('<II', head, 232, 0x14, PAGE)
        struct.pack_into('<II', head, 340, 0x620, 0x14)
        struct.pack_into('<I', head, 0, checksum(head))
        with open(path, 'wb') as f:
            f.write(head + head)
            for n in range(1, self.next):
                f.write(self.pages.get(n, bytes(PAGE)))


def sid(*n):
    return bytes([1, len(n)]) + (5).to_bytes(6, 'big') + b''.join(struct.pack('<I', x) for x in n)


def wide(s):
    return s.encode('utf-16le')


def counted(s):
    return struct.pack('<I', len(s) + 1) + wide(s) + b'\0\0'


def main(folder):
    path = lambda n: os.path.join(folder, n)

    d = Database(shadow=True)
    d.table('Barang', [('Id', LONG), ('Harga', DOUBLE), ('Ada', BIT), ('Masa', DATE), ('Kod', GUID), ('Nama', TEXT), ('Cap', BINARY), ('Nota', LTEXT), ('Isi', LBINARY)], [
        {'Id': 1, 'Harga': 2.5, 'Ada': 1, 'Masa': days(2026, 2, 3, 4, 5, 6), 'Kod': bytes(range(16)), 'Nama': 'pen', 'Cap': b'\1\2', 'Nota': 'pendek', 'Isi': b'\xaa' * 8},
        {'Id': -2, 'Nama': 'kertas', 'Nota': 'ini ialah nota yang dimampatkan kerana ia panjang', 'Isi': bytes(i % 251 for i in range(1700))},
        {'Id': 3, 'Ada': 0, 'Cap': b'', 'Nota': ['satu', 'dua', 'tiga']},
        {'Id': 4, 'Nama': 'dipadam'},
    ] + [{'Id': n, 'Nama': 'siri %d' % n} for n in range(5, 60)], deleted=(3,))
    d.table('Kosong', [('Id', LONG)], [])
    d.save(path('sample.edb'))

    d = Database()
    d.table('SruDbIdMapTable', [('IdType', UBYTE), ('IdIndex', LONG), ('IdBlob', LBINARY)], [
        {'IdType': 0, 'IdIndex': 1, 'IdBlob': wide('\\Device\\HarddiskVolume3\\Users\\nurul\\Downloads\\rclone.exe\0')},
        {'IdType': 0, 'IdIndex': 2, 'IdBlob': wide('!!svchost.exe!2026/01/05:06:45:20!15eca![netsvcs] [Dnscache]\0')},
        {'IdType': 3, 'IdIndex': 3, 'IdBlob': sid(21, 1004336348, 1177238915, 682003330, 1001)},
        {'IdType': 3, 'IdIndex': 4, 'IdBlob': sid(18)},
    ])
    d.table('{973F5D5C-1D90-4944-BE8E-24B94231A174}', [('AutoIncId', LONG), ('TimeStamp', DATE), ('AppId', LONG), ('UserId', LONG), ('InterfaceLuid', LLONG), ('L2ProfileId', LONG), ('L2ProfileFlags', LONG), ('BytesSent', LLONG), ('BytesRecvd', LLONG)], [
        {'AutoIncId': 1, 'TimeStamp': days(2026, 2, 3, 4, 0, 0), 'AppId': 1, 'UserId': 3, 'InterfaceLuid': 6 << 48, 'L2ProfileId': 0, 'L2ProfileFlags': 0, 'BytesSent': 73400320, 'BytesRecvd': 40960},
        {'AutoIncId': 2, 'TimeStamp': days(2026, 2, 3, 5, 0, 0), 'AppId': 2, 'UserId': 4, 'InterfaceLuid': 71 << 48, 'L2ProfileId': 7, 'L2ProfileFlags': 0, 'BytesSent': 300, 'BytesRecvd': 900},
        {'AutoIncId': 3, 'TimeStamp': days(2026, 2, 3, 6, 0, 0), 'AppId': 9, 'UserId': 3, 'InterfaceLuid': 23 << 48, 'BytesSent': 1, 'BytesRecvd': 2},
    ], deleted=(2,))
    d.table('{D10CA2FE-6FCF-4F6D-848E-B2E99266FA89}', [('AutoIncId', LONG), ('TimeStamp', DATE), ('AppId', LONG), ('UserId', LONG), ('ForegroundCycleTime', LLONG), ('BackgroundBytesRead', LLONG)], [
        {'AutoIncId': 1, 'TimeStamp': days(2026, 2, 3, 4, 0, 0), 'AppId': 1, 'UserId': 3, 'ForegroundCycleTime': 123456, 'BackgroundBytesRead': 104857600},
    ])
    d.table('{DD6636C4-8929-4683-974E-22C046A43763}', [('AutoIncId', LONG), ('TimeStamp', DATE), ('AppId', LONG), ('UserId', LONG), ('InterfaceLuid', LLONG), ('ConnectedTime', LONG), ('ConnectStartTime', LLONG)], [
        {'AutoIncId': 1, 'TimeStamp': days(2026, 2, 3, 4, 0, 0), 'AppId': 2, 'UserId': 4, 'InterfaceLuid': 6 << 48, 'ConnectedTime': 3600, 'ConnectStartTime': filetime(2026, 2, 3, 3)},
    ])
    d.save(path('SRUDB.dat'))

    d = Database()
    d.table('Containers', [('ContainerId', LLONG), ('SetId', ULONG), ('LastAccessTime', LLONG), ('Name', TEXT), ('Directory', LTEXT)], [
        {'ContainerId': i + 1, 'SetId': 0, 'LastAccessTime': filetime(2026, 2, 3), 'Name': n, 'Directory': 'C:\\Users\\nurul\\AppData\\Local\\Microsoft\\Windows\\' + n} for i, n in
        enumerate(['History', 'MSHist012026020320260204', 'Content', 'Cookies', 'iedownload'])
    ])
    columns = [('EntryId', LLONG), ('FileSize', LLONG), ('AccessCount', ULONG), ('SyncTime', LLONG), ('CreationTime', LLONG), ('ExpiryTime', LLONG), ('ModifiedTime', LLONG), ('AccessedTime', LLONG), ('Url', LTEXT), ('Filename', LTEXT), ('ResponseHeaders', LBINARY)]

    def entry(url, **more):
        return dict({'EntryId': 1, 'FileSize': 0, 'AccessCount': 2, 'SyncTime': filetime(2026, 2, 3, 4), 'CreationTime': 0, 'ExpiryTime': filetime(2026, 3, 1), 'ModifiedTime': filetime(2026, 2, 3, 3), 'AccessedTime': filetime(2026, 2, 3, 4), 'Url': url}, **more)
    d.table('Container_1', columns, [entry('Visited: nurul@https://nurul:K4ta@contoh.example/laporan?q=1'), entry('Visited: nurul@file:///E:/Sulit/senarai%20gaji.xlsx'), entry('Visited: nurul@https://padam.example/')], deleted=(2,))
    d.table('Container_2', columns, [entry(':2026020320260204: nurul@:Host: contoh.example')])
    d.table('Container_3', columns, [entry('https://contoh.example/gambar.png', FileSize=5120, Filename='gambar[1].png', CreationTime=filetime(2026, 2, 3, 4), ResponseHeaders=b'HTTP/1.1 200 OK\r\nSet-Cookie: id=Rahsia1\r\n')])
    d.table('Container_4', columns, [entry('Cookie:nurul@contoh.example/', Filename='A1B2C3.txt')])
    d.table('Container_5', columns, [entry('iedownload:{00000000-0000-0000-0000-000000000000}', ResponseHeaders=bytes(328) + wide('https://contoh.example/muat\0https://contoh.example/alat.exe\0C:\\Users\\nurul\\Downloads\\alat.exe\0'))])
    d.table('CookieEntryEx_6', [('EntryId', LLONG), ('Expires', LLONG), ('LastModified', LLONG), ('Name', LBINARY), ('Value', LBINARY), ('RDomain', LBINARY)], [
        {'EntryId': 1, 'Expires': filetime(2026, 3, 1), 'LastModified': filetime(2026, 2, 3, 4), 'Name': b'sid\0', 'Value': b'Rahsia1\0', 'RDomain': b'example.contoh\0'},
    ])
    d.table('HstsEntryEx_7', [('EntryId', LLONG), ('Expires', LLONG), ('LastTimeUsed', LLONG), ('RDomain', LTEXT)], [{'EntryId': 1, 'Expires': filetime(2027, 1, 1), 'LastTimeUsed': filetime(2026, 2, 3, 4), 'RDomain': 'example.bank'}])
    d.save(path('WebCacheV01.dat'))

    d = Database()
    item = [('WorkID', LONG), ('13F-System_Size', LBINARY), ('15F-System_DateModified', LBINARY), ('16F-System_DateCreated', LBINARY), ('17F-System_DateAccessed', LBINARY), ('4631F-System_Search_GatherTime', LBINARY), ('4447-System_ItemPathDisplay', LTEXT), ('33-System_ItemUrl', LTEXT), ('11-System_FileName', LTEXT), ('4450-System_ItemType', LTEXT), ('4392-System_FileOwner', LTEXT), ('4625-System_Search_AutoSummary', LTEXT)]
    ft = lambda *a: struct.pack('<Q', filetime(*a))
    d.table('SystemIndex_PropertyStore', item, [
        {'WorkID': 1, '13F-System_Size': struct.pack('<Q', 4096), '15F-System_DateModified': ft(2026, 2, 1), '16F-System_DateCreated': ft(2026, 1, 1), '17F-System_DateAccessed': ft(2026, 2, 3), '4631F-System_Search_GatherTime': ft(2026, 2, 3, 1), '4447-System_ItemPathDisplay': 'E:\\Sulit\\senarai gaji.xlsx', '33-System_ItemUrl': 'file:E:/Sulit/senarai gaji.xlsx', '11-System_FileName': 'senarai gaji.xlsx', '4450-System_ItemType': '.xlsx', '4392-System_FileOwner': 'PC-7\\nurul', '4625-System_Search_AutoSummary': 'gaji setiap pegawai'},
        {'WorkID': 2, '15F-System_DateModified': struct.pack('>Q', filetime(2026, 2, 2)), '33-System_ItemUrl': 'iehistory://{S-1-5-21-1}/https://contoh.example/'},
    ])
    d.table('SystemIndex_Gthr', [('ScopeID', LONG), ('DocumentID', LONG)], [{'ScopeID': 1, 'DocumentID': 1}])
    d.save(path('Windows.edb'))

    d = Database()
    d.table('string', [('id', LONG), ('string', LTEXT)], [{'id': 1, 'string': '?UP\\Documents'}, {'id': 2, 'string': 'laporan.docx'}])
    d.table('backupset', [('id', LONG), ('timestamp', LLONG)], [{'id': 1, 'timestamp': filetime(2026, 2, 3)}, {'id': 2, 'timestamp': filetime(2026, 2, 4)}])
    d.table('namespace', [('id', LONG), ('parentId', LONG), ('childId', LONG), ('status', SHORT), ('fileAttrib', ULONG), ('fileCreated', LLONG), ('fileModified', LLONG), ('usn', LLONG), ('tCreated', LONG), ('tVisible', LONG), ('fileRecordId', LONG)], [
        {'id': 1, 'parentId': 1, 'childId': 2, 'status': 1, 'fileAttrib': 32, 'fileCreated': filetime(2026, 1, 1), 'fileModified': filetime(2026, 2, 2), 'usn': 9012, 'tCreated': 1, 'tVisible': 2, 'fileRecordId': 1},
        {'id': 2, 'parentId': 1, 'childId': 77, 'status': 1, 'fileAttrib': 32, 'fileCreated': filetime(2026, 1, 1), 'fileModified': filetime(2026, 2, 2), 'usn': 9013, 'tCreated': 1, 'tVisible': 2147483647, 'fileRecordId': 2},
    ])
    d.table('file', [('id', LONG), ('parentId', LONG), ('childId', LONG), ('state', SHORT), ('fileSize', LLONG), ('tQueued', LONG), ('tCaptured', LONG)], [{'id': 1, 'parentId': 1, 'childId': 2, 'state': 4, 'fileSize': 2650218, 'tQueued': 1, 'tCaptured': 1}])
    d.table('library', [('id', LONG)], [{'id': 1}])
    d.save(path('Catalog1.edb'))

    d = Database()
    role = bytes.fromhex('6f22a910ee50d849a3939a501d47ce04')
    clients = [('RoleGuid', GUID), ('TenantId', GUID), ('TotalAccesses', ULONG), ('InsertDate', DATE), ('LastAccess', DATE), ('Address', BINARY), ('AuthenticatedUserName', LTEXT), ('ClientName', LTEXT)] + [('Day%d' % n, LBINARY) for n in (33, 34)]
    d.table('CLIENTS', clients, [{'RoleGuid': role, 'TenantId': bytes(16), 'TotalAccesses': 41, 'InsertDate': days(2026, 2, 2), 'LastAccess': days(2026, 2, 3, 4), 'Address': bytes([10, 1, 2, 3]), 'AuthenticatedUserName': 'jabatan\\nurul', 'Day33': struct.pack('<H', 40), 'Day34': struct.pack('<H', 1)}])
    d.table('ROLE_ACCESS', [('RoleGuid', GUID), ('FirstSeen', DATE), ('LastSeen', DATE)], [{'RoleGuid': role, 'FirstSeen': days(2026, 1, 1), 'LastSeen': days(2026, 2, 3)}])
    d.table('DNS', [('LastSeen', DATE), ('Address', LTEXT), ('HostName', LTEXT)], [{'LastSeen': days(2026, 2, 3), 'Address': '10.1.2.3', 'HostName': 'pc-7.jabatan.example'}])
    d.save(path('Current.mdb'))

    d = Database()
    d.table('ROLE_IDS', [('RoleGuid', GUID), ('ProductName', LTEXT), ('RoleName', LTEXT)], [{'RoleGuid': role, 'ProductName': 'Windows Server 2022 Standard', 'RoleName': 'File Server'}])
    d.table('SYSTEM_IDENTITY', [('CreationTime', DATE), ('SystemDNSHostName', LTEXT)], [{'CreationTime': days(2026, 1, 1), 'SystemDNSHostName': 'fs-1.jabatan.example'}])
    d.save(path('SystemIdentity.mdb'))

    d = Database()
    d.table('Jobs', [('Id', GUID), ('Blob', LBINARY)], [{'Id': bytes(range(16)), 'Blob': bytes(32) + counted('Kemas Kini') + counted('') + counted('C:\\Windows\\Temp\\jalan.exe') + counted('jalan.exe --password K4taLaluan -q') + counted('S-1-5-21-1004336348-1177238915-682003330-1001') + bytes(20)}])
    d.table('Files', [('Id', GUID), ('Blob', LBINARY)], [{'Id': bytes(range(16)), 'Blob': counted('C:\\Windows\\Temp\\jalan.exe') + counted('https://nurul:K4ta@jahat.example/jalan.exe') + counted('C:\\Windows\\Temp\\BIT1A2B.tmp') + counted('\\\\?\\Volume{0}\\') + bytes(12)}])
    d.save(path('qmgr.db'))

    d = Database()

    def adsid(rid):
        b = sid(21, 1004336348, 1177238915, 682003330)
        return b[:1] + b'\5' + b[2:] + struct.pack('>I', rid)
    seconds = lambda *a: filetime(*a) // 10_000_000
    account = [('DNT_col', LONG), ('ATTj590126', LONG), ('ATTj589832', LONG), ('ATTj589993', LONG), ('ATTj589922', LONG), ('ATTl131074', CURRENCY), ('ATTl131075', CURRENCY), ('ATTq589876', CURRENCY), ('ATTq589920', CURRENCY), ('ATTi131120', LONG), ('ATTm590045', LTEXT), ('ATTm590480', LTEXT), ('ATTm13', LTEXT), ('ATTr589970', LBINARY), ('ATTk589914', LBINARY)]
    common = {'ATTl131074': seconds(2025, 1, 1), 'ATTl131075': seconds(2026, 2, 1), 'ATTk589914': b'RahsiaRahsiaRahsia'}
    d.table('datatable', account, [
        {'DNT_col': 1, 'ATTm13': 'skema'},
        dict(common, DNT_col=2, ATTj590126=0x30000000, ATTj589832=0x400200, ATTj589993=12, ATTj589922=513, ATTq589876=filetime(2026, 2, 3), ATTq589920=filetime(2025, 6, 1), ATTm590045='nurul', ATTm590480='nurul@jabatan.example', ATTr589970=adsid(1104)),
        dict(common, DNT_col=3, ATTj590126=0x30000001, ATTj589832=0x1000, ATTm590045='PC-7$', ATTr589970=adsid(1105), ATTi131120=1),
        dict(common, DNT_col=4, ATTj590126=0x10000000, ATTm590045='Domain Admins', ATTr589970=adsid(512)),
    ])
    d.table('sd_table', [('sd_id', CURRENCY)], [{'sd_id': 1}])
    d.save(path('ntds.dit'))


main(sys.argv[1])
