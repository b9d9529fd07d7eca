#!/bin/bash
# Makes image/layer/{md,lvm,nas}.tar.gz and raid1.raw.gz: arrays of Linux RAID in
# every layout, a volume group over five disks, and a volume group on a RAID 5, by
# mdadm, lvm2 and the kernel's own md and device-mapper, in a user-mode Linux,
# because the kernel of a build machine may have neither. What the kernel reads of
# each stands beside it as a digest.
#
# Debian 12 packages: user-mode-linux mdadm lvm2 thin-provisioning-tools kmod
# python3; about five minutes.
set -euo pipefail
umask 022
export LC_ALL=C.UTF-8 TZ=UTC
root=$(dirname "$(dirname "$(realpath "$0")")")
out=$root/image/layer
media=$root/image/container/media.raw

if [ "${1:-}" != inside ]; then
	work=$(mktemp -d /tmp/saksi-arrays.XXXXXX)
	trap 'rm -rf "$work"' EXIT
	mkdir -p "$work/modules/lib"
	ln -s /usr/lib/uml/modules "$work/modules/lib/modules"
	printf '#!/bin/bash\nexec %q inside %q >%q 2>&1\n' "$(realpath "$0")" "$work" "$work/log" >"$work/init"
	chmod +x "$work/init"
	linux.uml quiet mem=512M root=none rootfstype=hostfs rootflags=/ rw init="$work/init" con=null </dev/null >/dev/null 2>&1 || true
	[ -e "$work/done" ] || { cat "$work/log" >&2; exit 1; }
	cd "$work"
	pack() { # the same bytes for the same files
		name=$1; shift
		tar --sort=name --owner=0 --group=0 --mtime=@0 -cf - "$@" | gzip -9n >"$out/$name.tar.gz"
	}
	pack md md-*
	pack lvm lvm*
	pack nas nas*
	gzip -9n <mirror.0 >"$out/raid1.raw.gz"
	exit
fi

# From here on as the first process of the user-mode Linux.
work=$2
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mount -t tmpfs tmp /run
mkdir -p /run/lvm /run/lock/lvm
hostname pelayan
trap 'sync; poweroff -f' EXIT
cd "$work"
for m in loop raid0 raid1 raid10 raid456 linear dm-mod dm-raid dm-mirror dm-log dm-region-hash dm-snapshot dm-thin-pool; do modprobe -d modules "$m"; done

# Every block of 4 KiB holds its number.
counter() {
	python3 -c 'import sys; n = int(sys.argv[1]) // 4096; sys.stdout.buffer.write(b"".join(b"%04d" % i * 1024 for i in range(n)))' "$1"
}
digest() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sha256sum <"$1" | cut -c1-64 >"$2"
}

disks() { # NAME KIB...
	name=$1 list=
	shift
	i=0
	for s; do
		truncate -s "${s}K" "$name.$i"
		list="$list $(losetup -f --show "$name.$i")"
		i=$((i + 1))
	done
}

array() { # NAME METADATA LEVEL MEMBERS SIZES OPTION...
	name=md-$1 meta=$2 level=$3 count=$4 sizes=$5
	shift 5
	disks "$name" $sizes
	mdadm --create /dev/md9 --run --force --metadata="$meta" --level="$level" --raid-devices="$count" "$@" $list </dev/null
	mdadm --wait /dev/md9 || true
	counter "$(blockdev --getsize64 /dev/md9)" | dd of=/dev/md9 bs=64k conv=fsync status=none
	digest /dev/md9 "$name.sha256"
	mdadm --stop /dev/md9
	losetup -d $list
}
o="--data-offset=64K --bitmap=none --chunk=16"
array linear 1.2 linear 3 "1024 640 512" --data-offset=64K
array raid0 1.2 0 3 "512 512 512" --chunk=16 --data-offset=64K
array raid0-alternate 1.2 0 3 "1024 640 512" --chunk=16 --data-offset=64K --layout=alternate
array raid0-original 1.2 0 3 "1024 640 512" --chunk=16 --data-offset=64K --layout=original
array raid1-1.0 1.0 1 2 "512 512" --bitmap=none
array raid1-0.90 0.90 1 2 "512 512" --bitmap=none
array raid4 1.2 4 3 "512 512 512" $o
for l in la ra ls rs parity-first parity-last; do array raid5-$l 1.2 5 4 "384 384 384 384" --layout=$l $o; done
array raid5-0.90 0.90 5 3 "512 512 512" --chunk=16
for l in la ra ls rs parity-first ddf-zero-restart ddf-N-restart ddf-N-continue left-asymmetric-6 right-asymmetric-6 left-symmetric-6 right-symmetric-6 parity-first-6; do
	array raid6-$l 1.1 6 5 "384 384 384 384 384" --layout=$l $o
done
for l in n2 f2 o2 n3; do array raid10-$l 1.2 10 4 "512 512 512 512" --layout=$l $o; done
for l in n2 f2 o2; do array raid10-$l-of-3 1.2 10 3 "512 512 512" --layout=$l $o; done

lv() {
	cmd=$1
	shift
	command lvm "$cmd" --config 'devices{use_devicesfile=0 scan="/dev"} activation{udev_sync=0 udev_rules=0 monitoring=0 verify_udev_operations=1} global{use_lvmpolld=0}' "$@"
}
disks lvm 6144 6144 6144 6144 6144
set -- $list
lv pvcreate -y --metadatasize 64k "$@"
lv vgcreate -y -s 64k kumpulan "$@"
lv lvcreate -y -Wn -Zn -l 6 -n biasa kumpulan "$1"
lv lvcreate -y -Wn -Zn -l 4 -n lain kumpulan "$2"
lv lvextend -l +2 kumpulan/biasa "$3"
lv lvcreate -y -Wn -Zn -i 3 -I 16k -l 9 -n jalur kumpulan
lv lvcreate -y -Wn -Zn --type mirror -m 1 --mirrorlog core --nosync -R 64k -l 4 -n cermin kumpulan
names="biasa lain jalur cermin"
for t in raid0 raid1 raid4 raid5_ls raid5_la raid5_n raid6_zr raid6_nc raid6_nr raid10; do
	set -- -i 3 -I 16k -l 6 -R 64k
	case $t in
	raid0) set -- -i 3 -I 16k -l 6 ;;
	raid1) set -- -m 1 -l 6 -R 64k ;;
	raid10) set -- -i 2 -m 1 -I 16k -l 4 -R 64k ;;
	esac
	lv lvcreate -y -Wn -Zn --type "$t" "$@" -n "$t" kumpulan
	names="$names $t"
done
sleep 3
for v in $names; do
	d=/dev/mapper/kumpulan-$v
	counter "$(blockdev --getsize64 "$d")" | dd of="$d" bs=64k conv=fsync status=none
	digest "$d" "lvm-$v.sha256"
done
lv lvcreate -y -s -l 2 -n gambar kumpulan/biasa
dd if=/dev/zero of=/dev/mapper/kumpulan-biasa bs=4k count=3 seek=5 conv=fsync,notrunc status=none
lv lvcreate -y --type thin-pool -l 8 --poolmetadatasize 2m -c 64k -n kolam kumpulan
lv lvcreate -y --thin -V 512k -n nipis kumpulan/kolam
counter 524288 | dd of=/dev/mapper/kumpulan-nipis bs=64k seek=2 count=3 conv=fsync status=none
lv lvcreate -y -s -kn -n nipis2 kumpulan/nipis
dd if=/dev/zero of=/dev/mapper/kumpulan-nipis bs=64k seek=3 count=2 conv=fsync status=none
for v in biasa gambar nipis nipis2; do digest "/dev/mapper/kumpulan-$v" "lvm-$v.sha256"; done
lv vgchange -an kumpulan
losetup -d $list

# As a file server has it: a volume group on a RAID 5.
disks nas 1536 1536 1536
mdadm --create /dev/md9 --run --force --metadata=1.2 --level=5 --raid-devices=3 $o $list </dev/null
mdadm --wait /dev/md9 || true
lv pvcreate -y --metadatasize 64k --dataalignment 64k /dev/md9
lv vgcreate -y -s 64k simpanan /dev/md9
lv lvcreate -y -Wn -Zn -l 6 -n data simpanan
dd if="$media" of=/dev/mapper/simpanan-data bs=64k conv=fsync status=none
lv vgchange -an simpanan
mdadm --stop /dev/md9
losetup -d $list

disks mirror 512 512
mdadm --create /dev/md9 --run --force --metadata=1.2 --name=cermin --level=1 --raid-devices=2 --data-offset=128K --bitmap=none $list </dev/null
mdadm --wait /dev/md9 || true
dd if="$media" of=/dev/md9 bs=64k conv=fsync status=none
mdadm --stop /dev/md9
losetup -d $list
sync
touch done
