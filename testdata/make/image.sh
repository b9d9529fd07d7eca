#!/bin/sh
# Makes image/demo.E01 and image/demo.qcow2: the disk of the demo's laptop, with
# a GPT, an NTFS volume (Windows side) and an ext4 volume (Linux side), and what
# independent tools say of it in truth/. Run demo.sh first: its logs are laid
# into the disk.
#
# Packages besides those of lib.sh: ntfs-3g attr e2fsprogs gdisk ewf-tools
# qemu-utils sleuthkit
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/content.sh"
. "$(dirname "$0")/truth.sh"
need mkfs.ntfs ntfs-3g setfattr mkfs.ext4 sgdisk ewfacquire ewfverify qemu-img mmls fls icat groff qrencode
[ -s "$root/capture/demo.access.log" ] || die "run demo.sh first"

implant=$work/invoice-viewer.bin
make_implant "$implant"
# The second object: the same marker, other bytes after it.
{ cat "$implant"; head -c 9000 /dev/zero | openssl enc -aes-128-ctr -K 53616b736953616b736953616b736922 -iv 00000000000000000000000000000000; } >"$work/second.bin" 2>/dev/null
make_webshell "$work/cmd.php"
make_pdf "$work/pekeliling.pdf"
make_png "$work/kod-qr.png"

# --- NTFS, 10 MiB, the Windows side -----------------------------------------
truncate -s 10M "$work/ntfs.img"
mkfs.ntfs -q -Q -F -s 512 -c 4096 -p 2048 -L WINDOWS "$work/ntfs.img" >/dev/null
mkdir "$work/n"
ntfs-3g -o compression,streams_interface=windows "$work/ntfs.img" "$work/n"
n=$work/n
home=$n/Users/nurul
mkdir -p "$home/Downloads" "$home/Documents/Invois/2026/11" "$home/Pictures" "$home/Desktop" "$n/Windows/System32" "$n/ProgramData/Arkib"
cp "$work/second.bin" "$home/Downloads/kemaskini-v2.bin"
cp "$implant" "$home/Downloads/invoice-viewer.bin"
printf '[ZoneTransfer]\r\nZoneId=3\r\nReferrerUrl=http://mel.example/invois\r\nHostUrl=http://cdn.kemaskini-sistem.test/invoice-viewer.bin\r\n' >"$home/Downloads/invoice-viewer.bin:Zone.Identifier"
cp "$work/pekeliling.pdf" "$home/Documents/pekeliling-4-2026.pdf"
cp "$work/kod-qr.png" "$home/Pictures/kod-qr.png"
echo 'Sila semak invois yang dilampirkan.' >"$home/Documents/Invois/2026/11/nota.txt"
echo 'Catatan mesyuarat agensi.' >"$home/Documents/Catatan mesyuarat – Ogos 2026.txt"
echo 'سورت رسمي' >"$home/Documents/سورت رسمي.txt"
echo 'senyum' >"$home/Desktop/🙂 senyum.txt"
deep=$home/Documents
for i in $(seq 1 20); do deep=$deep/tahap-$i; done
mkdir -p "$deep"
echo 'dalam sekali' >"$deep/dalam.txt"
mkdir "$home/Documents/senarai"
for i in $(seq -w 1 200); do echo "baris $i" >"$home/Documents/senarai/rekod-$i.txt"; done
# Sparse: 4 MiB of hole, then one line.
truncate -s 4M "$n/ProgramData/jarang.dat"
echo 'hujung fail jarang' >>"$n/ProgramData/jarang.dat"
# Compressed: files made in a folder that carries the compressed attribute.
setfattr -n system.ntfs_attrib_be -v 0x00000810 "$n/ProgramData/Arkib"
for i in $(seq 1 4000); do echo "baris log $i: tiada apa-apa berlaku pada hari ini di agensi contoh"; done >"$n/ProgramData/Arkib/log-lama.txt"
touch -d '2026-08-14 02:31:07' "$home/Documents/Catatan mesyuarat – Ogos 2026.txt"
touch -d '2026-10-02 09:00:00' "$home/Documents/pekeliling-4-2026.pdf" "$home/Pictures/kod-qr.png"
sync
rm "$home/Downloads/kemaskini-v2.bin"
echo 'kata laluan lama: jangan simpan di sini' >"$home/Desktop/padam.txt"
sync
rm "$home/Desktop/padam.txt"
truth_mounted "$n" >"$work/ntfs.mounted"
umount "$n"

# --- ext4, 10 MiB, the Linux side --------------------------------------------
truncate -s 10M "$work/ext4.img"
mkfs.ext4 -q -F -b 1024 -J size=1 -E lazy_itable_init=0,lazy_journal_init=0 -L linux "$work/ext4.img"
mkdir "$work/e"
mount -o loop "$work/ext4.img" "$work/e"
e=$work/e
mkdir -p "$e/var/log/nginx" "$e/var/www/portal/muat-naik" "$e/home/nurul/.ssh" "$e/etc" "$e/usr/share/senarai"
cp "$root/capture/demo.access.log" "$e/var/log/nginx/access.log"
cp "$root/capture/demo.auth.log" "$e/var/log/auth.log"
echo 'portal' >"$e/etc/hostname"
echo 'Asia/Kuala_Lumpur' >"$e/etc/timezone"
cp "$work/pekeliling.pdf" "$e/var/www/portal/pekeliling-4-2026.pdf"
echo '<h1>Portal Agensi Contoh (salinan ujian)</h1>' >"$e/var/www/portal/index.html"
cp "$work/cmd.php" "$e/var/www/portal/muat-naik/cmd.php"
cp "$work/second.bin" "$e/var/www/portal/muat-naik/kemaskini-v2.bin"
printf 'cd /var/www/portal\nls muat-naik\nrm muat-naik/cmd.php\n' >"$e/home/nurul/.bash_history"
echo 'nota' >"$e/home/nurul/nota – ñandu 🌴.txt"
ln -s ../../var/www/portal "$e/home/nurul/portal"
ln -s /var/log/nginx/access.log "$e/home/nurul/log"
ln -s tiada-fail "$e/home/nurul/putus"
ln -s "$(printf 'laluan-panjang/%.0s' 1 2 3 4 5 6)hujung" "$e/home/nurul/panjang"
ln "$e/etc/hostname" "$e/etc/hostname.keras"
mkfifo "$e/home/nurul/paip"
for i in $(seq -w 1 200); do echo "rekod $i" >"$e/usr/share/senarai/rekod-$i.txt"; done
truncate -s 3M "$e/var/jarang.dat"
echo 'hujung fail jarang' >>"$e/var/jarang.dat"
chown -R 1000:1000 "$e/home/nurul"
touch -h -d '2026-11-20 01:02:03.123456789' "$e/home/nurul/.bash_history"
sync
rm "$e/var/www/portal/muat-naik/cmd.php" "$e/var/www/portal/muat-naik/kemaskini-v2.bin"
sync
truth_mounted "$e" >"$work/ext4.mounted"
umount "$e"

# --- the disk -----------------------------------------------------------------
truncate -s 22M "$work/demo.raw"
sgdisk -n 1:2048:+10M -t 1:0700 -c 1:'Basic data partition' -n 2:22528:+10M -t 2:8300 -c 2:Linux "$work/demo.raw" >/dev/null
dd if="$work/ntfs.img" of="$work/demo.raw" bs=1M seek=1 conv=notrunc status=none
dd if="$work/ext4.img" of="$work/demo.raw" bs=1M seek=11 conv=notrunc status=none

mkdir -p "$root/image" "$root/truth"
rm -f "$root/image/demo.E01" "$root/image/demo.qcow2"
ewfacquire -u -q -c deflate:best -C 'SAKSI-DEMO-1' -D 'komputer riba nurul, agensi contoh' -E 'EKS-001' -e 'pemeriksa' -N 'demo' \
	-m removable -M physical -f encase6 -d sha256 -d sha1 -S 4GiB -t "$work/demo" "$work/demo.raw" >/dev/null
ewfverify -q -d sha256 "$work/demo.E01" >/dev/null || die "ewfverify refuses demo.E01"
qemu-img convert -c -O qcow2 "$work/demo.raw" "$work/demo.qcow2"
install -m 644 "$work/demo.E01" "$work/demo.qcow2" "$root/image/"

truth_volumes "$work/demo.raw" >"$root/truth/demo.mmls"
truth_files "$work/demo.raw" 2048 22528 >"$root/truth/demo_entries.tsv"
{
	printf 'volume_sector\tpath\tsize\tsha256\n'
	sed 's/^/2048\t/' "$work/ntfs.mounted"
	sed 's/^/22528\t/' "$work/ext4.mounted"
} >"$root/truth/demo_mounted.tsv"
truth_image demo.E01 "$work/demo.raw" ewfacquire
truth_image demo.qcow2 "$work/demo.raw" qemu-img
# The objects by themselves, for what is deleted: their digests.
{
	printf 'sha256\tbytes\tname\n'
	for f in invoice-viewer.bin second.bin cmd.php pekeliling.pdf kod-qr.png; do
		printf '%s\t%s\t%s\n' "$(sha256sum <"$work/$f" | cut -d' ' -f1)" "$(stat -c %s "$work/$f")" "$f"
	done
} >"$root/truth/demo_objects.tsv"
