// Package registry says what an entry of a registry lacks. Start with Check.
package registry

import "fmt"

// Need is something that every entry of a registry has.
type Need struct {
	What string // "sample"
	Has  bool
}

// Check returns what keeps an entry from being registered: the first need it
// does not have, or that its name is empty or taken. kind names the registry:
// "image format".
func Check(kind, name string, taken func(name string) bool, needs ...Need) error {
	for _, n := range append([]Need{{"name", name != ""}}, needs...) {
		if !n.Has {
			return fmt.Errorf("registering %s %q: it has no %s", kind, name, n.What)
		}
	}
	if taken(name) {
		return fmt.Errorf("registering %s %q: the name is taken", kind, name)
	}
	return nil
}
