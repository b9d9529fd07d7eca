#!/bin/sh
# Makes image/layer/: partitions that a volume manager or encryption stands in.
# LVM2 and LUKS by their own tools, without device-mapper; arrays.sh makes what
# needs the kernel's.
#
# Debian 12 packages: lvm2 cryptsetup-bin gzip python3; needs root for a loop
# device.
set -eu
umask 022
export LC_ALL=C.UTF-8 TZ=UTC
root=$(dirname "$(dirname "$(realpath "$0")")")
out=$root/image/layer
work=$(mktemp -d /tmp/saksi-layers.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
media=$root/image/container/media.raw

# A group of volumes: akar in one piece with the ext2 of media.raw, data in two
# pieces with the same, jalur striped over one disk more than there is.
truncate -s 4M "$work/lvm2.raw"
truncate -s 4M "$work/second.raw"
a=$(losetup -f --show "$work/lvm2.raw")
b=$(losetup -f --show "$work/second.raw")
lvm() { command lvm "$@" --driverloaded n >/dev/null 2>&1; }
lvm pvcreate -ff -y "$a" "$b"
lvm vgcreate -s 64k kumpulan "$a" "$b"
lvm lvcreate -y -an -Zn -Wn -L 448k -n akar kumpulan "$a"
lvm lvcreate -y -an -Zn -Wn -L 64k -n data kumpulan "$a"
lvm lvcreate -y -an -Zn -Wn -L 64k -n kecil kumpulan "$a"
lvm lvextend -L +384k kumpulan/data "$a"
lvm lvcreate -y -an -Zn -Wn -i 2 -I 64k -L 128k -n jalur kumpulan "$a" "$b"
losetup -d "$a" "$b"
# The metadata names the machine it was made on; another of the same length, and
# the checksums (CRC-32 that begins with 0xf597a6cf, without the last inversion).
python3 - "$work/lvm2.raw" <<'P'
import os, struct, sys, zlib
crc = lambda b: zlib.crc32(b, 0xf597a6cf ^ 0xffffffff) ^ 0xffffffff
u = os.uname()
b = open(sys.argv[1], 'rb').read()
for old in (u.version, u.release, u.nodename):
    new = ('contoh' * 20)[:len(old)]
    b = b.replace(old.encode(), new.encode()) if old != u.nodename else b.replace(b'"%s"' % old.encode(), b'"%s"' % new.encode()).replace(b'Linux %s ' % old.encode(), b'Linux %s ' % new.encode())
b = bytearray(b)
at, n = struct.unpack_from('<QQ', b, 4096 + 40)
struct.pack_into('<I', b, 4096 + 56, crc(bytes(b[4096 + at:4096 + at + n])))
struct.pack_into('<I', b, 4096, crc(bytes(b[4096 + 4:4096 + 512])))
open(sys.argv[1], 'wb').write(b)
P
dd if="$media" of="$work/lvm2.raw" bs=64k seek=16 conv=notrunc status=none # 1 MiB: pe_start
dd if="$media" of="$work/lvm2.raw" bs=64k seek=23 count=1 conv=notrunc status=none
dd if="$media" of="$work/lvm2.raw" bs=64k seek=25 skip=1 conv=notrunc status=none
gzip -9n <"$work/lvm2.raw" >"$out/lvm2.raw.gz"

# The first 16 KiB of LUKS volumes: their headers, none of their keys.
for v in 1 2; do
	truncate -s 20M "$work/luks$v"
	printf 'ujian-sahaja' | cryptsetup luksFormat -q --type "luks$v" --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --uuid "3e0c0f3a-5e0e-4c52-9d3b-0a5e5b8f000$v" "$work/luks$v" -
	head -c 16384 "$work/luks$v" >"$work/luks$v.raw"
	[ "$v" = 2 ] || truncate -s 4096 "$work/luks$v.raw"
	gzip -9n <"$work/luks$v.raw" >"$out/luks$v.raw.gz"
done
