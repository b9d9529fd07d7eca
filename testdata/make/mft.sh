#!/bin/bash
# Makes a master file table by mkntfs and ntfs-3g: mft.sh FILE. It needs to mount.
set -eu
out=$(realpath -m "$1")
cd "$(mktemp -d)"
mkdir m
truncate -s 4M n.img
mkntfs -F -q -L BUKTI -c 4096 n.img
ntfs-3g -o streams_interface=windows n.img m
d=m/Users/nurul/Desktop
mkdir -p $d m/Users/nurul/rahsia/dalam
echo "laporan audit" > $d/laporan.txt
head -c 9000 /dev/zero | tr '\0' a > $d/besar.bin
printf '[ZoneTransfer]\r\nZoneId=3\r\nReferrerUrl=https://contoh.example/\r\nHostUrl=https://contoh.example/alat.exe\r\n' > $d/besar.bin:Zone.Identifier
echo MZ > $d/palsu.exe
python3 -c 'import os, struct, sys
t = (1247534040 + 11644473600) * 10**7
os.setxattr(sys.argv[1], "system.ntfs_times", struct.pack("<4Q", t, t, t, t))' $d/palsu.exe
echo padam > "m/Users/nurul/rahsia/sudah dipadam.txt"
echo x > m/Users/nurul/rahsia/dalam/b.txt
rm m/Users/nurul/rahsia/dalam/b.txt "m/Users/nurul/rahsia/sudah dipadam.txt"
rmdir m/Users/nurul/rahsia/dalam
ln $d/laporan.txt m/pautan.txt
umount m
icat n.img 0 > "$out"
