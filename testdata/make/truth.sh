# Ground truth of images by independent tools. Sourced after lib.sh.
# Package: sleuthkit

# truth_mounted FOLDER: path, size and SHA-256 of each regular file as the
# kernel (or ntfs-3g, exfat-fuse) shows it; paths without the folder, sorted.
truth_mounted() {
	(cd "$1" && find . -type f -printf '%P\t%s\n' | sort | while IFS='	' read -r p s; do
		printf '%s\t%s\t%s\n' "$p" "$s" "$(sha256sum <"$p" | cut -d' ' -f1)"
	done)
}

# truth_volumes RAW: mmls's table.
truth_volumes() {
	mmls -i raw "$1"
}

# truth_files RAW SECTOR...: what fls and icat (The Sleuth Kit) say of the file
# systems at these sectors. For whole-volume images the sector is 0.
truth_files() {
	tf_raw=$1
	shift
	printf 'volume_sector\tpath\tmeta\tmode\tdeleted\tsize\tmtime\tsha256\n'
	for tf_s in "$@"; do
		fls -i raw -o "$tf_s" -r -p -m '' "$tf_raw" | while IFS='|' read -r _ name meta mode _ _ size _ mtime _; do
			deleted=0
			case $name in
			*' (deleted-realloc)') deleted=realloc name=${name% (deleted-realloc)} ;;
			*' (deleted)') deleted=1 name=${name% (deleted)} ;;
			esac
			name=${name#/}
			case $name in *' ($FILE_NAME)') continue ;; esac
			sum=-
			case $mode in
			*/d* | V/* | */l* | */p*) ;;
			*) [ "$size" -gt 16777216 ] || sum=$(icat -i raw -o "$tf_s" "$tf_raw" "$meta" 2>/dev/null | sha256sum | cut -d' ' -f1) ;;
			esac
			printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$tf_s" "$name" "$meta" "$mode" "$deleted" "$size" "$mtime" "$sum"
		done
	done
}

# truth_image NAME RAW PROGRAM: adds one row to truth/images.tsv: the container,
# size and SHA-256 of the medium inside, digest of the stored file, its maker.
truth_image() {
	ti=$root/truth/images.tsv
	[ -s "$ti" ] || printf 'image\tmedia_bytes\tmedia_sha256\tfile_sha256\tmaker\n' >"$ti"
	grep -v "^$1	" "$ti" >"$work/images.tsv" || true
	printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$(stat -c %s "$2")" "$(sha256sum <"$2" | cut -d' ' -f1)" \
		"$(sha256sum <"$root/image/$1" | cut -d' ' -f1)" "$3" >>"$work/images.tsv"
	{ head -1 "$work/images.tsv"; tail -n +2 "$work/images.tsv" | sort; } >"$ti"
}
