package tsk

import (
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// nameTypes and metaTypes are fls's letters.
const (
	nameTypes = "-pcdbrlhswvV"
	metaTypes = "-rdpcblhswvV"
)

// flsLines prints entries as 'fls -r -p' does.
func flsLines(t *testing.T, fs *FS) []string {
	t.Helper()
	var out []string
	ntfs := fs.Type == "ntfs"
	_, err := fs.Walk(WalkConfig{Deleted: true, Orphans: true}, func(batch []Entry) error {
		for _, e := range batch {
			if e.Problem != nil || e.Stream != nil && e.AttrType == 0x1101 {
				continue
			}
			meta := byte('-')
			if e.HasMeta && int(e.MetaType) < len(metaTypes) {
				meta = metaTypes[e.MetaType]
			}
			star, realloc := "", ""
			if e.NameDeleted {
				star = "* "
				if e.HasMeta && !e.MetaDeleted {
					realloc = "(realloc)"
				}
			}
			addr := fmt.Sprint(e.Inode)
			if ntfs && e.HasAttr {
				addr = fmt.Sprintf("%d-%d-%d", e.Inode, e.AttrType, e.AttrID)
			}
			stream := ""
			if len(e.Stream) > 0 {
				stream = ":" + string(e.Stream)
			}
			out = append(out, fmt.Sprintf("%c/%c %s%s%s:\t%s%s%s", nameTypes[e.NameType], meta, star, addr, realloc, e.Path, e.Name, stream))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(out)
	return out
}

// TestInteropFls proves that every entry 'fls -r -p' lists is given, and no
// other, for the raw images named in SAKSI_FLS_IMAGES as PATH@OFFSET.
func TestInteropFls(t *testing.T) {
	for _, arg := range strings.Fields(os.Getenv("SAKSI_FLS_IMAGES")) {
		path, at, _ := strings.Cut(arg, "@")
		off, _ := strconv.ParseInt(at, 10, 64)
		t.Run(arg, func(t *testing.T) {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			st, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			im, err := Open(f, st.Size(), 512)
			if err != nil {
				t.Fatal(err)
			}
			defer im.Close()
			scheme, parts, _, err := im.Parts()
			t.Log(scheme, parts, err)
			fs, err := im.OpenFS(off * 512)
			if err != nil {
				t.Fatal(err)
			}
			defer fs.Close()
			got := flsLines(t, fs)
			b, err := exec.Command("fls", "-r", "-p", "-i", "raw", "-o", fmt.Sprint(off), path).Output()
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
			sort.Strings(want)
			t.Log(fs.Info, len(got), len(want))
			seen := map[string]int{}
			for _, l := range want {
				seen[l]++
			}
			for _, l := range got {
				if seen[l]--; seen[l] < 0 {
					t.Errorf("only here: %q", l)
				}
			}
			for l, n := range seen {
				if n > 0 {
					t.Errorf("only in fls: %q", l)
				}
			}
		})
	}
}
