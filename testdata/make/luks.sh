#!/bin/bash
# Makes image/recover/luks-*.qcow2: LUKS volumes with ciphers and hashes that few use,
# each an ext2 with one file, by cryptsetup and the kernel's own ciphers, in a user-mode
# Linux, because the kernel of a build machine may have neither. QCOW2 is packing only.
#
# Debian 12 packages: user-mode-linux cryptsetup-bin e2fsprogs qemu-utils kmod python3
set -euo pipefail
umask 022
export LC_ALL=C.UTF-8 TZ=UTC
self=$(realpath "$0")
root=$(dirname "$(dirname "$self")")
out=$root/image/recover

if [ "${1:-}" != inside ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	mkdir -p "$work/modules/lib" "$work/mnt"
	ln -s /usr/lib/uml/modules "$work/modules/lib/modules"
	printf '#!/bin/bash\nexec %q inside %q >%q 2>&1\n' "$self" "$work" "$work/log" >"$work/init"
	chmod +x "$work/init"
	linux.uml quiet mem=256M root=none rootfstype=hostfs rootflags=/ rw init="$work/init" con=null </dev/null >/dev/null 2>&1 || true
	[ -e "$work/done" ] || { cat "$work/log" >&2; exit 1; }
	for f in "$work"/luks-*.raw; do
		name=$(basename "$f" .raw)
		rm -f "$out/$name.qcow2"
		qemu-img convert -f raw -O qcow2 -c -o cluster_size=4096 "$f" "$out/$name.qcow2"
	done
	exit
fi

# From here on as the first process of the user-mode Linux.
work=$2
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mount -t tmpfs tmp /run
trap 'sync; poweroff -f' EXIT
cd "$work"
for m in loop dm-mod ecb cbc xts essiv hmac sha256_generic dm-crypt serpent_generic twofish_generic algif_skcipher algif_hash; do modprobe -d modules "$m" || { echo "no $m"; dmesg | tail -5; }; done
make_() { # NAME CIPHER BITS HASH
	truncate -s 3M "$1.raw"
	printf rahsia | cryptsetup luksFormat --type luks1 -q -c "$2" -s "$3" -h "$4" --pbkdf-force-iterations 1000 --align-payload=1 --uuid 1e0c0f3a-5e0e-4c52-9d3b-0a5e5b8f000"$5" "$1.raw" -
	printf rahsia | cryptsetup open --key-file - "$1.raw" isi
	mke2fs -q -t ext2 -N 16 -m 0 /dev/mapper/isi
	mount -t ext2 /dev/mapper/isi mnt || { modprobe -d modules ext4; mount /dev/mapper/isi mnt; }
	echo 'fail pertama' >mnt/one.txt
	umount mnt
	cryptsetup close isi
	# Key slots without a key hold noise, which would not pack.
	python3 - "$1.raw" <<'END'
import struct, sys
with open(sys.argv[1], "r+b") as f:
    head = f.read(592)
    for i in range(8):
        active, at = struct.unpack(">I", head[208 + 48 * i:][:4])[0], struct.unpack(">II", head[208 + 48 * i + 40:][:8])
        if active != 0xAC71F3:
            f.seek(at[0] * 512)
            f.write(bytes(struct.unpack(">I", head[108:112])[0] * at[1]))
END
}
make_ luks-twofish twofish-xts-plain64 256 whirlpool 1
make_ luks-serpent serpent-cbc-essiv:sha256 128 ripemd160 2
make_ luks-plain aes-cbc-plain 128 sha384 3
touch done
