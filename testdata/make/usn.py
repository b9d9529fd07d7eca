"""Writes a change journal of NTFS: usn.py FILE, from the structures of winioctl.h, with a sparse beginning."""
import struct
import sys

def t(s): return (s+11644473600)*10**7+1234567
out=b'\0'*8192   # sparse beginning, two pages
base=8192
buf=b''
def put(rec):
    global buf
    n=(len(rec)+7)//8*8
    rec=rec.ljust(n,b'\0')
    if len(buf)//4096!=(len(buf)+n-1)//4096: buf=buf.ljust((len(buf)//4096+1)*4096,b'\0')
    buf+=struct.pack('<I',n)+rec[4:]
def usn(): return base+len(buf)
def v2(ref,par,reason,attrs,name,at):
    n=name.encode('utf-16le')
    put(struct.pack('<IHHQQQQIIIIHH',0,2,0,ref,par,usn(),t(at),reason,0,258,attrs,len(n),60)+n)
def v3(ref,par,reason,attrs,name,at):
    n=name.encode('utf-16le')
    put(struct.pack('<IHH',0,3,0)+struct.pack('<QQQQ',ref,0,par,0)+struct.pack('<QQIIIIHH',usn(),t(at),reason,0,258,attrs,len(n),76)+n)
def v4(ref,par,reason,ext):
    put(struct.pack('<IHH',0,4,0)+struct.pack('<QQQQ',ref,0,par,0)+struct.pack('<QIIIHH',usn(),reason,4,0,len(ext),16)+b''.join(struct.pack('<QQ',*e) for e in ext))
r=lambda n,s:n|s<<48
T=1790000000
v2(r(64,1),r(5,5),0x100,0x10,'Users',T)
v2(r(65,1),r(64,1),0x100,0x10,'nurul',T+1)
v2(r(80,3),r(65,1),0x100,0x20,'alat.tmp',T+2)
v2(r(80,3),r(65,1),0x80000102,0x20,'alat.tmp',T+3)
v2(r(80,3),r(65,1),0x1000,0x20,'alat.tmp',T+4)
v2(r(80,3),r(65,1),0x80002000,0x20,'svchost.exe',T+4)
v2(r(80,3),r(66,1),0x8000,0x22,'svchost.exe',T+5)   # directory 66 is not in the journal
buf=buf.ljust(4096,b'\0')
v3(r(81,2),r(65,1),0x20,0x20,'laporan.pdf',T+6)
v4(r(81,2),r(65,1),0x80000001,[(0,4096),(65536,8192)])
v3(r(81,2),r(65,1),0x80000200,0x20,'laporan.pdf',T+7)
buf=buf.ljust(8192,b'\0')
open(sys.argv[1], 'wb').write(out+buf)
