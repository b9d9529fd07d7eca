"""Fills a mounted NTFS volume (ntfs-3g, streams_interface=windows, show_sys_files) with what `forensics scan --flags` tells: flags.py MOUNT LUKS.

Times are set by system.ntfs_times of ntfs-3g, which sets those of $FILE_NAME too: Windows does that only when the file is renamed after."""
import os
import struct
import subprocess
import sys
import zipfile

mount, luks = sys.argv[1:]
PE = (b"MZ" + b"\0" * 58 + struct.pack("<I", 64) + b"PE\0\0\x4c\x01").ljust(1024, b"\0")
OLD = 116444736000000000 + 1247534093 * 10**7  # 2009-07-14 01:14:53 UTC


def put(path, data):
    full = os.path.join(mount, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as f:
        f.write(data)
    return full


def stomp(full, made, modified):
    os.setxattr(full, "system.ntfs_times", struct.pack("=QQQ", made, modified, modified))


put("Windows/Temp/kemas.exe", PE + b"1")
put("Windows/System32/wlanhlp.dll", PE + b"2")  # of these flags.sh sets the times as Windows does
put("Windows/System32/ntmsapi.dll", PE + b"3")
put("Program Files/App/app.exe", PE + b"4")
stomp(put("Windows/System32/palsu.dll", PE + b"9"), OLD + 1234567, OLD + 1234567)
full = put("Program Files/App/pasang.tmp", PE + b"10")
stomp(full, OLD + 1234567, OLD + 1234567)
os.rename(full, full[:-4] + ".dll")
put("Windows/System32/svchost.exe", PE + b"5")
put("Users/nurul/svchost.exe", PE + b"6")
put("Users/nurul/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup/mula.bat", b"@echo off\r\n")
put("$Recycle.Bin/S-1-5-21-1-2-3-1000/$RABC123.exe", PE + b"7")
put("Users/nurul/Documents/nota.txt", b"nota\r\n")
put("Users/nurul/Documents/nota.txt:alat.exe", PE + b"8")
with zipfile.ZipFile(put("Users/nurul/Documents/cuti.jpg", b""), "w") as z:
    z.writestr(zipfile.ZipInfo("rahsia.txt"), b"rahsia\n")
noise = subprocess.run(["openssl", "enc", "-aes-128-ctr", "-K", "53616b736953616b736953616b736926", "-iv", "0" * 32], input=b"\0" * 131072, capture_output=True, check=True).stdout
put("Users/nurul/Documents/data.bin", noise)
put("Users/nurul/Documents/ganjil.bin", noise[:-100])
put("Users/nurul/Documents/peti.dat", open(luks, "rb").read(65536))

# The change journal tells of the creation of each as it was; its first pages are sparse.
records = bytearray()
for dirpath, _, names in os.walk(mount):
    for n in sorted(names):
        full = os.path.join(dirpath, n)
        if "/#Extend" in full:
            continue
        st = os.stat(full)
        if st.st_ino < 64:
            continue
        name = n.encode("utf-16-le")
        size = (60 + len(name) + 7) // 8 * 8
        at = 8192 + len(records)
        if at // 4096 != (at + size - 1) // 4096:
            records += b"\0" * (4096 - at % 4096)
            at = 8192 + len(records)
        when = 116444736000000000 + int(st.st_ctime_ns) // 100
        for reason in (0x80000100, 0x80002000) if n == "pasang.dll" else (0x80000100,):
            records += struct.pack("<IHHQQQQIIIIHH", size, 2, 0, st.st_ino | 1 << 48, 5 | 5 << 48, at, when, reason, 0, 0, 0x20, len(name), 60) + name + b"\0" * (size - 60 - len(name))
journal = put("#Extend/$UsnJrnl", b"")  # ntfs-3g lets nobody write into $Extend: flags.sh gives it that name
with open(journal + ":$J", "wb") as f:
    f.write(b"\0" * 8192 + bytes(records).ljust((len(records) + 4095) // 4096 * 4096, b"\0"))
