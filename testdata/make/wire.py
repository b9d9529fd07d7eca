"""A cable with faults between two interfaces: wire.py IN OUT [OPTIONS].

Passes Ethernet frames both ways by AF_PACKET until it is killed. It stands in
for what not every kernel has (netem, 802.1Q devices).

  --tag VID[,VID]   frames from IN to OUT get these 802.1Q tags (two: 802.1ad
                    outside); frames from OUT to IN lose their tags
  --drop N          every Nth frame with more than 200 bytes is dropped
  --swap N          every Nth such frame changes places with the next
  --dup N           every Nth such frame is sent twice
"""
import argparse
import select
import socket
import struct

args = argparse.ArgumentParser()
args.add_argument("inside")
args.add_argument("outside")
args.add_argument("--tag", default="")
args.add_argument("--drop", type=int, default=0)
args.add_argument("--swap", type=int, default=0)
args.add_argument("--dup", type=int, default=0)
args = args.parse_args()

ALL, OUTGOING = 3, 4
ends = []
for name in (args.inside, args.outside):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
    s.bind((name, 0))
    ends.append(s)
vids = [int(v) for v in args.tag.split(",") if v]
tags = b""
for n, vid in enumerate(vids):
    kind = 0x88A8 if n == 0 and len(vids) > 1 else 0x8100
    tags += struct.pack(">HH", kind, vid)
count = [0, 0]
held = [None, None]


def every(n, which):
    return n and which % n == 0


while True:
    ready = select.select(ends, [], [], 0.02)[0]
    if not ready:
        for way in (0, 1):
            if held[way]:
                ends[1 - way].send(held[way])
                held[way] = None
    for s in ready:
        frame, address = s.recvfrom(65536)
        if address[2] == OUTGOING:
            continue
        way = ends.index(s)
        if vids and way == 0:
            frame = frame[:12] + tags + frame[12:]
        while vids and way == 1 and frame[12:14] in (b"\x81\x00", b"\x88\xa8"):
            frame = frame[:12] + frame[16:]
        out = [frame]
        if len(frame) > 200:
            count[way] += 1
            if every(args.drop, count[way]):
                continue
            if every(args.swap, count[way]) and held[way] is None:
                held[way] = frame
                continue
            if every(args.dup, count[way]):
                out.append(frame)
        if held[way]:
            out.append(held[way])
            held[way] = None
        for f in out:
            ends[1 - way].send(f)
