package selftest

import (
	"os"
	"testing"
	"testing/fstest"
)

// TestWrongAnswer proves that a wrong known answer, or a sample that is another,
// is a difference, and the right ones are none.
func TestWrongAnswer(t *testing.T) {
	const name = "testdata/media.E01.json"
	right, err := Known.Image.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	right.Close()
	wrong := Known
	wrong.Image = fstest.MapFS{name: {Data: []byte(`{"SHA256":"00","Segments":["media.E01"]}`)}}
	for _, c := range []struct {
		answers Answers
		pass    bool
	}{{Known, true}, {wrong, false}} {
		r := &runner{cfg: Config{Samples: os.DirFS("../../testdata"), Answers: c.answers}, dir: t.TempDir()}
		r.each(t.Context(), "container", "e01", "image", []string{"container/media.E01", "none.E01"}, r.container)
		if len(r.tests) != 1 || r.tests[0].Pass != c.pass || len(r.left) != 1 {
			t.Errorf("%+v, %q", r.tests, r.left)
		}
	}
}
