#!/usr/bin/env python3
"""Make testdata/artifact/sample.OBJECTS.DATA, a small object store of WMI, by the
description of the format (J. Metz, dtformats): classes, and instances that start
a program. Not from Windows; the classes have fewer properties than its own.

usage: wmi.py FILE
"""
import hashlib
import struct
import sys
import zlib

FILETIME = 134403285560000000
STRING, BOOL, U8, U32 = 0x08, 0x0B, 0x11, 0x13
ARRAY = 0x2000


def text(s):
    return b"\0" + s.encode("latin-1") + b"\0"


def size(kind):
    return {BOOL: 2, U8: 1}.get(kind, 4)


CLASSES = {}


def define(name, above, own):
    """own: (name, kind) of the properties that are not of a class above."""
    inherited = CLASSES[above][1] if above else []
    layout, off = list(inherited), sum(size(k) for _, k, _, _ in inherited)
    data = bytearray(text(name))
    refs = b""
    for n, kind in own:
        index = len(layout)
        layout.append((n, kind, index, off))
        name_at = len(data)
        data += text(n)
        at = len(data)
        data += struct.pack("<IHIII", kind, index, off, 0, 4)  # qualifiers: none
        refs += struct.pack("<II", name_at, at)
        off += size(kind)
    CLASSES[name] = (above, layout)
    defaults = bytes((len(layout) + 3) // 4 + sum(size(k) for _, k, _, _ in layout))
    above_block = text(above)
    block = b"\0" + struct.pack("<II", 0, len(defaults)) + struct.pack("<I", 4 + len(above_block)) + above_block + struct.pack("<I", 4)
    block += struct.pack("<I", len(own)) + refs + defaults + struct.pack("<I", len(data) | 0x80000000) + data
    return struct.pack("<I", len(above)) + above.encode("utf-16-le") + struct.pack("<Q", FILETIME) + struct.pack("<I", 4 + len(block)) + block + struct.pack("<I", 4 | 0x80000000)


def instance(name, values, xp=False):
    layout = CLASSES[name][1]
    data = bytearray(text(name))
    states, toc = [0] * ((len(layout) + 3) // 4), b""
    for n, kind, index, off in layout:
        v = values.get(n)
        if v is None:
            states[index // 4] |= 1 << 2 * (index % 4)
            toc += bytes(size(kind))
        elif kind == STRING:
            toc += struct.pack("<I", len(data))
            data += text(v)
        elif kind & ARRAY:
            toc += struct.pack("<I", len(data))
            data += struct.pack("<I", len(v)) + v
        elif kind == BOOL:
            toc += struct.pack("<H", 0xFFFF if v else 0)
        else:
            toc += struct.pack("<I", v)
    rest = bytes(states) + toc + struct.pack("<I", 4) + b"\1" + struct.pack("<I", len(data) | 0x80000000) + data
    digest = (hashlib.md5 if xp else hashlib.sha256)(name.upper().encode("utf-16-le")).hexdigest().upper()
    return digest.encode("utf-16-le") + struct.pack("<QQ", FILETIME, FILETIME - 10**9) + struct.pack("<IIB", 9 + len(rest), 0, 0) + rest


def page(records):
    at = 16 * (len(records) + 1)
    head, body = b"", b""
    for i, r in enumerate(records):
        head += struct.pack("<IIII", 1000 + i, at + len(body), len(r), zlib.crc32(r))
        body += r
    raw = head + bytes(16) + body
    assert len(raw) <= 8192, len(raw)
    return raw.ljust(8192, b"\0")


SID = struct.pack(">BBHI", 1, 5, 0, 5) + struct.pack("<5I", 21, 1, 2, 3, 1001)
classes = [
    define("__SystemClass", "", []),
    define("__IndicationRelated", "__SystemClass", []),
    define("__EventFilter", "__IndicationRelated", [("CreatorSID", U8 | ARRAY), ("EventNamespace", STRING), ("Name", STRING), ("Query", STRING), ("QueryLanguage", STRING)]),
    define("__EventConsumer", "__IndicationRelated", [("CreatorSID", U8 | ARRAY), ("MachineName", STRING), ("MaximumQueueSize", U32)]),
    define("CommandLineEventConsumer", "__EventConsumer", [("Name", STRING), ("CommandLineTemplate", STRING), ("ExecutablePath", STRING), ("RunInteractively", BOOL), ("KillTimeout", U32)]),
    define("ActiveScriptEventConsumer", "__EventConsumer", [("Name", STRING), ("ScriptingEngine", STRING), ("ScriptText", STRING)]),
    define("__FilterToConsumerBinding", "__IndicationRelated", [("Consumer", STRING), ("CreatorSID", U8 | ARRAY), ("Filter", STRING)]),
    define("Win32_Lain", "", [("Name", STRING)]),
]
instances = [
    instance("__EventFilter", {"CreatorSID": SID, "EventNamespace": "root\\cimv2", "Name": "KemasKini", "Query": "SELECT * FROM __InstanceModificationEvent WITHIN 60 WHERE TargetInstance ISA 'Win32_PerfFormattedData_PerfOS_System'", "QueryLanguage": "WQL"}),
    instance("CommandLineEventConsumer", {"CreatorSID": SID, "Name": "KemasKini", "CommandLineTemplate": "cmd.exe /c C:\\Users\\Public\\kk.exe --password RAHSIA1234", "RunInteractively": False, "KillTimeout": 30}),
    instance("ActiveScriptEventConsumer", {"CreatorSID": SID, "Name": "Skrip", "ScriptingEngine": "VBScript", "ScriptText": "CreateObject(\"WScript.Shell\").Run \"calc.exe\""}, xp=True),
    instance("__FilterToConsumerBinding", {"CreatorSID": SID, "Consumer": "CommandLineEventConsumer.Name=\"KemasKini\"", "Filter": "__EventFilter.Name=\"KemasKini\""}),
    instance("Win32_Lain", {"Name": "tidak diminta"}),
]
if __name__ == "__main__":
    open(sys.argv[1], "wb").write(page(classes) + page(instances))
