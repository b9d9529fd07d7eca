# Common parts of the scripts that make testdata. Sourced, not run.
#
# Everything happens in network namespaces named sk-*, on addresses kept for
# documentation (RFC 5737, RFC 3849), names under .example and .test (RFC 2606),
# and in a temporary folder; a trap removes all of it.
#
# Debian 12 packages needed (nothing is installed from here): iproute2 ethtool
# tcpdump tshark dnsmasq-base dnsutils nginx-light openssl curl openssh-client
# openssh-server samba smbclient iputils-ping groff qrencode python3 gzip

set -eu
umask 022
export LC_ALL=C.UTF-8 TZ=UTC
make_dir=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$make_dir")
work=$(mktemp -d /tmp/saksi-testdata.XXXXXX)
chmod 755 "$work"
pids=

# die MESSAGE: ends the script.
die() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

# need PROGRAM...: ends the script unless all programs are installed.
need() {
	[ "$(id -u)" = 0 ] || die "run as root: namespaces and mounts need it"
	for p in "$@"; do
		command -v "$p" >/dev/null || die "$p is not installed; the packages are listed in $make_dir/lib.sh"
	done
}

# stop PID...: ends processes this script started and waits for them.
stop() {
	for p in "$@"; do
		kill "$p" 2>/dev/null || true
		wait "$p" 2>/dev/null || true
	done
}

# cleanup removes processes, mounts, loop devices, namespaces and files made here.
cleanup() {
	status=$?
	trap - EXIT INT TERM
	for n in $(ip netns list | awk '$1 ~ /^sk-/ {print $1}'); do
		for p in $(ip netns pids "$n"); do kill "$p" 2>/dev/null || true; done
	done
	# shellcheck disable=SC2086
	stop $pids
	sleep 0.3
	for n in $(ip netns list | awk '$1 ~ /^sk-/ {print $1}'); do
		ip netns del "$n"
		rm -rf "/etc/netns/$n"
	done
	rmdir /etc/netns 2>/dev/null || true
	awk -v w="$work/" 'index($2, w) == 1 {print $2}' /proc/mounts | sort -r | while read -r m; do umount "$m"; done
	losetup -n -O NAME,BACK-FILE 2>/dev/null | awk -v w="$work/" 'index($2, w) == 1 {print $1}' | while read -r d; do losetup -d "$d"; done
	[ -z "${made_run_sshd-}" ] || rmdir /run/sshd 2>/dev/null || true
	rm -rf "$work"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# in_ns NAME COMMAND...: runs a command in the namespace of host NAME.
in_ns() {
	n=$1
	shift
	ip netns exec "sk-$n" "$@"
}

# background NAME COMMAND...: the same, in the background, until cleanup.
background() {
	n=$1
	shift
	ip netns exec "sk-$n" "$@" &
	last=$!
	pids="$pids $last"
}

# switch makes the namespace sk-sw with the bridge br0: a switch whose br0 sees
# every frame, as a mirror port does.
switch() {
	ip netns add sk-sw
	in_ns sw ip link set lo up
	in_ns sw ip link add br0 type bridge mcast_snooping 0
	in_ns sw sysctl -qw net.ipv6.conf.br0.disable_ipv6=1
	in_ns sw ip link set br0 up
}

# host NAME ADDRESS... makes a namespace with one veth on the switch. All hosts
# are on one link. Segmentation and checksum offload are off, so that the
# capture holds what a cable would carry.
host() {
	h=$1
	shift
	ip netns add "sk-$h"
	in_ns "$h" ip link set lo up
	ip link add "v-$h" netns "sk-$h" type veth peer name "p-$h" netns sk-sw
	in_ns "$h" ip link set "v-$h" name eth0
	in_ns "$h" ethtool -K eth0 tx off rx off tso off gso off gro off sg off >/dev/null 2>&1 || true
	in_ns sw ethtool -K "p-$h" tx off rx off tso off gso off gro off >/dev/null 2>&1 || true
	in_ns sw sysctl -qw "net.ipv6.conf.p-$h.disable_ipv6=1"
	in_ns sw ip link set "p-$h" master br0 up
	for a in "$@"; do
		case $a in
		*:*) in_ns "$h" ip -6 addr add "$a/64" dev eth0 nodad ;;
		*) in_ns "$h" ip addr add "$a/24" dev eth0 ;;
		esac
	done
	in_ns "$h" ip link set eth0 up
	in_ns "$h" ip route add 192.0.2.0/24 dev eth0 2>/dev/null || true
	in_ns "$h" ip route add 198.51.100.0/24 dev eth0 2>/dev/null || true
	mkdir -p "/etc/netns/sk-$h"
	echo "nameserver 192.0.2.53" >"/etc/netns/sk-$h/resolv.conf"
}

# capture FILE [TCPDUMP ARGUMENTS]: starts tcpdump on the switch.
capture() {
	to=$1
	shift
	capture_at sw br0 "$to" "$@"
}

# capture_at NAME INTERFACE FILE [ARGUMENTS]: starts tcpdump in one namespace.
capture_at() {
	cn=$1 ci=$2 cf=$3
	shift 3
	ip netns exec "sk-$cn" tcpdump -Z root -n -s 0 -U -B 8192 -i "$ci" -w "$cf" "$@" 2>"$work/tcpdump.log" &
	capture_pid=$!
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		grep -q 'listening on' "$work/tcpdump.log" && return 0
		sleep 0.1
	done
	die "tcpdump did not start: $(cat "$work/tcpdump.log")"
}

# capture_end stops the capture and refuses one that lost packets.
capture_end() {
	sleep 1
	kill -INT "$capture_pid"
	wait "$capture_pid" || true
	grep -q '^0 packets dropped by kernel' "$work/tcpdump.log" || die "the capture lost packets: $(cat "$work/tcpdump.log")"
}

# wait_port NAME PORT: waits until something listens on a TCP port.
wait_port() {
	for _ in $(seq 100); do
		[ -n "$(in_ns "$1" ss -Hltn "sport = :$2")" ] && return 0
		sleep 0.1
	done
	die "no server on port $2 of $1"
}
