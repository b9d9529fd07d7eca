#!/bin/sh
# Makes image/recover/ and truth/recover.tsv: file systems that readers of our
# own read, and files removed from ext3 and ext4 by the kernel, which leaves
# nothing of them but what the journal keeps. The kernel's own view before
# removing, by sha256sum, is the truth. QCOW2 is packing only.
#
# Debian 12 packages (run as root, loop devices, kernel with XFS and Btrfs): cryptsetup-bin e2fsprogs xfsprogs btrfs-progs python3 qemu-utils openssl dosfstools mtools sleuthkit zip libjpeg-turbo-progs
set -eu
umask 022
export LC_ALL=C.UTF-8 TZ=UTC
root=$(dirname "$(dirname "$(realpath "$0")")")
out=$root/image/recover
truth=$root/truth/recover.tsv
work=$(mktemp -d /tmp/saksi-recover.XXXXXX)
trap 'umount "$work/mnt" 2>/dev/null || :; rm -rf "$work"' EXIT
mkdir -p "$out" "$work/mnt"
mnt=$work/mnt
printf 'image\tstate\tsha256\tpath\n' >"$truth"
noise() { # BYTES NUMBER
	head -c "$1" /dev/zero | openssl enc -aes-128-ctr -K 53616b736953616b736953616b736925 -iv "$(printf %032x "$2")"
}
pack() { qemu-img convert -f raw -O qcow2 -c -o cluster_size=4096 "$work/$1.raw" "$out/$1.qcow2"; }
note() { # IMAGE STATE: what lies below the current folder
	find . -type f | sort | while read -r f; do
		printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$(sha256sum "$f" | cut -d' ' -f1)" "${f#.}"
	done >>"$truth"
}

# Files and a folder are removed by the kernel; one is in pieces, one sparse.
journal() { # NAME mkfs-options
	name=$1
	shift
	truncate -s 8M "$work/$name.raw"
	mkfs.ext4 -q -F -L UJIAN "$@" "$work/$name.raw"
	mount -o loop "$work/$name.raw" "$mnt"
	mkdir -p "$mnt/folder/inner" "$mnt/gone"
	echo 'kekal' >"$mnt/folder/kekal.txt"
	sync
	echo 'fail pertama' >"$mnt/folder/one.txt"
	noise 20000 1 >"$mnt/folder/noise.bin"
	echo 'nama panjang' >"$mnt/folder/inner/nama fail – ujian.txt"
	noise 5000 2 >"$mnt/gone/gone.bin"
	for i in 1 2 3 4 5 6 7 8; do
		noise 3072 $((10 + i)) | dd of="$mnt/folder/pieces.bin" bs=3072 seek=$i conv=notrunc,fsync status=none
		noise 1024 $((20 + i)) | dd of="$mnt/folder/kekal.bin" bs=1024 seek=$i conv=notrunc,fsync status=none
	done
	truncate -s 60000 "$mnt/folder/sparse.bin"
	noise 2000 3 | dd of="$mnt/folder/sparse.bin" bs=1000 seek=30 conv=notrunc status=none
	sync
	(cd "$mnt" && rm -rf lost+found && note "$name" all)
	rm -r "$mnt/gone" "$mnt/folder/inner" "$mnt/folder/one.txt" "$mnt/folder/noise.bin" "$mnt/folder/pieces.bin" "$mnt/folder/sparse.bin"
	sync
	umount "$mnt"
	pack "$name"
}
journal journal-ext4 -b 1024
journal journal-ext3 -t ext3 -b 1024
journal journal-ext4-v2 -b 4096 -O ^64bit,^metadata_csum,inline_data -I 256

# XFS 5 and Btrfs by the kernel, XFS 4, which it mounts no more, by mkfs.
fill() { # FOLDER
	mkdir -p "$1/folder/inner" "$1/many"
	echo 'fail pertama' >"$1/one.txt"
	noise 20000 1 >"$1/folder/noise.bin"
	yes 'ayat yang berulang' | head -c 150000 >"$1/folder/text.txt"
	noise 60000 4 >"$1/folder/middle.bin"
	: >"$1/folder/empty"
	for i in $(seq 1 120); do echo "$i" >"$1/many/a-rather-long-name-$i"; done
	ln -s one.txt "$1/link"
	ln -s "$(printf %0600d 0)" "$1/longlink"
	ln "$1/one.txt" "$1/hard"
}
truncate -s 40M "$work/xfs5.raw"
mkfs.xfs --unsupported -q -L UJIAN "$work/xfs5.raw"
mount -o loop "$work/xfs5.raw" "$mnt"
fill "$mnt"
echo 'nama panjang' >"$mnt/folder/inner/nama fail – ujian.txt"
truncate -s 900000 "$mnt/folder/sparse.bin"
noise 2000 3 | dd of="$mnt/folder/sparse.bin" bs=1000 seek=300 conv=notrunc status=none
for i in $(seq 1 40); do
	noise 4096 $((100 + i)) | dd of="$mnt/folder/pieces.bin" bs=4096 seek=$i conv=notrunc,fsync status=none
	noise 4096 $((200 + i)) | dd of="$mnt/folder/others.bin" bs=4096 seek=$i conv=notrunc,fsync status=none
done
noise 12288 5 >"$mnt/many/padam.bin"
sync
(cd "$mnt" && note xfs5 all)
umount "$mnt"
mount -o loop "$work/xfs5.raw" "$mnt"
rm "$mnt/many/padam.bin"
umount "$mnt"
pack xfs5
fill "$work/proto"
python3 - "$work/proto" >"$work/proto.txt" <<'PROTO'
import os, sys
def walk(d):
    for n in sorted(os.listdir(d)):
        p = os.path.join(d, n)
        if os.path.islink(p):
            print(n, "l--777 0 0", os.readlink(p))
        elif os.path.isdir(p):
            print(n, "d--755 0 0")
            walk(p)
            print("$")
        else:
            print(n, "---644 0 0", p)
print("/dev/null\n0 0\nd--755 0 0")
walk(sys.argv[1])
print("$")
PROTO
truncate -s 40M "$work/xfs4.raw"
mkfs.xfs --unsupported -q -m crc=0 -n ftype=0 -i size=256 -b size=1024 -p "$work/proto.txt" "$work/xfs4.raw"
(cd "$work/proto" && note xfs4 all)
pack xfs4

btrfs() { # NAME OPTIONS mkfs-options
	name=$1
	options=$2
	shift 2
	truncate -s 120M "$work/$name.raw"
	mkfs.btrfs -q -L UJIAN "$@" "$work/$name.raw"
	mount -o "loop,$options" "$work/$name.raw" "$mnt"
	fill "$mnt"
	echo 'nama panjang' >"$mnt/folder/inner/nama fail – ujian.txt"
	truncate -s 900000 "$mnt/folder/sparse.bin"
	noise 2000 3 | dd of="$mnt/folder/sparse.bin" bs=1000 seek=300 conv=notrunc status=none
	command btrfs -q subvolume create "$mnt/sub"
	command btrfs -q subvolume create "$mnt/sub/nested"
	echo 'lama' >"$mnt/sub/version.txt"
	echo 'dalam' >"$mnt/sub/nested/inside.txt"
	sync
	command btrfs -q subvolume snapshot -r "$mnt/sub" "$mnt/snap"
	echo 'baru' >"$mnt/sub/version.txt"
	for m in zlib lzo zstd; do
		command btrfs property set "$mnt/many" compression $m
		yes "ayat $m" | head -c 300001 >"$mnt/many/$m.txt"
		sync
	done
	(cd "$mnt" && note "$name" all)
	umount "$mnt"
	pack "$name"
}
btrfs btrfs defaults
btrfs btrfs-sha256 compress-force=zlib --csum sha256 -m single -n 4096

# Files in unallocated space of FAT: whole ones, and one whose end was overwritten.
truncate -s 4M "$work/carve.raw"
mkfs.fat -F 12 -s 8 -i 5ac51002 -n UJIAN "$work/carve.raw" >/dev/null
mkdir "$work/f"
raw=$work/demo.raw
qemu-img convert -O raw "$root/image/demo.qcow2" "$raw"
icat -o 2048 "$raw" "$(ifind -o 2048 -n /Users/nurul/Documents/pekeliling-4-2026.pdf "$raw")" >"$work/f/a.pdf"
icat -o 2048 "$raw" "$(ifind -o 2048 -n /Users/nurul/Pictures/kod-qr.png "$raw")" >"$work/f/b.png"
(cd "$work/f" && touch -d '2026-10-02 09:00:00' b.png && zip -q -X c.zip b.png)
{ echo "P6 300 200 255"; noise 180000 5; } | cjpeg -quality 80 >"$work/f/d.jpg"
mcopy -i "$work/carve.raw" "$work"/f/* ::
first=$(istat "$work/carve.raw" "$(ifind -n /d.jpg "$work/carve.raw")" | awk '/^[0-9 ]+$/ {print $1; exit}')
mdel -i "$work/carve.raw" '::*.*'
dd if=/dev/zero of="$work/carve.raw" bs=512 seek=$((first + 20)) count=200 conv=notrunc status=none
pack carve

# LUKS by cryptsetup, which encrypts a file in place without device-mapper. The
# pass phrase is "rahsia"; luks2 takes the key file luks2.key too.
mkdir "$work/l"
echo 'fail pertama' >"$work/l/one.txt"
noise 9000 6 >"$work/l/noise.bin"
echo 'nama panjang' >"$work/l/nama fail – ujian.txt"
luks() { # NAME REDUCE cryptsetup-options
	name=$1
	reduce=$2
	shift 2
	truncate -s 256K "$work/$name.raw"
	mke2fs -q -F -t ext4 -O ^has_journal -b 1024 -I 128 -N 16 -d "$work/l" "$work/$name.raw"
	(cd "$work/l" && note "$name" all)
	truncate -s "$((256 + reduce * 1024))K" "$work/$name.raw"
	printf rahsia | cryptsetup reencrypt --encrypt --reduce-device-size "${reduce}M" --batch-mode --key-file - "$@" "$work/$name.raw"
}
luks luks1 32 --type luks2 --cipher aes-cbc-essiv:sha256 --key-size 256 --hash sha256 --pbkdf pbkdf2 --pbkdf-force-iterations 1000
cryptsetup convert --type luks1 --batch-mode "$work/luks1.raw" # encrypting in place by LUKS1 needs device-mapper
luks luks2 32 --type luks2 --cipher aes-xts-plain64 --key-size 256 --pbkdf argon2id --pbkdf-memory 32768 --pbkdf-parallel 2 --pbkdf-force-iterations 4
noise 64 7 >"$out/luks2.key"
printf rahsia | cryptsetup luksAddKey --batch-mode --key-file - --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$work/luks2.raw" "$out/luks2.key"
for name in luks1 luks2; do
	# What no key slot and no content uses is random, and does not pack.
	dd if=/dev/zero of="$work/$name.raw" bs=64K seek=9 count=247 conv=notrunc status=none
	truncate -s 16640K "$work/$name.raw"
	printf rahsia | cryptsetup open --test-passphrase --key-file - "$work/$name.raw"
	pack "$name"
done
