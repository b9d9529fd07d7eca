"""Writes a copy of a file with bytes replaced: patch.py IN OUT OFFSET=HEX..."""
import sys

data = bytearray(open(sys.argv[1], "rb").read())
for change in sys.argv[3:]:
    offset, value = change.split("=")
    value = bytes.fromhex(value)
    at = int(offset)
    if at + len(value) > len(data):
        sys.exit(f"patch.py: {sys.argv[1]} has {len(data)} bytes, offset {at} is beyond")
    data[at : at + len(value)] = value
open(sys.argv[2], "wb").write(data)
