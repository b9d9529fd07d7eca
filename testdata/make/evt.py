#!/usr/bin/env python3
"""Makes an event log of Windows XP whose ring has turned once: its oldest record
goes on at the beginning, and one that is no longer counted stands behind the end
(Microsoft Learn, Event Log File Format). `make interop` checks it with evtexport.

usage: evt.py FILE
"""
import struct
import sys


def wide(s):
    return s.encode('utf-16le') + b'\0\0'


def record(number, when, event, kind, source, computer, texts=(), sid=b'', data=b'', category=0):
    head = wide(source) + wide(computer)
    at = 56 + len(head)
    pad = -at % 4
    body = head + b'\0' * pad + sid
    sid_at = at + pad
    text_at = 56 + len(body)
    body += b''.join(wide(t) for t in texts)
    data_at = 56 + len(body)
    body += data
    body += b'\0' * (-(56 + len(body)) % 4)
    size = 60 + len(body)
    return struct.pack('<I4sIIIIHHHHIIIIII', size, b'LfLe', number, when, when + 1, event, kind, len(texts), category, 0, 0, text_at, len(sid), sid_at, len(data), data_at) + body + struct.pack('<I', size)


sid = bytes([1, 5, 0, 0, 0, 0, 0, 5]) + struct.pack('<IIIII', 21, 1004336348, 1177238915, 682003330, 1001)
T = 1_138_939_200
four = record(4, T, 528, 8, 'Security', 'PC-7', ['nurul', 'PC-7', '(0x0,0x1A2B3)', '2'], sid, category=2)
five = record(5, T + 60, 0x40001B7C, 4, 'Service Control Manager', 'PC-7', ['Kemas', 'running'])
six = record(6, T + 120, 592, 8, 'Security', 'PC-7', ['1234', 'C:\\WINDOWS\\system32\\net.exe user nurul --password K4ta'], sid, category=3)
seven = record(7, T + 180, 529, 16, 'Security', 'PC-7', ['pentadbir', 'PC-7', '3'], data=b'\1\2\3\4', category=2)
two = record(2, T - 60, 6005, 4, 'EventLog', 'PC-7')
# In the file: the end of 4 (it wraps), 5, 6, 7, the mark of the end, then 2, which is older, and the beginning of 4.
wrapped = 60
tail = four[-wrapped:]
body = tail + five + six + seven
end = 48 + len(body)
first = end + 40 + len(two)
eof = struct.pack('<IIIIIIIIII', 40, 0x11111111, 0x22222222, 0x33333333, 0x44444444, first, end, 8, 4, 40)
log = body + eof + two + four[:-wrapped]
head = struct.pack('<I4sIIIIIIIIII', 48, b'LfLe', 1, 1, first, end, 8, 4, 48 + len(log), 2, 604800, 48)
with open(sys.argv[1], 'wb') as f:
    f.write(head + log)
