"""Changes an NTFS volume as no driver of Linux does: flagtimes.py RAW.

#Extend becomes $Extend, and $STANDARD_INFORMATION of some files gets times of 2009 while $FILE_NAME keeps its own, as SetFileTime and
NtSetInformationFile of Windows do it."""
import struct
import sys

wide = lambda s: s.encode("utf-16-le")
raw = bytearray(open(sys.argv[1], "rb").read().replace(wide("$Extend"), wide("$Extenz")).replace(wide("#Extend"), wide("$Extend")))
OLD = 116444736000000000 + 1247534093 * 10**7  # 2009-07-14 01:14:53 UTC
# Created, modified, changed (None: as it is), accessed.
TIMES = {
    "wlanhlp.dll": (OLD, OLD, None, OLD),
    "ntmsapi.dll": (OLD, OLD, OLD, OLD),
    "app.exe": (OLD + 1234567, OLD + 7654321, None, None),
}
for at in range(0, len(raw) - 1023, 512):
    if raw[at : at + 4] != b"FILE":
        continue
    name = next((n for n in TIMES if wide(n) in raw[at : at + 1024]), None)
    first = at + struct.unpack_from("<H", raw, at + 20)[0]
    if name is None or struct.unpack_from("<I", raw, first)[0] != 0x10:
        continue
    content = first + struct.unpack_from("<H", raw, first + 20)[0]
    if raw[at + 22] & 2:  # a directory holds it in its index
        continue
    for i, t in enumerate(TIMES[name]):
        if t is not None:
            struct.pack_into("<Q", raw, content + 8 * i, t)
open(sys.argv[1], "wb").write(raw)
