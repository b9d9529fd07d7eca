#!/bin/bash
# Makes image/filesystem/udf*.qcow2: the Universal Disk Format on a disk (sectors of
# 512 and of 4096 bytes), on rewritable media with spare packets, and beside ISO 9660,
# and internal/udf/testdata/kernel.sha256: what the kernel reads of them. The kernel's
# own UDF writes them, in a user-mode Linux, because that of a build machine may have
# none. One of write-once media, with a table of virtual blocks, is as mkudffs leaves
# it: the kernel does not write there. QCOW2 is packing only.
#
# Debian 12 packages: user-mode-linux udftools genisoimage qemu-utils openssl kmod
set -euo pipefail
umask 022
export LC_ALL=C.UTF-8 TZ=UTC
self=$(realpath "$0")
root=$(dirname "$(dirname "$self")")
out=$root/image/filesystem

tree() {
	mkdir -p "$1/folder/dalam" "$1/banyak"
	echo 'fail pertama' >"$1/satu.txt"
	head -c 20000 /dev/zero | openssl enc -aes-128-ctr -K 53616b736953616b736953616b736925 -iv 00000000000000000000000000000000 >"$1/folder/bunyi.bin"
	echo 'nama panjang' >"$1/folder/dalam/nama fail – ujian 試.txt"
	for i in $(seq 40); do echo "fail $i" >"$1/banyak/fail yang ke-$i"; done
	find "$1" -exec touch -h -d '2026-10-02 09:00:00' {} +
}

if [ "${1:-}" != inside ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	mkdir -p "$work/modules/lib" "$work/mnt"
	ln -s /usr/lib/uml/modules "$work/modules/lib/modules"
	cd "$work"
	make_() { # NAME MEDIA REVISION BLOCK SIZE
		truncate -s "$5" "$1.raw"
		mkudffs --utf8 -l 'ujian é' -m "$2" -r "$3" -b "$4" --uid=99 --gid=99 -u 1234567890abcdef "$1.raw" >/dev/null
	}
	make_ udf hd 0x0201 512 2M
	make_ udf-4k hd 0x0201 4096 4M
	make_ udf-spare dvdrw 0x0201 2048 4M
	make_ udf-write-once cdr 0x0150 2048 614400
	printf '#!/bin/bash\nexec %q inside %q >%q 2>&1\n' "$self" "$work" "$work/log" >"$work/init"
	chmod +x "$work/init"
	linux.uml quiet mem=256M root=none rootfstype=hostfs rootflags=/ rw init="$work/init" con=null </dev/null >/dev/null 2>&1 || true
	[ -e "$work/done" ] || { cat "$work/log" >&2; exit 1; }
	tree "$work/t"
	ln -s folder/bunyi.bin "$work/t/pautan"
	genisoimage -quiet -udf -R -J -V UJIAN -o udf-bridge.raw t
	for f in udf*.raw; do
		rm -f "$out/${f%.raw}.qcow2"
		qemu-img convert -f raw -O qcow2 -c -o cluster_size=4096 "$f" "$out/${f%.raw}.qcow2"
	done
	mkdir -p "$root/../internal/udf/testdata"
	cp kernel.sha256 "$root/../internal/udf/testdata/"
	exit
fi

# From here on as the first process of the user-mode Linux.
work=$2
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mountpoint -q /dev || mount -t devtmpfs dev /dev
trap 'sync; poweroff -f' EXIT
cd "$work"
for m in loop udf; do modprobe -d modules "$m"; done
: >kernel.sha256
for name in udf udf-4k udf-spare; do
	bs=2048
	[ $name = udf ] && bs=512
	[ $name = udf-4k ] && bs=4096
	loop=$(losetup -f --show -b $bs "$name.raw")
	mount -t udf "$loop" mnt
	tree mnt
	ln -s folder/bunyi.bin mnt/pautan
	# A file with a hole, one in pieces, and deleted ones.
	truncate -s 300000 mnt/lubang
	printf akhir | dd of=mnt/lubang bs=1 seek=250000 conv=notrunc status=none
	for i in $(seq 30); do
		seq $((i * 1000)) $((i * 1000 + 999)) >>mnt/sekerat
		seq $((i * 2000)) $((i * 2000 + 999)) >>mnt/sekerat2
		sync
	done
	echo 'dipadam' >mnt/padam.txt
	cp mnt/folder/bunyi.bin mnt/padam.bin
	sync
	rm mnt/padam.txt mnt/padam.bin mnt/sekerat2
	umount mnt
	mount -t udf -o ro "$loop" mnt
	(cd mnt && find . -type f -exec sha256sum {} + | sed "s|  \./|  $name/|" | sort -k2) >>kernel.sha256
	umount mnt
	losetup -d "$loop"
done
touch done
