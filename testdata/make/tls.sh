#!/bin/sh
# Makes tls/: sessions of OpenSSL that Go's crypto/tls has not, with their
# secrets in the capture, and what tshark reads in them (truth/tls.tsv). Needs root.
. "$(dirname "$0")/lib.sh"
need ip tcpdump editcap tshark openssl ethtool
PATH=$PATH:/usr/sbin
out=$root/tls
mkdir -p "$out"

switch
host portal 192.0.2.10
host nurul 192.0.2.101
cd "$work"
mkdir www
printf '<html><body>%s</body></html>\n' "$(yes 'Laporan tahunan agensi, tidak rahsia.' | head -n 30)" >laporan.html
openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.pem -days 3650 -subj '/CN=portal.agensi.example' 2>/dev/null
openssl dhparam -dsaparam -out dh.pem 2048 2>/dev/null

port=4400
# server OPTIONS...: a server of its own for each session, on the next port.
server() {
	port=$((port + 1))
	cd "$work/www"
	background portal openssl s_server -accept 192.0.2.10:$port -cert ../rsa.pem -key ../rsa.key -dhparam ../dh.pem "$@" >"$work/server.log" 2>&1
	cd "$work"
	wait_port portal $port
}
# client OPTIONS...: a client that says what comes on its input.
client() {
	in_ns nurul timeout 8 openssl s_client -connect 192.0.2.10:$port -servername portal.agensi.example -keylogfile "$keys" "$@" >"$work/client.log" 2>&1 || true
}
# get NAME: the request of a page, which is made.
get() {
	cp "$work/laporan.html" "$work/www/$1.html"
	printf 'GET /%s.html HTTP/1.0\r\n\r\n' "$1"
}
simple() { # NAME CIPHER-OPTIONS... : one page
	word=$1
	shift
	server -WWW "$@"
	{ get "$word"; sleep 0.4; } | client -quiet "$@"
}

# TLS 1.2: what protects records, how keys are agreed on, and resumption.
keys=$work/keys12
capture "$work/tls12.pcap" tcp portrange 4400-4499
simple etm-sha384 -tls1_2 -cipher ECDHE-RSA-AES256-SHA384
simple sha384 -tls1_2 -cipher ECDHE-RSA-AES256-SHA384 -no_etm
simple etm-sha256 -tls1_2 -cipher AES128-SHA256
simple etm-sha1 -tls1_2 -cipher DHE-RSA-AES128-SHA
simple dhe-gcm -tls1_2 -cipher DHE-RSA-AES256-GCM-SHA384
simple dhe-chacha -tls1_2 -cipher DHE-RSA-CHACHA20-POLY1305
simple psk -tls1_2 -cipher PSK-AES256-CBC-SHA384 -psk 53616b736953616b736953616b736969
simple tls1 -tls1 -cipher ECDHE-RSA-AES128-SHA:@SECLEVEL=0
simple tls11 -tls1_1 -cipher AES256-SHA:@SECLEVEL=0
simple null-sha256 -tls1_2 -cipher NULL-SHA256:@SECLEVEL=0
simple ccm -tls1_2 -cipher AES128-CCM
simple camellia -tls1_2 -cipher CAMELLIA128-SHA256
server -WWW -tls1_2 -no_ticket
{ get by-id-1; sleep 0.4; } | client -quiet -sess_out "$work/session" -tls1_2
{ get by-id-2; sleep 0.4; } | client -quiet -sess_in "$work/session" -tls1_2
server -WWW -tls1_2
{ get by-ticket-1; sleep 0.4; } | client -quiet -sess_out "$work/session" -tls1_2
{ get by-ticket-2; sleep 0.4; } | client -quiet -sess_in "$work/session" -tls1_2
server -WWW -tls1_2 -client_renegotiation -legacy_renegotiation
{ sleep 0.4; echo R; sleep 0.8; get renegotiated; sleep 0.4; } | client -tls1_2 -crlf -legacy_renegotiation
capture_end

# TLS 1.3: suites, a retried hello, keys that change, early data.
keys=$work/keys13
capture "$work/tls13.pcap" tcp portrange 4400-4499
simple aes128 -tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256
simple aes256 -tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384
simple chacha -tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256
simple ccm13 -tls1_3 -ciphersuites TLS_AES_128_CCM_SHA256
server -WWW -tls1_3 -groups P-384
{ get retried; sleep 0.4; } | client -quiet -tls1_3 -groups X25519:P-384
# With keys that change and early data s_server says what comes on its input.
page='HTTP/1.0 200 ok\r\nContent-type: text/html\r\nContent-Length: 16\r\n\r\n<p>Laporan.</p>\n'
talker() { # INPUT OPTIONS...
	port=$((port + 1))
	input=$1
	shift
	background portal sh -c "{ $input; } | openssl s_server -accept 192.0.2.10:$port -cert rsa.pem -key rsa.key -tls1_3 $* >server.log 2>&1"
	wait_port portal $port
}
talker "sleep 2.2; printf '$page'; sleep 0.3; echo K; sleep 0.3; printf '$page'; sleep 2"
{ sleep 0.4; echo K; sleep 0.4; echo K; sleep 0.4; echo k; sleep 0.4; get updated-1; sleep 1.2; get updated-2; sleep 0.8; } | client -tls1_3
talker "sleep 1; printf '$page'; sleep 2; printf '$page'; sleep 3" -early_data
{ get first; sleep 1.6; } | client -tls1_3 -sess_out "$work/session"
get early >"$work/early"
{ sleep 2; } | client -tls1_3 -sess_in "$work/session" -early_data "$work/early"
capture_end

for v in 12 13; do
	[ -s "$work/keys$v" ] || die "no key log of TLS 1.$((v - 10))"
	editcap -F pcapng --inject-secrets "tls,$work/keys$v" "$work/tls$v.pcap" "$out/tls$v.pcapng"
	tshark -r "$out/tls$v.pcapng" -Y 'http' -T fields -E separator=/t -e tcp.srcport -e tcp.dstport -e http.request.method -e http.request.uri -e http.response.code -e http.content_length_header 2>/dev/null |
		sed "s/^/tls$v.pcapng\t/"
done >"$root/truth/tls.tsv"
cp "$work/keys12" "$out/tls12.keys"
chmod 644 "$out"/* "$root/truth/tls.tsv"
