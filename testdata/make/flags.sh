#!/bin/sh
# Makes image/flags.qcow2: an NTFS volume with programs at odd places, times that
# were set, containers and names that deceive, and a change journal.
#
# Debian 12 packages (run as root): ntfs-3g qemu-utils openssl python3; layers.sh first
set -eu
umask 022
here=$(dirname "$(realpath "$0")")
out=$(dirname "$here")/image
work=$(mktemp -d /tmp/saksi-flags.XXXXXX)
trap 'umount "$work/mnt" 2>/dev/null || :; rm -rf "$work"' EXIT
mkdir "$work/mnt"
gunzip -c "$out/layer/luks2.raw.gz" >"$work/luks"
truncate -s 6M "$work/flags.raw"
mkfs.ntfs -q -Q -F -H 0 -S 0 -s 512 -c 4096 -p 0 -L TANDA "$work/flags.raw" >/dev/null 2>&1
sleep 4 # what is older than the volume is told from what is as old
ntfs-3g -o streams_interface=windows,show_sys_files "$work/flags.raw" "$work/mnt"
python3 "$here/flags.py" "$work/mnt" "$work/luks"
umount "$work/mnt"
python3 "$here/flagtimes.py" "$work/flags.raw"
qemu-img convert -f raw -O qcow2 -c -o cluster_size=4096 "$work/flags.raw" "$out/flags.qcow2"
