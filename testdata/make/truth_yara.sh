#!/bin/sh
# Writes truth/demo_yara.tsv: what the yara program finds with rules/demo.yar in
# every stream of the demo's disk (read by icat), in the unallocated space of its
# volumes (blkls) and in the files tshark exports from demo.pcap.
#
# Packages: sleuthkit yara qemu-utils tshark
. "$(dirname "$0")/lib.sh"
need yara icat blkls qemu-img tshark

rules=$root/rules/demo.yar
qemu-img convert -O raw "$root/image/demo.qcow2" "$work/demo.raw"
mkdir "$work/disk" "$work/http"
: >"$work/names"
n=0
tail -n +2 "$root/truth/demo_entries.tsv" >"$work/entries"
while IFS='	' read -r sector path meta _ deleted _ _ sum; do
	[ "$sum" != - ] || continue
	n=$((n + 1))
	icat -i raw -o "$sector" "$work/demo.raw" "$meta" >"$work/disk/$n" 2>/dev/null </dev/null || true
	printf '%s\t%s\t%s\t%s\n' "$n" "$sector" "$path" "$deleted" >>"$work/names"
done <"$work/entries"
for sector in 2048 22528; do
	blkls -i raw -o "$sector" "$work/demo.raw" >"$work/disk/u$sector"
	printf 'u%s\t%s\t(unallocated)\t-\n' "$sector" "$sector" >>"$work/names"
done
tshark -q -r "$root/capture/demo.pcap" --export-objects "http,$work/http" 2>/dev/null
{
	printf 'source\tvolume_sector\tpath\tdeleted\trule\n'
	{
		yara -r "$rules" "$work/disk" | sed "s#$work/disk/##" | while read -r rule file; do
			awk -F'\t' -v f="$file" -v r="$rule" 'BEGIN {OFS = "\t"} $1 == f {print "disk", $2, $3, $4, r}' "$work/names"
		done
		yara -r "$rules" "$work/http" | sed "s#$work/http/##" | while read -r rule file; do printf 'wire\t-\t%s\t0\t%s\n' "$file" "$rule"; done
	} | sort
} >"$root/truth/demo_yara.tsv"
