package framework

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"gopkg.in/yaml.v3"
)

// maxYAML bounds a file of ours that people write, in bytes.
const maxYAML = 8 << 20

// maxNodes bounds what a file of YAML holds, aliases followed.
const maxNodes = 1 << 20

var idForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}$`)

// decode reads one YAML document with known keys only into v. It returns the
// lines of the entries of the list under key. Aliases are refused: they can make
// a short file endless.
func decode(file string, b []byte, v any, key string) ([]int, error) {
	if len(b) > maxYAML {
		return nil, fmt.Errorf("reading %s: %d bytes; at most %d are read", file, len(b), maxYAML)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("reading %s: expected keys with values", file)
	}
	n := 0
	if err := noAlias(&doc, &n); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if err := d.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %s: more than one document", file)
	}
	return linesOf(doc.Content[0], key), nil
}

func noAlias(n *yaml.Node, count *int) error {
	if *count++; *count > maxNodes {
		return fmt.Errorf("line %d: more than %d values", n.Line, maxNodes)
	}
	if n.Kind == yaml.AliasNode {
		return fmt.Errorf("line %d: aliases are not read; write the value out", n.Line)
	}
	for _, c := range n.Content {
		if err := noAlias(c, count); err != nil {
			return err
		}
	}
	return nil
}

// linesOf are the lines of the entries of the list under key of a mapping.
func linesOf(m *yaml.Node, key string) []int {
	var lines []int
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value != key {
			continue
		}
		for _, e := range m.Content[i+1].Content {
			lines = append(lines, e.Line)
		}
	}
	return lines
}
