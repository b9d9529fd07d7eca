#!/bin/sh
# Makes the small captures of capture/, one thing each; README.md lists them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/content.sh"
. "$(dirname "$0")/servers.sh"
need ip ping ethtool tcpdump editcap mergecap tshark dnsmasq dig nginx openssl curl ssh sshd smbd smbclient groff qrencode python3 gzip
PATH=$PATH:/usr/sbin
cap=$root/capture
mkdir -p "$cap"

switch
host portal 192.0.2.10 2001:db8:2::10
host fail 192.0.2.20
host dns 192.0.2.53 2001:db8:2::53
host nurul 192.0.2.101 2001:db8:2::101
portal_files
noise_file=$work/www/rawak.bin
head -c 60000 /dev/zero | openssl enc -aes-128-ctr -K 53616b736953616b736953616b736932 -iv 00000000000000000000000000000000 >"$noise_file"
resolver dns
portal portal
ssh_server portal 2222
file_server fail
sleep 3
nurul() { in_ns nurul "$@"; }
web() { nurul curl -sS -o /dev/null --max-time 10 "$@"; }
keep() { install -m 644 "$work/$1" "$cap/$1"; }
url=http://portal.agensi.example
at="--resolve portal.agensi.example:80:192.0.2.10 --resolve portal.agensi.example:443:192.0.2.10"

# HTTP/1: methods, statuses, bodies and transfer codings.
capture "$work/http.pcap" port 80
# shellcheck disable=SC2086
{
	web $at $url/ -o /dev/null $url/dokumen/pekeliling-4-2026.pdf -o /dev/null $url/imej/kod-qr.png
	web $at -I $url/
	web $at -0 $url/
	web $at $url/berita
	web $at --compressed $url/berita
	web $at --compressed $url/syarat.html
	web $at -r 100-299 $url/rawak.bin
	web $at -L $url/lama
	web $at -z "$work/www/index.html" $url/index.html
	web $at $url/tiada
	web $at -X OPTIONS $url/
	web $at -d 'carian=pekeliling' $url/permohonan
	web $at -F 'nama=Ahmad' -F "fail=@$work/www/imej/kod-qr.png;type=image/png" $url/permohonan
	web $at -H 'Transfer-Encoding: chunked' -T "$noise_file" $url/muat-naik/rawak.bin
	web $at -H 'Expect: 100-continue' --data-binary "@$work/www/dokumen/pekeliling-4-2026.pdf" $url/permohonan
	web $at -b 'sesi=contoh; bahasa=ms' -e $url/ -A 'saksi-ujian/1.0' $url/
	nurul sh -c "printf 'GET / HTTP/1.1\r\nHost: portal.agensi.example\r\n\r\nGET /imej/kod-qr.png HTTP/1.1\r\nHost: portal.agensi.example\r\n\r\nGET /tiada HTTP/1.1\r\nHost: portal.agensi.example\r\nConnection: close\r\n\r\n' | timeout 5 bash -c 'exec 3<>/dev/tcp/192.0.2.10/80; cat >&3; cat <&3 >/dev/null'"
}
capture_end
keep http.pcap

# DNS: types, codes, TCP, IPv6, EDNS.
capture "$work/dns.pcap" port 53
for q in 'A portal.agensi.example' 'AAAA portal.agensi.example' 'MX agensi.example' 'TXT agensi.example' 'SRV _ssh._tcp.agensi.example' \
	'CNAME www.agensi.example' 'A www.agensi.example' 'PTR 10.2.0.192.in-addr.arpa' 'A tiada.agensi.example' 'TXT besar.agensi.example' 'CAA agensi.example'; do
	# shellcheck disable=SC2086
	nurul dig +noall $q
done
nurul dig +noall +tcp A portal.agensi.example
nurul dig +noall +noedns A portal.agensi.example
nurul dig +noall -6 @2001:db8:2::53 AAAA portal.agensi.example
nurul dig +noall +tcp +keepopen A portal.agensi.example TXT agensi.example
nurul dig +noall CH TXT version.bind
capture_end
keep dns.pcap
gzip -9nc "$work/dns.pcap" >"$cap/dns.pcap.gz"
editcap -F nsecpcap "$work/dns.pcap" "$work/dns-nano.pcap"
keep dns-nano.pcap

# TLS. The key log of 1.3 goes into a pcapng as a secrets block.
tls() { # FILE CURL-OPTIONS...
	f=$1
	shift
	capture "$work/$f" port 443
	# shellcheck disable=SC2086
	web $at -k "$@" https://portal.agensi.example/ -o /dev/null https://portal.agensi.example/imej/kod-qr.png
	printf 'GET /berita HTTP/1.0\r\n\r\n' | nurul timeout 5 openssl s_client -quiet -servername portal.agensi.example -connect 192.0.2.10:443 -alpn http/1.1 $tls_s_client >/dev/null 2>&1 || true
	printf 'Q\n' | nurul timeout 5 openssl s_client -noservername -connect 192.0.2.10:443 $tls_s_client >/dev/null 2>&1 || true
	capture_end
	keep "$f"
}
tls_s_client=-tls1_2
tls tls12.pcap --tls-max 1.2
tls_s_client=-tls1_3
export SSLKEYLOGFILE="$work/keys"
tls tls13.pcap --tlsv1.3
unset SSLKEYLOGFILE
[ -s "$work/keys" ] || die "curl wrote no key log"
editcap -F pcapng --inject-secrets "tls,$work/keys" "$work/tls13.pcap" "$work/tls13-secrets.pcapng"
keep tls13-secrets.pcapng

# SSH on a port of its own: a refused password, a login by key.
capture "$work/ssh.pcap" port 2222
ssh_guess nurul admin 192.0.2.10 2222
ssh_login nurul 192.0.2.10 2222 'id' >/dev/null
capture_end
keep ssh.pcap

# SMB 3.1.1 and 2.1: list, read, write, remove.
capture "$work/smb.pcap" port 445
cp "$work/www/imej/kod-qr.png" "$work/hantar.png"
for v in SMB3_11 SMB2_10; do
	nurul smbclient //192.0.2.20/awam -N -m $v --option="client min protocol=SMB2_10" -c "lcd $work; ls; get baca-saya.txt $work/terima.txt; put hantar.png; mkdir folder; rmdir folder; del hantar.png" >/dev/null 2>&1
done
capture_end
keep smb.pcap

# ICMP and fragments of both IP versions; a big DNS answer over UDP in fragments.
sed -i 's/^edns-packet-max=.*/edns-packet-max=4096/; s/^bind-interfaces/bind-interfaces\nlisten-address=192.0.2.54/' "$work/dnsmasq.conf"
in_ns dns ip addr add 192.0.2.54/24 dev eth0
background dns dnsmasq -C "$work/dnsmasq.conf" --pid-file= --log-facility="$work/dnsmasq2.log"
sleep 1
capture "$work/fragments.pcap" 'icmp or icmp6 or udp or ip[6:2] & 0x3fff != 0 or ip6[6] == 44'
nurul ping -q -c 2 -i 0.2 -s 4000 192.0.2.10 >/dev/null
nurul ping -q -c 2 -i 0.2 -s 4000 2001:db8:2::10 >/dev/null
nurul dig +noall +notcp +ignore +bufsize=4096 @192.0.2.54 TXT besar.agensi.example
capture_end
keep fragments.pcap

# Link types: "any" in both cooked forms, loopback, raw IP; two links in one file.
for t in SLL SLL2; do
	f=any-$(echo $t | tr '[:upper:]' '[:lower:]').pcap
	capture_at portal any "$work/$f" -y "LINUX_$t" port 80
	# shellcheck disable=SC2086
	web $at $url/
	web -6 --resolve 'portal.agensi.example:80:[2001:db8:2::10]' $url/berita
	in_ns portal curl -sS -o /dev/null http://127.0.0.1/
	capture_end
	keep "$f"
done
capture_at portal lo "$work/loopback.pcap" port 80
in_ns portal curl -sS -o /dev/null -H 'Host: portal.agensi.example' http://127.0.0.1/
in_ns portal curl -sS -o /dev/null -H 'Host: portal.agensi.example' 'http://[::1]/berita'
capture_end
keep loopback.pcap
editcap -F pcap -C 14 -L -T rawip "$work/dns.pcap" "$work/rawip.pcap"
keep rawip.pcap
mergecap -F pcapng -w "$work/links.pcapng" "$work/any-sll2.pcap" "$work/dns.pcap" "$work/rawip.pcap"
keep links.pcapng

# VXLAN (RFC 7348) between two hosts.
in_ns portal ip link add vx0 type vxlan id 77 local 192.0.2.10 remote 192.0.2.101 dstport 4789 dev eth0
in_ns nurul ip link add vx0 type vxlan id 77 local 192.0.2.101 remote 192.0.2.10 dstport 4789 dev eth0
in_ns portal ip addr add 198.51.100.1/24 dev vx0
in_ns nurul ip addr add 198.51.100.2/24 dev vx0
in_ns portal ip link set vx0 up
in_ns nurul ip link set vx0 up
in_ns portal ip route del 198.51.100.0/24 dev eth0
in_ns nurul ip route del 198.51.100.0/24 dev eth0
sleep 2
capture "$work/vxlan.pcap" udp port 4789
web --resolve portal.agensi.example:80:198.51.100.1 $url/berita
nurul ping -q -c 1 198.51.100.1 >/dev/null
capture_end
keep vxlan.pcap

# A trunk with 802.1Q and 802.1ad tags: two hosts, a wire on each side that puts
# the tags on and takes them off, tcpdump between.
# line NAME: namespaces of a client and a server and the wire's ends in sk-NAME.
line() {
	ip netns add "sk-$1"
	in_ns "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	for side in a b; do
		ip netns add "sk-$1$side"
		ip link add eth0 netns "sk-$1$side" type veth peer name "$side" netns "sk-$1"
		in_ns "$1$side" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
		in_ns "$1$side" ethtool -K eth0 tx off rx off tso off gso off gro off >/dev/null 2>&1 || true
		in_ns "$1" ethtool -K "$side" tx off rx off tso off gso off gro off >/dev/null 2>&1 || true
		in_ns "$1$side" ip link set lo up
		in_ns "$1$side" ip link set eth0 mtu 1400 up
		in_ns "$1" ip link set dev "$side" promisc on up
		mkdir -p "/etc/netns/sk-$1$side"
	done
	in_ns "$1a" ip addr add 198.51.100.2/24 dev eth0
	in_ns "$1b" ip addr add 198.51.100.1/24 dev eth0
	rm -f "$work/portal.access.log"
	portal "$1b"
}
# fetch NAME: the client gets a page and 60,000 bytes, and checks them.
fetch() {
	in_ns "$1a" curl -sS -o "$work/rawak.bin" --max-time 20 --resolve portal.agensi.example:80:198.51.100.1 $url/rawak.bin
	cmp "$work/rawak.bin" "$noise_file" || die "the faulty wire changed the file"
	in_ns "$1a" curl -sS -o /dev/null --max-time 20 --resolve portal.agensi.example:80:198.51.100.1 --data-binary "@$noise_file" $url/permohonan
}

line wt
in_ns wt ip link add t1 type veth peer name t2
in_ns wt ethtool -K t1 tx off rx off >/dev/null 2>&1 || true
for i in t1 t2; do in_ns wt ip link set $i promisc on up; done
background wt python3 "$make_dir/wire.py" a t1 --tag 42
w1=$last
background wt python3 "$make_dir/wire.py" b t2 --tag 42
w2=$last
sleep 0.5
capture_at wt t1 "$work/vlan.pcap"
in_ns wta curl -sS -o /dev/null --resolve portal.agensi.example:80:198.51.100.1 $url/berita
in_ns wta ping -q -c 1 198.51.100.1 >/dev/null
capture_end
keep vlan.pcap
stop "$w1" "$w2"
background wt python3 "$make_dir/wire.py" a t1 --tag 7,42
background wt python3 "$make_dir/wire.py" b t2 --tag 7,42
sleep 0.5
capture_at wt t1 "$work/qinq.pcap"
in_ns wta curl -sS -o /dev/null --resolve portal.agensi.example:80:198.51.100.1 $url/berita
capture_end
keep qinq.pcap

# TCP over a wire that drops, swaps and doubles frames, captured on the client's
# side: what the client sends is seen before the loss, what it gets after it.
line wd
background wd python3 "$make_dir/wire.py" a b --drop 11 --swap 7 --dup 13
sleep 0.5
capture_at wd a "$work/retransmission.pcap"
fetch wd
capture_end
keep retransmission.pcap
