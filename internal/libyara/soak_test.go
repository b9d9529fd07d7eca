package libyara

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"saksi/internal/soak"
	"saksi/internal/worker"
	"saksi/rules/yara"
)

// words are put into rules where they do not belong.
var words = strings.Fields(`rule private global import "pe" include "/etc/passwd" { } ( ) : = " \ / // /* */ $ $a = "a" $b = /(a+)+$/ $c = /[/ $d = { 41 [0-65535] 42 }
	$e = { (41|(42|43) } $f = "\xzz" wide ascii xor base64 fullword nocase strings: condition: meta: all of them any of ($*) 1 of them for i in (0..#a) : (
	@a[0] !a[1] filesize entrypoint uint32(0xffffffffffff) not and or true -9223372036854775808 0x 1MB matches contains % << pe.number_of_sections`)

// TestSoakYARA proves that files of rules of which bytes and words were changed
// compile or are refused, each problem with its file, and that what compiled can
// be scanned with: this process goes on, within seconds, whatever becomes of
// the worker.
func TestSoakYARA(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var files [][]byte
	for _, p := range []string{"demo.yar", "hostile/hex.yar", "hostile/regex.yar", "hostile/unused.yar", "hostile/twice.yar", "hostile/undefined.yar"} {
		b, err := os.ReadFile("../../testdata/rules/" + p)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, b)
	}
	content := bytes.Repeat([]byte("MZ\x90\x00ab AAAA \xff\xfe "), 4096)
	var run, refused, stopped atomic.Int64
	soak.Run(t, soak.Config{Full: 2000, Parallel: 2, Limit: 5 * unit}, func(r *rand.Rand) error {
		text := files[r.IntN(len(files))]
		for range r.IntN(4) {
			at := r.IntN(len(text))
			for range 1 << r.IntN(12) >> r.IntN(12) {
				text = append(append(bytes.Clone(text[:at]), " "+words[r.IntN(len(words))]+" "...), text[at:]...)
			}
		}
		text, _ = soak.Mutate(r, text)
		ctx := context.Background()
		sources := []yara.Source{{Namespace: "soak.yar", Text: text}, {Namespace: "good.yar", Text: []byte("rule good { condition: true }")}}
		c, err := yara.NewClient(ctx, worker.Config{Path: self, Version: testVersion, Limits: worker.Limits{Unit: unit}}, sources, nil)
		if err != nil {
			return err
		}
		defer c.Close()
		for _, p := range c.Problems() {
			if p.File != "soak.yar" || p.Message == "" || p.Reason == "" {
				return fmt.Errorf("a problem without its place: %+v", p)
			}
		}
		run.Add(int64(c.Rules()) - 1)
		refused.Add(int64(len(c.Problems())))
		matches, err := c.Scan(ctx, &yara.Content{Path: "content", Data: content})
		var timeout *worker.TimeoutError
		var remote *worker.RemoteError
		switch {
		case errors.As(err, &timeout), errors.As(err, &remote):
			stopped.Add(1)
		case err != nil:
			return err
		case !strings.Contains(fmt.Sprint(matches), "good.yar"):
			return fmt.Errorf("the good rule did not match beside %d others: %v", c.Rules(), c.Problems())
		}
		return nil
	})
	t.Logf("%d rules compiled, %d did not, %d scans were stopped", run.Load(), refused.Load(), stopped.Load())
}
