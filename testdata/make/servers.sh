# The servers of the captures. Sourced after lib.sh and content.sh.

# cert NAME START END: self-signed P-256 certificate $work/NAME.{crt,key}.
cert() {
	d=$work/ca-$1
	mkdir -p "$d"
	: >"$d/index"
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/$1.key" -out "$d/csr" \
		-subj "/C=MY/O=$4/CN=$1" 2>/dev/null
	cat >"$d/cnf" <<END
[ca]
default_ca = own
[own]
database = $d/index
new_certs_dir = $d
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = ext
[any]
countryName = optional
organizationName = optional
commonName = supplied
[ext]
subjectAltName = DNS:$1
END
	openssl ca -batch -config "$d/cnf" -selfsign -keyfile "$work/$1.key" -in "$d/csr" -notext \
		-startdate "$2" -enddate "$3" -out "$work/$1.crt" 2>"$d/log" || die "openssl ca: $(cat "$d/log")"
}

# portal_files: the pages of the portal.
portal_files() {
	www=$work/www
	mkdir -p "$www/dokumen" "$www/imej" "$www/pentadbir"
	cat >"$www/index.html" <<'END'
<!doctype html>
<html lang="ms"><head><meta charset="utf-8"><title>Portal Agensi Contoh</title></head>
<body><h1>Portal Agensi Contoh</h1>
<p>Selamat datang ke portal rasmi Agensi Contoh.</p>
<ul><li><a href="/berita">Berita</a></li><li><a href="/dokumen/pekeliling-4-2026.pdf">Pekeliling</a></li></ul>
</body></html>
END
	{
		echo '<!doctype html><html lang="ms"><body><h1>Berita</h1>'
		for i in $(seq 1 60); do echo "<p>Berita $i: Agensi Contoh mengadakan hari bertemu pelanggan di daerah ke-$i. @@TARIKH@@</p>"; done
		echo '</body></html>'
	} >"$www/berita.html"
	{
		echo '<!doctype html><html lang="ms"><body><h1>Syarat penggunaan</h1>'
		for i in $(seq 1 80); do echo "<p>$i. Pengguna bertanggungjawab atas maklumat yang diberi.</p>"; done
		echo '</body></html>'
	} >"$www/syarat.html"
	gzip -9nk "$www/syarat.html"
	echo '<!doctype html><html><body><h1>Panel pentadbir</h1></body></html>' >"$www/pentadbir/index.html"
	make_pdf "$www/dokumen/pekeliling-4-2026.pdf"
	make_png "$www/imej/kod-qr.png"
	printf 'portal-admin:%s\n' "$(openssl passwd -apr1 'Kata-Laluan-Contoh-1')" >"$work/htpasswd"
}

# portal HOST: nginx with the portal on ports 80 and 443 (TLS 1.2 and 1.3).
portal() {
	[ -e "$work/portal.agensi.example.crt" ] || cert portal.agensi.example 20260101000000Z 20361231235959Z "Agensi Contoh"
	mkdir -p "$work/nginx-$1"
	cat >"$work/nginx-$1.conf" <<END
user root;
daemon off;
worker_processes 1;
pid $work/nginx-$1.pid;
error_log $work/nginx-$1.error.log;
events { worker_connections 256; }
http {
	access_log $work/portal.access.log combined;
	client_body_temp_path $work/nginx-$1/body;
	proxy_temp_path $work/nginx-$1/proxy;
	fastcgi_temp_path $work/nginx-$1/fastcgi;
	uwsgi_temp_path $work/nginx-$1/uwsgi;
	scgi_temp_path $work/nginx-$1/scgi;
	types { text/html html; image/png png; application/pdf pdf; application/octet-stream bin; text/plain txt; }
	default_type text/html;
	charset utf-8;
	gzip on;
	gzip_min_length 1;
	gzip_static on;
	keepalive_timeout 20;
	server {
		listen 80;
		listen [::]:80 ipv6only=on;
		listen 443 ssl;
		listen [::]:443 ssl ipv6only=on;
		server_name portal.agensi.example;
		ssl_certificate $work/portal.agensi.example.crt;
		ssl_certificate_key $work/portal.agensi.example.key;
		ssl_protocols TLSv1.2 TLSv1.3;
		root $www;
		location = /berita { try_files /berita.html =404; sub_filter '@@TARIKH@@' '24 November 2026'; sub_filter_once off; }
		location = /permohonan { return 200 "Permohonan diterima. Nombor rujukan 2026-0417.\n"; }
		location = /muat-turun { return 404 "Fail tidak dijumpai.\n"; }
		location = /lama { return 301 /berita; }
		location /pentadbir/ { auth_basic "Panel pentadbir"; auth_basic_user_file $work/htpasswd; }
		location /muat-naik/ { dav_methods PUT; create_full_put_path on; }
	}
}
END
	background "$1" nginx -c "$work/nginx-$1.conf" -e "$work/nginx-$1.error.log"
	wait_port "$1" 443
}

# attacker_server HOST: nginx that offers the test implant on port 80, and an
# expired certificate on port 443 (TLS 1.2 only, so the certificate is in clear).
attacker_server() {
	cert kemaskini-sistem.test 20240101000000Z 20250101000000Z "Kemaskini Sistem"
	mkdir -p "$work/c2" "$work/nginx-$1"
	make_implant "$work/c2/invoice-viewer.bin"
	cat >"$work/nginx-$1.conf" <<END
user root;
daemon off;
worker_processes 1;
pid $work/nginx-$1.pid;
error_log $work/nginx-$1.error.log;
events { worker_connections 64; }
http {
	access_log off;
	server_tokens off;
	client_body_temp_path $work/nginx-$1/body;
	proxy_temp_path $work/nginx-$1/proxy;
	fastcgi_temp_path $work/nginx-$1/fastcgi;
	uwsgi_temp_path $work/nginx-$1/uwsgi;
	scgi_temp_path $work/nginx-$1/scgi;
	default_type application/octet-stream;
	server {
		listen 80;
		root $work/c2;
	}
	server {
		listen 443 ssl;
		ssl_certificate $work/kemaskini-sistem.test.crt;
		ssl_certificate_key $work/kemaskini-sistem.test.key;
		ssl_protocols TLSv1.2;
		location = /ping { return 200 "ok\n"; }
	}
}
END
	background "$1" nginx -c "$work/nginx-$1.conf" -e "$work/nginx-$1.error.log"
	wait_port "$1" 443
}

# resolver HOST: dnsmasq with the zones of the story and no upstream.
resolver() {
	cat >"$work/dnsmasq.conf" <<'END'
no-resolv
no-hosts
no-daemon
user=root
port=53
bind-interfaces
edns-packet-max=1232
local=/agensi.example/
local=/kemaskini-sistem.test/
local=/example/
local=/test/
host-record=portal.agensi.example,192.0.2.10,2001:db8:2::10,300
host-record=fail.agensi.example,192.0.2.20,300
cname=www.agensi.example,portal.agensi.example
mx-host=agensi.example,portal.agensi.example,10
srv-host=_ssh._tcp.agensi.example,portal.agensi.example,22
txt-record=agensi.example,"v=spf1 ip4:192.0.2.0/24 -all"
txt-record=6e7572756c2d50432d30303120757365723d6e7572756c.x9k2.kemaskini-sistem.test,"cmd=wait;sleep=60"
host-record=cdn.kemaskini-sistem.test,198.51.100.80,30
host-record=kemaskini-sistem.test,198.51.100.80,30
ptr-record=10.2.0.192.in-addr.arpa,portal.agensi.example
END
	for i in $(seq 1 30); do
		echo "txt-record=besar.agensi.example,\"rekod teks nombor $i yang dibuat supaya jawapan menjadi besar dan dipotong\"" >>"$work/dnsmasq.conf"
	done
	background "$1" dnsmasq -C "$work/dnsmasq.conf" --pid-file= --log-facility="$work/dnsmasq.log"
	wait_port "$1" 53
}

# ssh_server HOST PORT: sshd, with the made-up user nurul who logs in by key.
# Its log goes to $work/sshd.auth.log in the form of syslog (RFC 3164).
ssh_server() {
	[ -d /run/sshd ] || { mkdir -p /run/sshd && made_run_sshd=1; }
	mkdir -p "$work/home/.ssh"
	cp /etc/passwd "/etc/netns/sk-$1/passwd"
	echo "nurul:x:1000:1000:Nurul:$work/home:/bin/sh" >>"/etc/netns/sk-$1/passwd"
	cp /etc/shadow "/etc/netns/sk-$1/shadow"
	echo 'nurul:*:20000:0:99999:7:::' >>"/etc/netns/sk-$1/shadow"
	chmod 640 "/etc/netns/sk-$1/shadow"
	ssh-keygen -q -t ed25519 -N '' -C nurul@agensi.example -f "$work/id_nurul"
	cp "$work/id_nurul.pub" "$work/home/.ssh/authorized_keys"
	chown -R 1000:1000 "$work/home"
	chmod 700 "$work/home" "$work/home/.ssh"
	chmod 600 "$work/home/.ssh/authorized_keys"
	ssh-keygen -q -t ed25519 -N '' -C '' -f "$work/hostkey"
	cat >"$work/sshd.conf" <<END
Port $2
HostKey $work/hostkey
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication yes
LogLevel INFO
END
	mkfifo "$work/sshd.fifo"
	while read -r line; do
		printf '%s portal sshd[1203]: %s\n' "$(date '+%b %e %H:%M:%S')" "${line%?}"
	done <"$work/sshd.fifo" >"$work/sshd.auth.log" &
	pids="$pids $!"
	background "$1" /usr/sbin/sshd -D -e -f "$work/sshd.conf" 2>"$work/sshd.fifo"
	wait_port "$1" "$2"
}

# ssh_guess HOST USER ADDRESS PORT: one failed password.
ssh_guess() {
	printf '#!/bin/sh\necho salah-%s\n' "$2" >"$work/askpass"
	chmod 755 "$work/askpass"
	in_ns "$1" env SSH_ASKPASS="$work/askpass" SSH_ASKPASS_REQUIRE=force ssh -F none -p "$4" -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=/dev/null -o PreferredAuthentications=password -o NumberOfPasswordPrompts=1 \
		-o LogLevel=ERROR "$2@$3" true 2>/dev/null && die "ssh let $2 in" || true
}

# ssh_login HOST ADDRESS PORT COMMAND: nurul's login by key.
ssh_login() {
	in_ns "$1" ssh -F none -i "$work/id_nurul" -p "$3" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		-o LogLevel=ERROR "nurul@$2" "$4"
}

# file_server HOST: smbd with the open share "awam".
file_server() {
	mkdir -p "$work/share" "$work/smb/private" "$work/smb/lock" "$work/smb/cache" "$work/smb/run"
	echo 'Fail kongsi agensi (contoh).' >"$work/share/baca-saya.txt"
	cat >"$work/smb.conf" <<END
[global]
	workgroup = AGENSI
	netbios name = FAIL
	server string = Pelayan fail
	map to guest = bad user
	guest account = nobody
	private dir = $work/smb/private
	lock directory = $work/smb/lock
	state directory = $work/smb/lock
	cache directory = $work/smb/cache
	pid directory = $work/smb/run
	log file = $work/smb/log
	disable netbios = yes
	smb ports = 445
	load printers = no
	printcap name = /dev/null
	disable spoolss = yes
	server min protocol = SMB2_10
[awam]
	path = $work/share
	guest ok = yes
	read only = no
	force user = root
END
	background "$1" smbd -F -s "$work/smb.conf" -l "$work/smb"
	wait_port "$1" 445
}
