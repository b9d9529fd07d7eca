#!/bin/bash
# Makes image/filesystem/wof.qcow2 and image/wof/: files of NTFS as Windows compresses its own
# ("compact /exe"), packed by wimlib, whose chunks are of the same form.
#
# Debian 12 packages (run as root): ntfs-3g attr wimtools qemu-utils openssl python3
set -euo pipefail
umask 022
export LC_ALL=C.UTF-8 TZ=UTC
root=$(dirname "$(dirname "$(realpath "$0")")")
work=$(mktemp -d /tmp/saksi-wof.XXXXXX)
trap 'umount "$work/mnt" 2>/dev/null || :; rm -rf "$work"' EXIT
mkdir -p "$work/mnt" "$root/image/wof"
# Text, then what can't be packed, then text that ends within a chunk.
{
	seq -f 'rekod %.0f: pengguna log masuk' 1 1500
	head -c 20000 /dev/zero | openssl enc -aes-128-ctr -K 53616b736953616b736953616b736925 -iv 00000000000000000000000000000000
	seq -f 'rekod %.0f: pengguna log keluar' 1 700
} >"$work/plain"
truncate -s 4M "$work/ntfs.raw"
mkfs.ntfs -q -Q -F -H 0 -S 0 -s 512 -c 4096 -p 0 -L UJIAN "$work/ntfs.raw" >/dev/null 2>&1
ntfs-3g -o streams_interface=windows "$work/ntfs.raw" "$work/mnt"
cp "$work/plain" "$work/mnt/plain.txt"
put() { # NAME ALGORITHM WIM-TYPE CHUNK
	mkdir "$work/$1"
	cp "$work/plain" "$work/$1/"
	wimcapture "$work/$1" "$work/$1.wim" --compress="$3" --chunk-size="$4" --no-acls >/dev/null
	# The packed resource of the file, by its SHA-1 in the table of the WIM.
	python3 - "$work/$1.wim" "$work/plain" >"$work/$1.packed" <<'P'
import hashlib, struct, sys
b = open(sys.argv[1], 'rb').read()
want = hashlib.sha1(open(sys.argv[2], 'rb').read()).digest()
def resource(at):
    size = int.from_bytes(b[at:at + 7], 'little')
    return b[at + 7], size, *struct.unpack_from('<QQ', b, at + 8)
_, size, at, _ = resource(48)
for e in range(at, at + size, 50):
    if b[e + 30:e + 50] == want:
        flags, n, at, _ = resource(e)
        assert flags & 4
        sys.stdout.buffer.write(b[at:at + n])
P
	truncate -s "$(stat -c %s "$work/plain")" "$work/mnt/$1.txt"
	cat "$work/$1.packed" >"$work/mnt/$1.txt:WofCompressedData"
	# Tag 80000017, 16 bytes: version 1, provider 2 (file); version 1, algorithm.
	setfattr -h -v "0x17000080100000000100000002000000010000000${2}000000" -n system.ntfs_reparse_data "$work/mnt/$1.txt"
}
put xpress4k 0 XPRESS 4096
put lzx 1 LZX 32768
put xpress8k 2 XPRESS 8192
put xpress16k 3 XPRESS 16384
# One whose content lies in a WIM elsewhere (provider 1), and an algorithm nobody has.
put wim 0 XPRESS 4096
setfattr -h -v 0x170000801000000001000000010000000100000000000000 -n system.ntfs_reparse_data "$work/mnt/wim.txt"
put unknown 9 XPRESS 4096
for f in xpress4k xpress8k xpress16k lzx; do cp "$work/$f.packed" "$root/image/wof/$f"; done
sync
umount "$work/mnt"
qemu-img convert -f raw -O qcow2 -c -o cluster_size=4096 "$work/ntfs.raw" "$root/image/filesystem/wof.qcow2"
