#!/bin/sh
# Makes the small images of image/ but the demo's: volumes of ext4, ext2, FAT32
# and exFAT and a disk with an MBR, that hold the same tree of known digests;
# then image/hostile/, the broken ones; truth/ beside them. containers.sh makes
# one medium in every container, filesystems.sh one volume of every kind.
#
# FAT32, exFAT, ext2 and the MBR disk are stored by gzip (-9n), because they are
# mostly zeros; unpack them before use.
#
# Packages besides those of lib.sh and image.sh: dosfstools mtools exfatprogs
# exfat-fuse fdisk
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/content.sh"
. "$(dirname "$0")/truth.sh"
need mkfs.ext4 mkfs.ext2 mkfs.vfat mkfs.exfat mount.exfat-fuse mcopy mdel mmd sfdisk debugfs \
	ewfacquire ewfverify qemu-img fls icat mmls gzip python3

img=$root/image
hostile=$img/hostile
mkdir -p "$img" "$hostile" "$root/truth"
implant=$work/invoice-viewer.bin
make_implant "$implant"
make_webshell "$work/cmd.php"
make_png "$work/kod-qr.png"
# noise BYTES KEYBYTE: bytes that no compression makes smaller, the same each run.
noise() { head -c "$1" /dev/zero | openssl enc -aes-128-ctr -K "53616b736953616b736953616b7369$2" -iv 00000000000000000000000000000000; }
# pack FILE NAME: stores FILE as image/NAME.gz.
pack() { gzip -9nc "$1" >"$img/$2.gz"; }
# fill FOLDER: the small tree that every volume holds.
fill() {
	mkdir -p "$1/dokumen/dalam/lagi" "$1/muat-turun"
	cp "$implant" "$1/muat-turun/invoice-viewer.bin"
	cp "$work/kod-qr.png" "$1/dokumen/kod-qr.png"
	echo 'nota rasmi' >"$1/dokumen/dalam/lagi/nota – ñ.txt"
	: >"$1/dokumen/kosong.txt"
	noise 20000 30 >"$1/dokumen/data.bin"
	cp "$work/cmd.php" "$1/muat-turun/cmd.php"
}
# mounted VOLUME-NAME FOLDER: adds to truth/small_mounted.tsv.
: >"$work/small_mounted"
mounted() { truth_mounted "$2" | sed "s/^/$1	/" >>"$work/small_mounted"; }
: >"$work/small_entries"
entries() { truth_files "$2" "$3" | tail -n +2 | sed "s/^/$1	/" >>"$work/small_entries"; }

# --- ext4, and by E01 and an overlay --------------------------------------------------
truncate -s 256K "$work/ext4.raw"
mkfs.ext4 -q -F -b 1024 -N 48 -m 0 -O ^has_journal,^resize_inode -L kecil "$work/ext4.raw"
mkdir "$work/m"
mount -o loop "$work/ext4.raw" "$work/m"
fill "$work/m"
ln -s dokumen/data.bin "$work/m/pautan"
sync
rm "$work/m/muat-turun/cmd.php"
sync
mounted ext4 "$work/m"
umount "$work/m"
entries ext4 "$work/ext4.raw" 0
raw=$work/ext4.raw
cp "$raw" "$img/ext4.raw"
truth_image ext4.raw "$raw" mkfs.ext4
ewfacquire -u -q -c deflate:best -C SAKSI-KECIL -D "imej kecil" -E EKS-002 -e pemeriksa -N '-' -m removable -M logical \
	-f encase6 -d sha1 -S 1GiB -t "$work/ext4" "$raw" >/dev/null
ewfverify -q -d sha1 "$work/ext4.E01" >/dev/null || die "ewfverify refuses ext4.E01"
install -m 644 "$work/ext4.E01" "$img/"
truth_image ext4.E01 "$raw" ewfacquire
# An overlay: one cluster of its own over ext4.raw.
rm -f "$img/overlay.qcow2"
(cd "$img" && qemu-img create -q -f qcow2 -o cluster_size=4096 -b ext4.raw -F raw overlay.qcow2 &&
	qemu-io -c 'write -P 0x5a 200704 4096' overlay.qcow2 >/dev/null)
chmod 644 "$img/overlay.qcow2"
qemu-img convert -O raw "$img/overlay.qcow2" "$work/overlay.raw"
truth_image overlay.qcow2 "$work/overlay.raw" qemu-img

# --- ext2 ---------------------------------------------------------------------------
truncate -s 1M "$work/ext2.raw"
mkfs.ext2 -q -F -b 1024 -m 0 -L ext2 "$work/ext2.raw"
mount -o loop "$work/ext2.raw" "$work/m"
fill "$work/m"
ln -s dokumen/data.bin "$work/m/pautan"
sync
rm "$work/m/muat-turun/cmd.php"
sync
mounted ext2 "$work/m"
umount "$work/m"
entries ext2 "$work/ext2.raw" 0
pack "$work/ext2.raw" ext2.raw
truth_image ext2.raw.gz "$work/ext2.raw" mkfs.ext2

# --- FAT32 by mtools: the times are local, as FAT keeps them -----------------------------
fatfill() { # RAW OFFSET
	mkdir -p "$work/tree"
	fill "$work/tree"
	mcopy -i "$1@@$2" -s -Q "$work/tree/dokumen" "$work/tree/muat-turun" ::/
	mcopy -i "$1@@$2" "$implant" "::/Nama fail yang panjang sekali untuk FAT.bin"
	mdel -i "$1@@$2" ::/muat-turun/cmd.php
}
truncate -s 34M "$work/fat32.raw"
mkfs.vfat -F 32 -s 1 -n KECIL "$work/fat32.raw" >/dev/null
fatfill "$work/fat32.raw" 0
entries fat32 "$work/fat32.raw" 0
pack "$work/fat32.raw" fat32.raw
truth_image fat32.raw.gz "$work/fat32.raw" "mkfs.vfat, mtools"

# --- exFAT by exfat-fuse ------------------------------------------------------------------
truncate -s 4M "$work/exfat.raw"
mkfs.exfat -c 4096 -L KECIL "$work/exfat.raw" >/dev/null
exdev=$(losetup -f --show "$work/exfat.raw")
mount.exfat-fuse "$exdev" "$work/m" >/dev/null 2>&1 || die "mount.exfat-fuse refuses $exdev"
fill "$work/m"
sync
rm "$work/m/muat-turun/cmd.php"
mounted exfat "$work/m"
umount "$work/m"
sleep 0.5
losetup -d "$exdev"
entries exfat "$work/exfat.raw" 0
pack "$work/exfat.raw" exfat.raw
truth_image exfat.raw.gz "$work/exfat.raw" "mkfs.exfat, exfat-fuse"

# --- MBR: FAT12 and ext2, the second a logical partition ------------------------------------
truncate -s 4M "$work/mbr.raw"
printf 'label: dos\nlabel-id: 0x53414b53\nstart=64, size=2048, type=1, bootable\nstart=2560, size=5000, type=5\nstart=2624, size=2048, type=83\n' | sfdisk -q "$work/mbr.raw"
mkfs.vfat -F 12 -n LAMA --offset 64 "$work/mbr.raw" 1024 >/dev/null
fatfill "$work/mbr.raw" 32768
dd if="$work/ext2.raw" of="$work/mbr.raw" bs=512 seek=2624 conv=notrunc status=none
truth_volumes "$work/mbr.raw" >"$root/truth/mbr.mmls"
entries mbr "$work/mbr.raw" 64
entries mbr "$work/mbr.raw" 2624
pack "$work/mbr.raw" mbr.raw
truth_image mbr.raw.gz "$work/mbr.raw" "sfdisk, mkfs.vfat, mkfs.ext2"

# --- the broken ones ---------------------------------------------------------------------------
rm -f "$hostile"/*
head -c 1800000 "$work/mbr.raw" | gzip -9n >"$hostile/cut.raw.gz"
# A folder that holds a second name of its parent.
cp "$work/ext2.raw" "$work/loop.raw"
debugfs -w -R 'ln dokumen dokumen/dalam/lagi/putar' "$work/loop.raw" 2>/dev/null
debugfs -R 'ls -l dokumen/dalam/lagi' "$work/loop.raw" 2>/dev/null | grep -q putar || die "debugfs made no loop"
gzip -9nc "$work/loop.raw" >"$hostile/loop-ext2.raw.gz"
python3 "$make_dir/fatloop.py" dir "$work/fat32.raw" "$work/loop-fat.raw"
gzip -9nc "$work/loop-fat.raw" >"$hostile/loop-fat32.raw.gz"
python3 "$make_dir/fatloop.py" chain "$work/fat32.raw" "$work/chain-fat.raw"
gzip -9nc "$work/chain-fat.raw" >"$hostile/chain-fat32.raw.gz"
head -c 9000 "$img/ext4.E01" >"$hostile/truncated.E01"
python3 "$make_dir/patch.py" "$img/ext4.E01" "$hostile/badchunk.E01" 6000=ffffffffffffffff
ewfverify -q "$hostile/badchunk.E01" >/dev/null 2>&1 && die "ewfverify accepts badchunk.E01"
qemu-img convert -f raw -O qcow2 -c -o cluster_size=4096 "$raw" "$work/ext4.qcow2"
python3 "$make_dir/patch.py" "$work/ext4.qcow2" "$hostile/l1.qcow2" 40=7ffffffffffff000
: >"$hostile/zero.raw"
cat >"$hostile/README.tsv" <<'END'
file	what is wrong
cut.raw.gz	mbr.raw ends at byte 1,800,000, in the middle of its ext2 volume
loop-ext2.raw.gz	ext2: dokumen/dalam/lagi/putar is dokumen itself
loop-fat32.raw.gz	FAT32: the folder dokumen/dalam/lagi has the first cluster of dokumen
chain-fat32.raw.gz	FAT32: the cluster chain of muat-turun/invoice-viewer.bin returns to its first cluster
truncated.E01	ext4.E01 ends in the middle of its sectors section
badchunk.E01	eight bytes inside a compressed chunk are 0xff
l1.qcow2	the L1 table is said to lie at offset 0x7ffffffffffff000
zero.raw	no byte at all
END
{
	printf 'image\tpath\tsize\tsha256\n'
	cat "$work/small_mounted"
} >"$root/truth/small_mounted.tsv"
{
	printf 'image\tvolume_sector\tpath\tmeta\tmode\tdeleted\tsize\tmtime\tsha256\n'
	cat "$work/small_entries"
} >"$root/truth/small_entries.tsv"
