#!/bin/sh
# Makes image/container/: one small medium in every container that is read,
# each written by another program than ours. forensics/image names the files.
# *.gz is packing only: the formats round up to megabytes of zeros.
#
# Debian 12 packages: afflib-tools e2fsprogs ewf-tools qemu-utils openssl gzip coreutils
set -eu
umask 022
export LC_ALL=C.UTF-8 TZ=UTC
root=$(dirname "$(dirname "$(realpath "$0")")")
out=$root/image/container
work=$(mktemp -d /tmp/saksi-containers.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
rm -f "$out"/*

# The medium: ext2 of 384 KiB with text, noise and emptiness.
mkdir -p "$work/t/folder"
echo 'fail pertama' >"$work/t/one.txt"
head -c 60000 /dev/zero | openssl enc -aes-128-ctr -K 53616b736953616b736953616b736923 -iv 00000000000000000000000000000000 >"$work/t/folder/noise.bin"
touch -d '2026-10-02 09:00:00' "$work/t/one.txt" "$work/t/folder/noise.bin" "$work/t/folder" "$work/t"
m=$work/media.raw
truncate -s 384K "$m"
E2FSPROGS_FAKE_TIME=1790931600 mke2fs -q -t ext2 -U 3e0c0f3a-5e0e-4c52-9d3b-0a5e5b8f0001 -E hash_seed=3e0c0f3a-5e0e-4c52-9d3b-0a5e5b8f0002,root_owner=0:0 -d "$work/t" "$m"
cp "$m" "$out/media.raw"
split -b 150000 --numeric-suffixes=1 -a 3 "$m" "$out/split."

# ewfacquire cuts at 1 MiB or more, so the split set holds more noise.
head -c 1300480 /dev/zero | openssl enc -aes-128-ctr -K 53616b736953616b736953616b736924 -iv 00000000000000000000000000000000 >"$work/noise.raw"
acquire() { # NAME MEDIUM OPTIONS...
	name=$1 medium=$2
	shift 2
	ewfacquire -u -q -C KES-1 -D 'media ujian' -E EKS-7 -e pemeriksa -N catatan -m removable -M logical "$@" -t "$out/$name" "$medium" >/dev/null
}
acquire media "$m" -f encase6 -c deflate:best -d sha1 -S 100MiB
acquire plain "$m" -f encase1 -c none -S 100MiB
acquire smart "$m" -f smart -c deflate:fast -S 100MiB
head -c 50100 "$work/noise.raw" >"$work/odd.raw" # no multiple of a sector
acquire odd "$work/odd.raw" -f encase6 -c none -S 100MiB
acquire split "$work/noise.raw" -f encase6 -c none -d sha1 -S 1MiB

qemu-img convert -f raw -O qcow2 -c "$m" "$out/media.qcow2"
qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd "$m" "$out/zstd.qcow2"
qemu-img convert -f raw -O qcow2 -o extended_l2=on,cluster_size=65536 "$m" "$work/extended.qcow2"
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size "$m" "$out/fixed.vhd"
qemu-img convert -f raw -O vpc -o subformat=dynamic,force_size "$m" "$work/dynamic.vhd"
qemu-img convert -f raw -O vhdx -o subformat=dynamic,block_size=1M "$m" "$work/dynamic.vhdx"
for s in extended.qcow2 dynamic.vhd dynamic.vhdx; do gzip -9n <"$work/$s" >"$out/$s.gz"; done
qemu-img convert -f raw -O vmdk -o subformat=monolithicSparse "$m" "$out/sparse.vmdk"
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized "$m" "$out/stream.vmdk"
(cd "$out" && qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat "$m" flat.vmdk)

# AFF of six pages: by zlib, by LZMA, and as they are.
affconvert -z -q -s 64k -o "$out/media.aff" "$m"
affconvert -z -q -s 64k -L -o "$out/lzma.aff" "$m"
affconvert -z -q -s 64k -x -o "$out/none.aff" "$m"

# Three blocks of a VDI, the second of them nowhere.
cp "$m" "$work/blocks.raw"
truncate -s 3M "$work/blocks.raw"
dd if="$m" of="$work/blocks.raw" bs=1M seek=2 conv=notrunc status=none
qemu-img convert -f raw -O vdi "$work/blocks.raw" "$work/dynamic.vdi"
gzip -9n <"$work/dynamic.vdi" >"$out/dynamic.vdi.gz"

# Layers: parts of clusters and zeros over media.qcow2, a grain over sparse.vmdk.
(cd "$out" && qemu-img create -q -f qcow2 -o extended_l2=on,cluster_size=65536 -b media.qcow2 -F qcow2 child.qcow2 512K &&
	qemu-io -c 'write -P 0x5a 70000 3000' -c 'write -z 131072 4096' -c 'write -P 0x5b 400000 512' child.qcow2 >/dev/null &&
	gzip -9n <child.qcow2 >child.qcow2.gz && rm child.qcow2)
(cd "$out" && qemu-img create -q -f vmdk -b sparse.vmdk -F vmdk child.vmdk && qemu-io -c 'write -P 0x5c 66000 1000' child.vmdk >/dev/null)
chmod 644 "$out"/*
sha256sum "$m" "$work/noise.raw" | sed 's|  .*/|  |'
