package regf

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestMarvin proves the hash by what .NET's own tests state for the seed
// 0x004fb61a001bdbcc.
func TestMarvin(t *testing.T) {
	for want, in := range map[uint64]string{
		0x30ed35c100cd3c7d: "", 0x48e73fc77d75ddc1: "\xaf", 0xb5f6e1fc485dbff8: "\xe7\x0f", 0xf0b07c789b8cf7e8: "\x37\xf4\x95", 0x7008f2e87e9cf556: "\x86\x42\xdc\x59",
	} {
		if got := marvin32(0x004fb61a001bdbcc, []byte(in)); got != want {
			t.Errorf("%x: %x; expected %x", in, got, want)
		}
	}
}

const hives = "../../testdata/artifact/hive/"

func load(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(hives + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func logOf(name string, b []byte) Log {
	return Log{Name: name[strings.LastIndexByte(name, '.'):], R: bytes.NewReader(b), Size: int64(len(b))}
}

// keys are the keys and values of a hive as text, how many are of a log, and the
// problems.
func keys(t testing.TB, b []byte, logs ...Log) (list, problems []string, logged int, info Hive) {
	t.Helper()
	info, err := Read(bytes.NewReader(b), int64(len(b)), logs, func(k *Key) error {
		if k.Logged {
			logged++
		}
		for _, v := range k.Values {
			if v.Logged {
				logged++
			}
			list = append(list, fmt.Sprintf("%d %s %s %x", v.Offset, k.Path, v.Name, v.Data))
		}
		list = append(list, fmt.Sprintf("%d %s %d", k.Offset, k.Path, k.Written))
		return nil
	}, func(off int64, text string) { problems = append(problems, fmt.Sprint(off, " ", text)) })
	if err != nil {
		t.Fatal(err)
	}
	return list, problems, logged, info
}

// TestLogs proves that a hive that was not written to its end gives, with its
// logs, what the whole one gives, and that what logs lack is said.
func TestLogs(t *testing.T) {
	whole, err := os.ReadFile("../../testdata/artifact/sample.hive")
	if err != nil {
		t.Fatal(err)
	}
	want, _, logged, _ := keys(t, whole)
	if logged != 0 {
		t.Errorf("%d are of a log; there is none", logged)
	}
	one, two, old := load(t, "dirty.hive.LOG1"), load(t, "dirty.hive.LOG2"), load(t, "old.hive.LOG")
	changed := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 1
		return b
	}
	for _, c := range []struct {
		name, hive string
		logs       []Log
		replayed   int
		same       bool
		told       string
	}{
		{"both", "dirty.hive", []Log{logOf(".LOG1", one), logOf(".LOG2", two)}, 2, true, ""},
		{"the other way round", "dirty.hive", []Log{logOf(".LOG2", two), logOf(".LOG1", one)}, 2, true, ""},
		{"twice", "dirty.hive", []Log{logOf(".LOG1", one), logOf(".LOG1", one), logOf(".LOG2", two)}, 2, true, ""},
		{"one", "dirty.hive", []Log{logOf(".LOG1", one)}, 1, false, ""},
		{"the later", "dirty.hive", []Log{logOf(".LOG2", two)}, 1, false, ""},
		{"none", "dirty.hive", nil, 0, false, "no transaction log beside it"},
		{"a wrong hash", "dirty.hive", []Log{logOf(".LOG1", changed(one, len(one)-1)), logOf(".LOG2", two)}, 1, false, "hashes are wrong"},
		{"a wrong header", "dirty.hive", []Log{logOf(".LOG1", changed(one, 40))}, 0, false, "no header that is right"},
		{"cut", "dirty.hive", []Log{logOf(".LOG1", one[:len(one)-1000]), logOf(".LOG2", two)}, 1, false, "does not fit"},
		{"old", "old.hive", []Log{logOf(".LOG", old)}, 1, true, ""},
		{"old, cut", "old.hive", []Log{logOf(".LOG", old[:len(old)-512])}, 1, false, "before its last dirty page"},
		{"old, of another time", "old.hive", []Log{logOf(".LOG", summedAs(old, 13))}, 0, false, "not the hive's last"},
	} {
		got, problems, logged, info := keys(t, load(t, c.hive), c.logs...)
		if len(info.Replayed) != c.replayed || slices.Equal(got, want) != c.same || c.same && logged == 0 || !strings.Contains(strings.Join(problems, "\n"), c.told) {
			t.Errorf("%s: replayed %q, %d of a log, the same: %v, %q", c.name, info.Replayed, logged, slices.Equal(got, want), problems)
		}
		if c.same && len(problems) > 0 {
			t.Errorf("%s: %q", c.name, problems)
		}
	}
	// Logs of a hive that is whole are not looked at.
	if _, problems, logged, info := keys(t, whole, logOf(".LOG1", one), logOf(".LOG2", two)); len(info.Replayed) > 0 || logged > 0 {
		t.Errorf("a whole hive: %q, %d of a log, %q", info.Replayed, logged, problems)
	}
	// A header that is lost is taken from a log.
	lost := load(t, "dirty.hive")
	clear(lost[36:48])
	if got, problems, _, _ := keys(t, lost, logOf(".LOG1", one), logOf(".LOG2", two)); len(got) != len(want) || !strings.Contains(strings.Join(problems, "\n"), "header of its transaction log") {
		t.Errorf("a lost header: %d of %d, %q", len(got), len(want), problems)
	}
}

// summedAs changes a byte of a header and makes its checksum right.
func summedAs(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	sum := headerSum(b)
	for i := range 4 {
		b[508+i] = byte(sum >> (8 * i))
	}
	return b
}

func FuzzLogs(f *testing.F) {
	f.Add("dirty.hive", load(f, "dirty.hive.LOG1"), uint32(0), uint8(0))
	f.Add("old.hive", load(f, "old.hive.LOG"), uint32(700), uint8(0xff))
	f.Fuzz(func(t *testing.T, name string, b []byte, at uint32, with uint8) {
		if name != "old.hive" {
			name = "dirty.hive"
		}
		if len(b) < 1024 || len(b) > 1<<20 {
			return
		}
		b = summedAs(b, 13)
		b = summedAs(b, 13)
		b[512+int(at)%(len(b)-512)] ^= with
		keys(t, load(t, name), logOf(".LOG1", b))
	})
}
