package regf

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
)

func sample(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("../../testdata/artifact/sample.hive")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRead proves that keys of every list, values of every kind and a deleted
// key are read as testdata/make/hive.py wrote them.
func TestRead(t *testing.T) {
	b := sample(t)
	keys, values, deleted := 0, map[string]*Value{}, ""
	info, err := Read(bytes.NewReader(b), int64(len(b)), nil, func(k *Key) error {
		if k.Deleted {
			deleted = k.Path + "=" + string(k.Values[0].Data)
			return nil
		}
		keys++
		for i := range k.Values {
			v := k.Values[i]
			values[k.Path+":"+v.Name] = &v
		}
		return nil
	}, func(off int64, text string) { t.Errorf("offset %d: %s", off, text) })
	if err != nil || info.Dirty || info.Name != `\??\C:\Users\nurul\ntuser.dat` || info.Version != "1.5" {
		t.Fatalf("%+v, %v", info, err)
	}
	if keys != 32 {
		t.Errorf("%d keys", keys)
	}
	if !strings.HasPrefix(deleted, `\Terpadam=d`) {
		t.Errorf("deleted: %q", deleted)
	}
	if v := values[`\Nilai:besar`]; v == nil || !bytes.Equal(v.Data, bytes.Repeat(all(), 80)) || v.Truncated {
		t.Errorf("big data: %+v", v)
	}
	if v := values[`\Nilai:be`]; v == nil || !bytes.Equal(v.Data, []byte{0, 0, 0, 5}) || v.Type != 5 {
		t.Errorf("data in the value: %+v", v)
	}
	if v := values[`\Software\Microsoft\Windows\CurrentVersion\Run:`+"\u4e2d"]; v == nil {
		t.Error("a name in UTF-16")
	}
}

func all() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// TestLoop proves that keys that contain themselves end, and are told.
func TestLoop(t *testing.T) {
	b := sample(t)
	root := le32(b, 36)
	list := le32(b, int(root)+4096+4+28)
	leaf := le32(b, int(list)+4096+4+4)
	copy(b[int(leaf)+4096+4+4:], b[36:40]) // the first child is the root
	told := ""
	if _, err := Read(bytes.NewReader(b), int64(len(b)), nil, func(*Key) error { return nil }, func(_ int64, text string) { told += text }); err != nil || !strings.Contains(told, "loops") {
		t.Errorf("%q, %v", told, err)
	}
	if _, err := Read(strings.NewReader("regx"), 4, nil, nil, nil); !errors.Is(err, ErrForm) {
		t.Errorf("no hive: %v", err)
	}
}

// FuzzRead proves that no hive panics or gives keys without end.
func FuzzRead(f *testing.F) {
	b := sample(f)
	f.Add(b)
	f.Add(b[:5000])
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		_, err := Read(bytes.NewReader(b), int64(len(b)), nil, func(*Key) error {
			if n++; n > len(b)/8 {
				t.Fatal("more keys than the hive has room for")
			}
			return nil
		}, func(int64, string) {})
		if err != nil && !errors.Is(err, ErrForm) {
			t.Fatal(err)
		}
	})
}
