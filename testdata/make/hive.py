"""Writes a registry hive: hive.py FILE [more]; more: other keys, whose meaning was added later. Keys of every kind that forensics/artifact
tells the meaning of, values of every type, big data, a list of lists and a deleted
key. Written byte by byte from the specification, not with our reader."""
import codecs
import struct
import sys

cells = bytearray()
NOW = 133800000000000000  # 2024-12-30, FILETIME


def cell(data, free=False):
    """Appends a cell and returns its offset from the first hive bin."""
    off = 32 + len(cells)
    size = (len(data) + 4 + 7) & ~7
    cells.extend(struct.pack("<i", size if free else -size) + data.ljust(size - 4, b"\0"))
    return off


def sz(s):
    return (s + "\0").encode("utf-16-le")


def value(name, kind, data):
    if len(data) <= 4:
        size, where = len(data) | 0x80000000, struct.unpack("<I", data.ljust(4, b"\0"))[0]
    elif len(data) > 16344:
        parts = [cell(data[i:i + 16344]) for i in range(0, len(data), 16344)]
        size, where = len(data), cell(struct.pack("<2sHI", b"db", len(parts), cell(struct.pack("<%dI" % len(parts), *parts))))
    else:
        size, where = len(data), cell(data)
    try:
        raw, flag = name.encode("latin-1"), 1
    except UnicodeEncodeError:
        raw, flag = name.encode("utf-16-le"), 0
    return cell(struct.pack("<2sHIIIHH", b"vk", len(raw), size, where, kind, flag, 0) + raw)


def key(name, values=(), children=(), flags=0x20, free=False, parent=0, when=NOW, split=False):
    vals = cell(struct.pack("<%dI" % len(values), *values)) if values else 0xFFFFFFFF
    subs = 0xFFFFFFFF
    if children and split:  # a list of lists
        leaves = [cell(struct.pack("<2sH", b"lh", 1) + struct.pack("<II", c, 0)) for c in children]
        subs = cell(struct.pack("<2sH", b"ri", len(leaves)) + struct.pack("<%dI" % len(leaves), *leaves))
    elif children:
        subs = cell(struct.pack("<2sH", b"lf", len(children)) + b"".join(struct.pack("<II", c, 0) for c in children))
    raw = name.encode("latin-1")
    return cell(struct.pack("<2sHQIIIIIIIIIIIIIIIHH", b"nk", flags, when, 0, parent, len(children), 0, subs, 0xFFFFFFFF, len(values), vals, 0xFFFFFFFF, 0xFFFFFFFF,
                            0, 0, 0, 0, 0, len(raw), 0) + raw, free)


def path(parts, leaf):
    """Puts a key below others."""
    for p in reversed(parts.split("\\")):
        leaf = key(p, children=[leaf])
    return leaf


filetime = struct.pack("<Q", NOW)
assist = bytearray(72)
assist[4:8] = struct.pack("<I", 7)
assist[12:16] = struct.pack("<I", 65000)
assist[60:68] = filetime
name = "C:\\Windows\\System32\\cmd.exe".encode("utf-16-le")
body = struct.pack("<H", len(name)) + name + filetime + struct.pack("<I", 0)
shim = struct.pack("<I", 0x34).ljust(0x34, b"\0") + b"10ts" + struct.pack("<II", 0, len(body)) + body
strings = [("nurul", 12), ("Nurul Contoh", 24), ("akaun ujian", 36)]
v, tail = bytearray(204), b""
for text, at in strings:
    raw = text.encode("utf-16-le")
    v[at:at + 8] = struct.pack("<II", len(tail), len(raw))
    tail += raw
f = bytearray(80)
f[8:16] = f[24:32] = filetime
f[56:58], f[64:66], f[66:68] = struct.pack("<H", 0x10), struct.pack("<H", 2), struct.pack("<H", 41)

root_children = [
    path("Software\\Microsoft\\Windows\\CurrentVersion", key("Run", [value("Kemas kini", 1, sz("C:\\Users\\nurul\\kk.exe /senyap")), value("\u4e2d", 2, sz("%TEMP%\\x.exe"))])),
    path("Software\\Explorer\\UserAssist\\{CEBFF5CD-ACE2-4F4F-9178-9926F41749EA}", key("Count", [value(codecs.encode("C:\\Temp\\alat.exe", "rot13"), 3, bytes(assist)), value("HRZR_PGYFRFFVBA", 3, bytes(72))])),
    path("ControlSet001\\Services", key("JahatSvc", [value("Type", 4, struct.pack("<I", 16)), value("Start", 4, struct.pack("<I", 2)), value("ImagePath", 2, sz("C:\\Windows\\jahat.exe")), value("DisplayName", 1, sz("Kemas Kini Sistem"))])),
    path("ControlSet001\\Control\\Session Manager", key("AppCompatCache", [value("AppCompatCache", 3, shim)])),
    path("ControlSet001\\Enum\\USBSTOR\\Disk&Ven_Contoh&Prod_Pena&Rev_1.0", key("1234567890&0", [value("FriendlyName", 1, sz("Contoh Pena USB Device"))])),
    path("Root\\InventoryApplicationFile", key("alat.exe|0123456789abcdef", [value("LowerCaseLongPath", 1, sz("c:\\temp\\alat.exe")), value("FileId", 1, sz("0000" + "ab" * 20)), value("Publisher", 1, sz("contoh"))])),
    path("SAM\\Domains\\Account\\Users", key("000003E9", [value("F", 3, bytes(f)), value("V", 3, bytes(v) + tail)])),
    key("Nilai", [value("", 1, sz("lalai")), value("qword", 11, struct.pack("<Q", 1 << 40)), value("senarai", 7, sz("satu") + sz("dua") + b"\0\0"), value("besar", 3, bytes(range(256)) * 80),
                  value("be", 5, struct.pack(">I", 5)), value("kosong", 0, b""), value("aneh", 0x12345678, b"\1\2\3\4\5")]),
]
if sys.argv[2:] == ["more"]:
    cells.clear()
    day = struct.pack("<8H", 2026, 7, 3, 15, 9, 30, 15, 0)
    prop = "ControlSet001\\Enum\\USBSTOR\\Disk&Ven_Contoh&Prod_Pena&Rev_1.0\\1234567890&0\\Properties\\{83da6326-97a6-4088-9453-a1923f573b29}"
    root_children = [
        path("ControlSet001\\Control\\ComputerName", key("ComputerName", [value("ComputerName", 1, sz("PC-7"))])),
        path("ControlSet001\\Control", key("TimeZoneInformation", [value("TimeZoneKeyName", 1, sz("Singapore Standard Time")), value("Bias", 4, struct.pack("<i", -480)), value("ActiveTimeBias", 4, struct.pack("<i", -480))])),
        path("Microsoft\\Windows NT", key("CurrentVersion", [value("ProductName", 1, sz("Windows 10 Pro")), value("CurrentBuild", 1, sz("19045")), value("InstallDate", 4, struct.pack("<I", 1735526400)), value("RegisteredOwner", 1, sz("nurul"))])),
        path("Microsoft\\Windows NT\\CurrentVersion\\NetworkList\\Profiles", key("{01234567-89AB-4CDE-8F01-23456789ABCD}", [value("ProfileName", 1, sz("Pejabat")), value("NameType", 4, struct.pack("<I", 71)), value("Category", 4, struct.pack("<I", 1)), value("DateCreated", 3, day), value("DateLastConnected", 3, day)])),
        path("Microsoft\\Windows NT\\CurrentVersion\\NetworkList\\Signatures\\Unmanaged", key("010103000F0000F0A1", [value("FirstNetwork", 1, sz("Pejabat")), value("DefaultGatewayMac", 3, bytes([0x02, 0, 0x5e, 0x10, 0, 1])), value("ProfileGuid", 1, sz("{01234567-89AB-4CDE-8F01-23456789ABCD}"))])),
        path("ControlSet001\\Services\\bam\\State\\UserSettings", key("S-1-5-21-1-2-3-1001", [value("\\Device\\HarddiskVolume2\\Temp\\alat.exe", 3, filetime + bytes(16)), value("Version", 4, struct.pack("<I", 1))])),
        key("MountedDevices", [value("\\DosDevices\\C:", 3, struct.pack("<IQ", 0x1234ABCD, 1048576)), value("\\DosDevices\\D:", 3, b"DMIO:ID:" + bytes(range(16))), value("\\DosDevices\\E:", 3, sz("_??_USBSTOR#Disk&Ven_Contoh&Prod_Pena"))]),
        path(prop, key("0066", [value("", 0xFFFF0010, filetime)])),
        path(prop + "\\00000067", key("00000000", [value("Data", 3, filetime)])),
        path("Software\\Microsoft\\Windows\\CurrentVersion\\Explorer", key("TypedPaths", [value("url1", 1, sz("\\\\pelayan\\kongsi")), value("url2", 1, sz("C:\\Temp"))])),
        path("Software\\Microsoft\\Windows\\CurrentVersion\\Explorer", key("RunMRU", [value("a", 1, sz("cmd\\1")), value("b", 1, sz("net use x: \\\\pelayan\\c /user:nurul Rahsia1\\1")), value("MRUList", 1, sz("ba"))])),
        path("Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\RecentDocs", key(".pdf", [value("0", 3, sz("laporan.pdf") + bytes(8)), value("1", 3, sz("bukti.pdf") + bytes(8)), value("MRUListEx", 3, struct.pack("<IIi", 1, 0, -1))])),
        path("Local Settings\\Software\\Microsoft\\Windows\\Shell", key("MuiCache", [value("C:\\Temp\\alat.exe.FriendlyAppName", 1, sz("Alat Contoh")), value("LangID", 3, b"\x09\x04")])),
        path("Policy\\Secrets\\DefaultPassword", key("CurrVal", [value("", 0, bytes(range(40)))])),
        path("SAM\\Domains\\Account\\Users", key("000003EA", [value("F", 3, bytes(f)), value("V", 3, bytes(v) + tail + b"RAHSIA-HASH")])),
    ]
if sys.argv[2:] == ["bags"]:
    # Shell bags by J. Metz, Windows Shell Item format; the item of the volume is one that it prints, of Windows 7.
    cells.clear()

    def fat(y, mo, d, h, mi, s):
        return struct.pack("<HH", (y - 1980) << 9 | mo << 5 | d, h << 11 | mi << 5 | s // 2)

    def folder(short, long, version, mft, sequence):
        name = short.encode() + b"\0" * (2 - len(short) % 2)
        at = 14 + len(name)
        rest = fat(2026, 6, 30, 8, 0, 2) + fat(2026, 7, 3, 9, 30, 14) + struct.pack("<H", {3: 20, 7: 38, 8: 42, 9: 46}[version])
        if version >= 7:
            rest += bytes(2) + struct.pack("<Q", sequence << 48 | mft) + bytes(8)
        rest += bytes(2) + (bytes(4) if version >= 9 else b"") + (bytes(4) if version >= 8 else b"") + sz(long)
        block = struct.pack("<HHI", 8 + len(rest) + 2, version, 0xBEEF0004) + rest + struct.pack("<H", at)
        item = struct.pack("<BBI", 0x31, 0, 0) + fat(2026, 7, 1, 23, 59, 58) + struct.pack("<H", 0x10) + name + block
        return struct.pack("<H", len(item) + 2) + item + bytes(2)

    def bag(item):
        return struct.pack("<H", len(item) + 2) + item + bytes(2)

    computer = bag(b"\x1f\x50" + bytes.fromhex("e04fd020ea3a6910a2d808002b30309d"))
    volume = bag(bytes.fromhex("2f443a5c000000000000000000000000000000000000000001010 58aebfbeebe424480 4e409d6c4515e9".replace(" ", "")))
    share = bag(b"\x42\x01\x00\\\\pelayan\0")
    order = struct.pack("<IIi", 1, 0, -1)
    secret = key("0", [value("0", 3, folder("GAJI20~1", "Gaji 2026 \u4e2d", 9, 4242, 3)), value("1", 3, folder("LAMA", "", 3, 0, 0)), value("MRUListEx", 3, order)])
    disk = key("0", [value("0", 3, folder("RAHSIA", "Rahsia", 8, 77, 1)), value("MRUListEx", 3, struct.pack("<Ii", 0, -1))], children=[secret])
    here = key("0", [value("0", 3, volume), value("1", 3, volume[:9])], children=[disk])
    bags = key("BagMRU", [value("0", 3, computer), value("1", 3, share), value("2", 3, bag(b"\x99abc")), value("MRUListEx", 3, order), value("NodeSlots", 3, b"\2")], children=[here])
    root_children = [path("Local Settings\\Software\\Microsoft\\Windows\\Shell", bags)]
if sys.argv[2:] == ["traces"]:
    # What examiners ask for besides: lists of what was used, places that start programs, clients, groups, old caches of programs.
    cells.clear()

    def dword(n):
        return struct.pack("<I", n)

    def items(*names):
        out = struct.pack("<HBB", 20, 0x1F, 0x50) + bytes.fromhex("e04fd020ea3a6910a2d808002b30309d")
        out += struct.pack("<HB", 25, 0x2F) + b"D:\\".ljust(22, b"\0")
        for n in names:
            raw = n.encode() + b"\0" * (2 - len(n) % 2)
            out += struct.pack("<HBBIIH", 14 + len(raw), 0x32, 0, 7, 0x5CE35CE3, 0x20) + raw
        return out + b"\0\0"

    def sid(*parts):
        return struct.pack(">BBHI", 1, len(parts), 0, 5) + struct.pack("<%dI" % len(parts), *parts)

    def alias(rid, name, comment, members):
        n, c, m = name.encode("utf-16-le"), comment.encode("utf-16-le"), b"".join(members)
        return struct.pack("<IIIHHIIIIIIIII", rid, 0, 0, 2, 1, 0, len(n), 0, len(n), len(c), 0, len(n) + len(c), len(m), len(members)) + n + c + m

    def table(magic, head, wide, flags, paths):
        # Windows 2003 to 7: entries, then their paths.
        step = {(8, 0): 24, (8, 1): 32, (128, 0): 32, (128, 1): 48}[head, wide]
        out, tail = struct.pack("<II", magic, len(paths)).ljust(head, b"\0"), b""
        for p in paths:
            raw = p.encode("utf-16-le")
            off = head + step * len(paths) + len(tail)
            entry = struct.pack("<HH", len(raw), len(raw) + 2) + (struct.pack("<IQ", 0, off) if wide else dword(off)) + filetime + struct.pack("<II", flags, 0)
            out += entry.ljust(step, b"\0")
            tail += raw + b"\0\0"
        return out + tail

    xp = struct.pack("<II", 0xDEADBEEF, 1).ljust(400, b"\0") + sz("\\??\\C:\\xp.exe").ljust(528, b"\0") + filetime + struct.pack("<Q", 4096) + filetime
    eight = "C:\\lapan.exe".encode("utf-16-le")
    body80 = struct.pack("<H", len(eight)) + eight + struct.pack("<II", 2, 0) + filetime + dword(0)
    body81 = struct.pack("<H", len(eight)) + eight + struct.pack("<HII", 0, 0, 0) + filetime + dword(0)
    shim8 = dword(128).ljust(128, b"\0") + b"00ts" + struct.pack("<II", 0, len(body80)) + body80 + b"10ts" + struct.pack("<II", 0, len(body81)) + body81
    shims = [("AppCompatibility", xp), ("AppCompatCache", table(0xBADC0FFE, 8, 0, 70000, ["\\??\\C:\\dua.exe"])), ("AppCompatCache", table(0xBADC0FFE, 8, 1, 2, ["\\??\\C:\\vista.exe"])),
             ("AppCompatCache", table(0xBADC0FEE, 128, 1, 2, ["\\??\\C:\\tujuh.exe", "\\??\\C:\\lihat.exe"])), ("AppCompatCache", shim8)]
    explorer = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer"
    version = "Microsoft\\Windows\\CurrentVersion"
    nt = "Microsoft\\Windows NT\\CurrentVersion"
    order = struct.pack("<IIi", 1, 0, -1)
    task = "{0A1B2C3D-0001-4002-8003-0123456789AB}"
    trust = filetime + bytes(12) + struct.pack("<i", 0x7FFFFFFF)
    root_children = [path("ControlSet%03d\\Control\\Session Manager" % (i + 1), key(n, [value("AppCompatCache", 3, d)])) for i, (n, d) in enumerate(shims)] + [
        path(explorer, key("WordWheelQuery", [value("0", 3, sz("gaji")), value("1", 3, sz("kata laluan")), value("MRUListEx", 3, order)])),
        path(explorer + "\\ComDlg32\\OpenSavePidlMRU", key("docx", [value("0", 3, items("SULIT", "A.DOC")), value("1", 3, items("B.DOC")), value("MRUListEx", 3, order)])),
        path(explorer + "\\ComDlg32", key("LastVisitedPidlMRU", [value("0", 3, sz("winword.exe") + items("SULIT")), value("MRUListEx", 3, struct.pack("<Ii", 0, -1))])),
        path(explorer + "\\ComDlg32", key("LastVisitedMRU", [value("a", 3, sz("notepad.exe") + sz("C:\\Lama")), value("MRUList", 1, sz("a"))])),
        path(explorer + "\\FeatureUsage", key("AppLaunch", [value("C:\\Temp\\alat.exe", 4, dword(3))])),
        path(explorer + "\\MountPoints2", key("##pelayan#kongsi")),
        path("Software\\Microsoft\\Internet Explorer", key("TypedURLsTime", [value("url1", 3, filetime), value("url2", 3, bytes(8))])),
        path("Software\\Microsoft\\Office\\16.0\\Word\\Security\\Trusted Documents", key("TrustRecords", [value("%USERPROFILE%/Downloads/makro.docm", 3, trust), value("C:/biasa.docx", 3, filetime + bytes(16))])),
        path("Software\\Microsoft\\Office\\16.0\\Word\\User MRU\\LiveId_1", key("File MRU", [value("Item 1", 1, sz("[F00000000][T01DB5AC95F5A0000][O00000000]*C:\\Sulit\\laporan.docx")), value("Max Display", 4, dword(25))])),
        path("Software\\Microsoft\\Terminal Server Client\\Servers", key("203.0.113.9", [value("UsernameHint", 1, sz("CONTOH\\nurul"))])),
        path("Software\\Microsoft\\Terminal Server Client", key("Default", [value("MRU0", 1, sz("203.0.113.9"))])),
        path("Software\\SimonTatham\\PuTTY", key("SshHostKeys", [value("ssh-ed25519@22:203.0.113.9", 1, sz("0x1,0x2"))])),
        path("Software\\Martin Prikryl\\WinSCP 2\\Sessions", key("pelayan", [value("HostName", 1, sz("203.0.113.9")), value("UserName", 1, sz("nurul")), value("Password", 1, sz("RAHSIA-HASH"))])),
        path("Software\\Classes\\CLSID\\{01234567-89AB-4CDE-8F01-23456789ABCD}", key("InprocServer32", [value("", 1, sz("C:\\Users\\nurul\\x.dll"))])),
        path("Network", key("Z", [value("RemotePath", 1, sz("\\\\pelayan\\kongsi")), value("UserName", 1, sz("CONTOH\\nurul"))])),
        key("Environment", [value("UserInitMprLogonScript", 1, sz("C:\\Users\\nurul\\mula.bat")), value("DB_PASSWORD", 1, sz("RAHSIA-HASH"))]),
        path(nt + "\\ProfileList", key("S-1-5-21-1-2-3-1001", [value("ProfileImagePath", 2, sz("C:\\Users\\nurul")), value("LocalProfileLoadTimeLow", 4, dword(NOW & 0xFFFFFFFF)), value("LocalProfileLoadTimeHigh", 4, dword(NOW >> 32))])),
        path(nt + "\\Image File Execution Options", key("sethc.exe", [value("Debugger", 1, sz("C:\\Windows\\System32\\cmd.exe"))])),
        path(nt + "\\Schedule\\TaskCache\\Tasks", key(task, [value("Path", 1, sz("\\Kemas Kini")), value("Author", 1, sz("CONTOH\\nurul")), value("DynamicInfo", 3, dword(3) + filetime + filetime + struct.pack("<II", 0, 0x80070002) + filetime)])),
        path(nt + "\\Schedule\\TaskCache\\Tree", key("Kemas Kini", [value("Id", 1, sz(task))])),
        path(nt + "\\EMDMgmt", key("_??_USBSTOR#Disk&Ven_Contoh&Prod_Pena#123&0#{53f56307-b6bf-11d0-94f2-00a0c91efb8b}PENA_305419896", [value("LastTestedTime", 11, filetime)])),
        path(version + "\\Uninstall", key("Alat", [value("DisplayName", 1, sz("Alat Jauh")), value("DisplayVersion", 1, sz("1.2")), value("InstallDate", 1, sz("20241230"))])),
        path("Microsoft\\Windows Defender\\Exclusions", key("Paths", [value("C:\\Temp", 4, dword(0))])),
        path("ControlSet001\\Services\\JahatSvc", key("Parameters", [value("ServiceDll", 2, sz("C:\\Windows\\jahat.dll"))])),
        path("ControlSet001\\Services\\Tcpip\\Parameters\\Interfaces", key("{01234567-89AB-4CDE-8F01-23456789ABCD}", [value("EnableDHCP", 4, dword(1)), value("DhcpIPAddress", 1, sz("198.51.100.7")), value("DhcpServer", 1, sz("198.51.100.1")),
                                                                                                                              value("DhcpNetworkHint", 1, sz("05A6")), value("LeaseObtainedTime", 4, dword(1735526400))])),
        path("ControlSet001\\Control", key("Windows", [value("ShutdownTime", 3, filetime)])),
        path("ControlSet001\\Control", key("Lsa", [value("Security Packages", 7, sz("kerberos") + sz("mimilib") + b"\0\0")])),
        path("ControlSet001\\Enum\\USB\\VID_0951&PID_1666", key("1234567890", [value("DeviceDesc", 1, sz("USB Mass Storage Device"))])),
        path("SAM\\Domains\\Builtin\\Aliases", key("00000220", [value("C", 3, alias(544, "Pentadbir", "berkuasa penuh", [sid(21, 1, 2, 3, 500), sid(21, 1, 2, 3, 1001)]))])),
        path("Root\\InventoryDriverBinary", key("c:/windows/system32/drivers/jahat.sys", [value("DriverName", 1, sz("jahat.sys")), value("DriverId", 1, sz("0000" + "cd" * 20)), value("DriverSigned", 4, dword(0)), value("DriverTimeStamp", 4, dword(1735526400))])),
        path("Root\\File\\{11111111-2222-4333-8444-555555555555}", key("1000a", [value("15", 1, sz("C:\\Temp\\lama.exe")), value("101", 1, sz("0000" + "ef" * 20)), value("17", 11, filetime), value("f", 4, dword(1735526400))])),
    ]
root = key("CONTOH{1}", children=root_children, flags=0x2C, split=True)
key("Terpadam", [value("rahsia", 1, sz("dipadam"))], free=True, parent=root)
# Free space to the end of the bin.
size = (32 + len(cells) + 4095) & ~4095
rest = size - 32 - len(cells)
if rest:
    cells.extend(struct.pack("<i", rest).ljust(rest, b"\0"))
hbin = struct.pack("<4sIIQQI", b"hbin", 0, size, 0, NOW, 0) + cells
head = bytearray(4096)
struct.pack_into("<4sIIQIIIIIII", head, 0, b"regf", 9, 9, NOW, 1, 5, 0, 1, root, size, 1)
path_text = "\\??\\C:\\Users\\nurul\\ntuser.dat".encode("utf-16-le")[:64]
head[48:48 + len(path_text)] = path_text
check = 0
for (w,) in struct.iter_unpack("<I", bytes(head[:508])):
    check ^= w
struct.pack_into("<I", head, 508, check)
open(sys.argv[1], "wb").write(bytes(head) + hbin)
