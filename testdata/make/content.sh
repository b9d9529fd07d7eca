# The files that the captures and images share. Sourced after lib.sh.

# make_implant FILE: a HARMLESS object that stands for malware in the tests. It
# is no program: text with a marker, then bytes from AES-CTR over zeros with a
# fixed key, so that its digest is the same on every run.
make_implant() {
	{
		printf 'SAKSI-DEMO-IMPLANT\000harmless test object, not a program\000'
		printf 'marker=Saksi{5aks1-1mpl4nt-m4rk3r}\000'
		printf 'c2=kemaskini-sistem.test:443\000beacon=/ping\000sleep=60\000campaign=invois-2026\000'
		head -c 6000 /dev/zero | openssl enc -aes-128-ctr -K 53616b736953616b736953616b736921 -iv 00000000000000000000000000000000
		printf '\000END-SAKSI-DEMO-IMPLANT\n'
	} >"$1"
}

# make_webshell FILE: a HARMLESS text that stands for a web shell: the marker
# stands in a comment and the rest only prints a sentence.
make_webshell() {
	cat >"$1" <<'END'
<?php
// saksi_demo_webshell: harmless test object; it runs nothing.
// marker: Saksi{5aks1-w3bsh3ll-m4rk3r}
header('Content-Type: text/plain');
echo "ini fail ujian sahaja";
END
}

# make_pdf FILE: one page set by groff, with a fixed date so that its digest is
# the same on every run.
make_pdf() {
	SOURCE_DATE_EPOCH=1790931600 groff -Tpdf -ms >"$1" <<'END'
.TL
Pekeliling Bil. 4/2026
.AU
Agensi Contoh
.PP
Semua warga agensi hendaklah mengemas kini kata laluan portal sebelum 31 Disember 2026.
This circular is made up for tests.
END
}

# make_png FILE: a QR code by qrencode.
make_png() {
	qrencode -t PNG -s 3 -o "$1" "http://portal.agensi.example/berita"
}
