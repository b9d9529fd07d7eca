package sigma

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"runtime"
	"slices"
	"sync"

	"gopkg.in/yaml.v3"
)

// parsed is a file of rules as YAML.
type parsed struct {
	name, digest string
	docs         []yaml.Node // those before the error, if there is one
	err          error
}

// parseChunk is how many files are parsed ahead, which bounds their memory.
const parseChunk = 32

// parseAll parses files on all processors and gives them in their order.
func parseAll(files []File) iter.Seq[*parsed] {
	return func(yield func(*parsed) bool) {
		for chunk := range slices.Chunk(files, parseChunk) {
			out := make([]parsed, len(chunk))
			next := make(chan int)
			var wg sync.WaitGroup
			for range min(runtime.GOMAXPROCS(0), len(chunk)) {
				wg.Go(func() {
					for i := range next {
						out[i].parse(&chunk[i])
					}
				})
			}
			for i := range chunk {
				next <- i
			}
			close(next)
			wg.Wait()
			for i := range out {
				if !yield(&out[i]) {
					return
				}
			}
		}
	}
}

func (p *parsed) parse(f *File) {
	sum := sha256.Sum256(f.Text)
	p.name, p.digest = f.Name, hex.EncodeToString(sum[:])
	d := yaml.NewDecoder(bytes.NewReader(f.Text))
	for {
		var doc yaml.Node
		if err := d.Decode(&doc); err != nil {
			if !errors.Is(err, io.EOF) {
				p.err = err
			}
			return
		}
		p.docs = append(p.docs, doc)
	}
}
