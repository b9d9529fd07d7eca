#!/usr/bin/env python3
"""Make the journals of systemd in testdata/artifact.

usage: journal.py OUT_FOLDER

sample.journal and sample-compact.journal are written by systemd-journal-remote
(Debian's package of that name) on a file system of 6 MiB, so that its tables are
small, and cut behind the last object. The one with LZ4 and XZ is made here:
Debian's systemd writes neither.
"""
import lzma
import os
import struct
import subprocess
import sys
import tempfile

out = sys.argv[1]
T = 1795854000000000
BOOT = "0f0e0d0c0b0a09080706050403020100"
BASE = [("_MACHINE_ID", "11112222333344445555666677778888"), ("_HOSTNAME", "portal"), ("_TRANSPORT", "syslog")]
ENTRIES = [
    [("PRIORITY", "6"), ("SYSLOG_IDENTIFIER", "sshd"), ("_PID", "1203"), ("_UID", "0"), ("_EXE", "/usr/sbin/sshd"), ("_COMM", "sshd"), ("_SYSTEMD_UNIT", "ssh.service"), ("MESSAGE", "Failed password for invalid user admin from 198.51.100.66 port 34960 ssh2")],
    [("PRIORITY", "6"), ("SYSLOG_IDENTIFIER", "sudo"), ("_PID", "1301"), ("_UID", "1000"), ("_EXE", "/usr/bin/sudo"), ("_CMDLINE", "sudo id"), ("MESSAGE", "   nurul : TTY=pts/0 ; PWD=/home/nurul ; USER=root ; COMMAND=/usr/bin/id")],
    [("PRIORITY", "3"), ("SYSLOG_IDENTIFIER", "kemas"), ("_PID", "1400"), ("MESSAGE", "baris satu\nbaris dua " + "panjang " * 200)],
    [("PRIORITY", "6"), ("SYSLOG_IDENTIFIER", "systemd"), ("_PID", "1"), ("MESSAGE_ID", "39f53479d3a045ac8e11786248231fbf"), ("UNIT", "kemas.service"), ("MESSAGE", "Started kemas.service - Kemas.")],
]


def export():
    b = b""
    for i, fields in enumerate(ENTRIES):
        b += f"__REALTIME_TIMESTAMP={T + i * 1500000}\n__MONOTONIC_TIMESTAMP={1000000 + i * 1500000}\n_BOOT_ID={BOOT}\n".encode()
        for k, v in BASE + fields:
            v = v.encode()
            b += k.encode() + (b"\n" + struct.pack("<Q", len(v)) + v if b"\n" in v else b"=" + v) + b"\n"
        b += b"\n"
    return b


def remote(name, compact):
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", d], check=True)
        try:
            path = os.path.join(d, "a.journal")
            subprocess.run(["/lib/systemd/systemd-journal-remote", "--output=" + path, "-"], input=export(), check=True, env={**os.environ, "SYSTEMD_JOURNAL_COMPACT": compact}, stderr=subprocess.DEVNULL)
            b = open(path, "rb").read()
        finally:
            subprocess.run(["umount", d], check=True)
    b = b.rstrip(b"\0")
    with open(os.path.join(out, name), "wb") as f:
        f.write(b + bytes(-len(b) % 1024))


def lz4(b):
    """A block of LZ4 of literals, and one match that repeats the last byte."""
    def length(n):
        return b"" if n < 15 else b"\xff" * ((n - 15) // 255) + bytes([(n - 15) % 255])
    return bytes([min(len(b), 15) << 4 | 15]) + length(len(b)) + b + struct.pack("<H", 1) + length(60 - 4) + b"\x50" + b"xxxxx"


def odd(name):
    header, at = 240, 240
    objects, offsets = b"", []

    def add(kind, flags, payload):
        nonlocal objects
        off = header + len(objects)
        size = 16 + len(payload)
        objects += struct.pack("<BB6xQ", kind, flags, size) + payload + bytes(-size % 8)
        return off

    def data(flags, payload):
        return add(1, flags, bytes(48) + payload)

    text = b"MESSAGE=LZ4 " + b"mampat " * 20
    items = [
        data(0, b"_HOSTNAME=portal"), data(0, b"SYSLOG_IDENTIFIER=kemas"),
        data(2, struct.pack("<Q", len(text) + 65) + lz4(text)),
        data(1, lzma.compress(b"XZ_TEXT=" + b"mampat " * 30, check=lzma.CHECK_NONE)),
    ]
    last = add(3, 0, struct.pack("<QQQ16sQ", 1, T, 1000000, bytes.fromhex(BOOT), 0) + b"".join(struct.pack("<QQ", i, 0) for i in items))
    head = b"LPKSHHRH" + struct.pack("<IIB7x", 0, 3, 0) + bytes(64) + struct.pack("<QQQQQQQQQ", header, len(objects), 0, 0, 0, 0, last, len(items) + 1, 1)
    with open(os.path.join(out, name), "wb") as f:
        f.write(head.ljust(header, b"\0") + objects)


if os.path.exists("/lib/systemd/systemd-journal-remote"):
    remote("sample.journal", "0")
    remote("sample-compact.journal", "1")
odd("sample-lz4-xz.journal")
