"""Writes truth/ for capture/: what tshark, capinfos and ndpiReader say.

captures.tsv      each file: packets, TCP and UDP conversations
demo_flows.tsv    each TCP and UDP conversation of demo.pcap, with nDPI's name
demo_dns.tsv      answers; demo_http.tsv requests; demo_tls.tsv client hellos;
demo_ssh.tsv      key exchanges
demo_files.tsv    files tshark exports from HTTP, with digests
demo_alerts.tsv   what each rule of rules/demo.rules and rules/sigma must find: the
                  packets that a display filter written by hand for it selects

Packages: tshark libndpi-bin
"""
import csv
import hashlib
import os
import subprocess
import sys
import tempfile

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
cap = os.path.join(root, "capture")
demo = os.path.join(cap, "demo.pcap")


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def fields(path, display, *names):
    """One tuple a packet; of a field that occurs several times, all values by commas."""
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=/t"]
    if display:
        command += ["-Y", display]
    for n in names:
        command += ["-e", n]
    return [tuple(line.split("\t")) for line in run(*command).splitlines()]


def write(name, head, rows):
    with open(os.path.join(root, "truth", name), "w", encoding="utf-8") as out:
        for row in [head, *rows]:
            out.write("\t".join(str(x) for x in row) + "\n")


def first(a, b):
    return a or b


# Every capture.
rows = []
for name in sorted(os.listdir(cap)):
    if name.endswith((".pcap", ".pcapng", ".pcap.gz")):
        p = fields(os.path.join(cap, name), "", "tcp.stream", "udp.stream")
        rows.append((name, len(p), len({x[0] for x in p if x[0]}), len({x[1] for x in p if x[1]})))
write("captures.tsv", ("file", "packets", "tcp_conversations", "udp_conversations"), rows)

# The flows of the demo.
with tempfile.TemporaryDirectory() as tmp:
    table = os.path.join(tmp, "ndpi.csv")
    run("ndpiReader", "-i", demo, "-C", table, "-q")
    ndpi = {}
    with open(table, encoding="utf-8") as f:
        for r in csv.DictReader(f):
            ends = frozenset([(r["src_ip"], r["src_port"]), (r["dst_ip"], r["dst_port"])])
            ndpi[r["protocol"], ends] = r["ndpi_proto"]
    flows = {}
    for number, time, proto, src4, src6, dst4, dst6, ts, us, tsrc, tdst, usrc, udst, length in fields(
        demo, "(tcp or udp) and not icmp", "frame.number", "frame.time_epoch", "ip.proto", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst",
        "tcp.stream", "udp.stream", "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport", "frame.len"):
        t = "tcp" if ts else "udp"
        src, dst = (first(src4, src6), first(tsrc, usrc)), (first(dst4, dst6), first(tdst, udst))
        f = flows.setdefault((t, int(first(ts, us))), [src, dst, time, 0, 0, 0, 0, []])
        side = 0 if src == f[0] else 1
        f[3 + side] += 1
        f[5 + side] += int(length)
        f[7].append(number)
    rows = []
    for (t, stream), f in sorted(flows.items(), key=lambda x: x[1][2]):
        name = ndpi.get(("6" if t == "tcp" else "17", frozenset(f[:2])), "")
        rows.append((t, *f[0], *f[1], f[2], *f[3:7], f[7][0], f[7][-1], name))
    write("demo_flows.tsv", ("transport", "source_ip", "source_port", "destination_ip", "destination_port", "first_seen", "packets_to_server",
          "packets_to_client", "bytes_to_server", "bytes_to_client", "first_packet", "last_packet", "ndpi"), rows)

    write("demo_dns.tsv", ("packet", "id", "transport", "type", "name", "rcode", "answers"), [
        (n, i, "tcp" if s else "udp", t, q, rc, ac) for n, i, s, t, q, rc, ac in fields(
            demo, "dns.flags.response == 1", "frame.number", "dns.id", "tcp.stream", "dns.qry.type", "dns.qry.name", "dns.flags.rcode", "dns.count.answers")])
    answers = {r[0]: r[1] for r in fields(demo, "http.response", "http.request_in", "http.response.code")}
    write("demo_http.tsv", ("packet", "method", "host", "uri", "user_agent", "status"), [
        (*r, answers.get(r[0], "")) for r in fields(demo, "http.request", "frame.number", "http.request.method", "http.host", "http.request.uri", "http.user_agent")])
    write("demo_tls.tsv", ("packet", "sni", "ja3"), fields(demo, "tls.handshake.type == 1", "frame.number", "tls.handshake.extensions_server_name", "tls.handshake.ja3"))
    write("demo_ssh.tsv", ("packet", "source", "hassh", "hassh_server"), fields(demo, "ssh.kex.hassh or ssh.kex.hasshserver", "frame.number", "ip.src", "ssh.kex.hassh", "ssh.kex.hasshserver"))

    run("tshark", "-q", "-r", demo, "--export-objects", "http," + tmp + "/objects")
    rows = []
    for name in sorted(os.listdir(tmp + "/objects")):
        with open(os.path.join(tmp, "objects", name), "rb") as f:
            b = f.read()
        rows.append((hashlib.sha256(b).hexdigest(), len(b), name))
    write("demo_files.tsv", ("sha256", "bytes", "name"), rows)

# What the rules must find: the packets a filter of Wireshark's language selects;
# of rules with a threshold, "alerts" lists the fewer packets that alert.
rules = [
    ("1200001", 'http.user_agent matches "^sqlmap/" and http.request', lambda p: p[:1]),
    ("1200002", 'http.request.method == "GET" and http.request.uri matches r"[.][.]/.*/etc/passwd"', None),
    ("1200003", 'http.request.uri matches "(?i)UNION.+SELECT"', None),
    ("1200004", "tcp.flags.syn == 1 and tcp.flags.ack == 0 and tcp.dstport == 22 and ip.src == 198.51.100.66", lambda p: p[2:3]),
    ("1200005", 'http.authorization matches "^Basic "', None),
    ("1200006", 'http.request.method == "POST" and http.file_data matches "mykad=[0-9]{6}-?[0-9]{2}-?[0-9]{4}"', None),
    ("1200007", r'dns.flags.response == 0 and dns.qry.name matches "(?i)^[0-9a-f]{32,63}[.].*[.]kemaskini-sistem[.]test$"', None),
    ("1200008", 'http.response.code == 200 and http.file_data contains "SAKSI-DEMO-IMPLANT"', None),
    ("1200009", 'tls.handshake.extensions_server_name matches "kemaskini-sistem[.]test$"', None),
    ("1200010", 'tls.handshake.certificate and x509sat.uTF8String == "kemaskini-sistem.test"', None),
    ("sigma/dns_long_hex_name.yml", 'dns.flags.response == 0 and dns.qry.type == 16 and dns.qry.name matches "^[0-9a-f]{32,63}[.]"', None),
    ("sigma/web_sql_injection.yml", 'http.request.method == "GET" and http.request.uri matches "[?].*(UNION.*SELECT|%27%20AND%201=1)"', None),
    ("sigma/web_scanner_user_agent.yml", 'http.request and http.user_agent matches "^sqlmap/"', None),
    ("sigma/zeek_http_executable_download.yml", 'http.request and http.host matches "[.]test$" and http.request.uri matches "[.](bin|exe)$"', None),
]
rows = []
for name, display, alerting in rules:
    packets = [r[0] for r in fields(demo, display, "frame.number")]
    if not packets:
        sys.exit(f"truth_captures.py: the filter of rule {name} selects no packet: {display}")
    alerts = alerting(packets) if alerting else packets
    rows.append((name, len(alerts), ",".join(alerts), ",".join(packets), display))
write("demo_alerts.tsv", ("rule", "alerts", "alert_packets", "matching_packets", "filter"), rows)
