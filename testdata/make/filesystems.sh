#!/bin/sh
# Makes image/filesystem/: a small one of every file system that is read, by
# its own mkfs, with live and deleted files where a driver or tool can make
# them. forensics/filesystem names the files. QCOW2 is packing only.
#
# Debian 12 packages (run as root): ntfs-3g dosfstools mtools exfatprogs e2fsprogs xorriso
# makefs apfsprogs qemu-utils openssl; the kernel must have exFAT
set -eu
umask 022
export LC_ALL=C.UTF-8 TZ=UTC MTOOLS_SKIP_CHECK=1
root=$(dirname "$(dirname "$(realpath "$0")")")
out=$root/image/filesystem
work=$(mktemp -d /tmp/saksi-filesystems.XXXXXX)
trap 'umount "$work/mnt" 2>/dev/null || :; rm -rf "$work"' EXIT
mkdir -p "$out" "$work/mnt" "$work/t/folder/inner"
rm -f "$out"/*
echo 'fail pertama' >"$work/t/one.txt"
head -c 20000 /dev/zero | openssl enc -aes-128-ctr -K 53616b736953616b736953616b736925 -iv 00000000000000000000000000000000 >"$work/t/folder/noise.bin"
echo 'nama panjang' >"$work/t/folder/inner/nama fail – ujian.txt"
ln -s one.txt "$work/t/link"
find "$work/t" -exec touch -h -d '2026-10-02 09:00:00' {} +
pack() { qemu-img convert -f raw -O qcow2 -c -o cluster_size=4096 "$work/$1.raw" "$out/$1.qcow2"; }

truncate -s 4M "$work/ntfs.raw"
mkfs.ntfs -q -Q -F -H 0 -S 0 -s 512 -c 4096 -p 0 -L UJIAN "$work/ntfs.raw" >/dev/null 2>&1
ntfs-3g -o streams_interface=windows "$work/ntfs.raw" "$work/mnt"
cp -r "$work/t/one.txt" "$work/t/folder" "$work/mnt/"
echo 'aliran' >"$work/mnt/one.txt:aliran"
cp "$work/t/folder/noise.bin" "$work/mnt/padam.bin"
sync
rm "$work/mnt/padam.bin"
umount "$work/mnt"
pack ntfs

fat() { # NAME SIZE BITS
	truncate -s "$2" "$work/$1.raw"
	mkfs.fat -F "$3" -s 1 -i 5ac51001 -n UJIAN "$work/$1.raw" >/dev/null
	mmd -i "$work/$1.raw" ::folder ::folder/inner
	mcopy -i "$work/$1.raw" -m "$work/t/one.txt" ::one.txt
	mcopy -i "$work/$1.raw" -m "$work/t/folder/noise.bin" ::folder/noise.bin
	mcopy -i "$work/$1.raw" -m "$work/t/folder/inner/nama fail – ujian.txt" '::folder/inner/nama fail ujian.txt'
	mcopy -i "$work/$1.raw" -m "$work/t/one.txt" ::padam.txt
	mdel -i "$work/$1.raw" ::padam.txt
	pack "$1"
}
fat fat12 1M 12
fat fat16 8M 16
fat fat32 40M 32

truncate -s 4M "$work/exfat.raw"
mkfs.exfat -L UJIAN "$work/exfat.raw" >/dev/null
pack exfat

for t in ext2 ext3 ext4; do
	truncate -s 4M "$work/$t.raw"
	E2FSPROGS_FAKE_TIME=1790931600 mke2fs -q -t $t -b 1024 -U 3e0c0f3a-5e0e-4c52-9d3b-0a5e5b8f0003 -E hash_seed=3e0c0f3a-5e0e-4c52-9d3b-0a5e5b8f0004,root_owner=0:0 -d "$work/t" "$work/$t.raw"
	E2FSPROGS_FAKE_TIME=1790931600 debugfs -w -R 'rm one.txt' "$work/$t.raw" 2>/dev/null
	pack $t
done
# A directory that lies in itself: folder/inner/loop is folder.
cp "$work/ext4.raw" "$work/loop.raw"
debugfs -w -R 'link folder folder/inner/loop' "$work/loop.raw" 2>/dev/null
pack loop

xorriso -as mkisofs -quiet -hfsplus -J -r -V UJIAN -o "$work/hybrid.raw" "$work/t" 2>/dev/null
pack hybrid
xorriso -as mkisofs -quiet -J -r -V UJIAN -o "$work/iso9660.raw" "$work/t" 2>/dev/null
pack iso9660
makefs -t ffs -o version=1 -s 1m "$work/ufs.raw" "$work/t" >/dev/null
pack ufs
truncate -s 130M "$work/apfs.raw"
mkapfs "$work/apfs.raw"
pack apfs
