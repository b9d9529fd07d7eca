package main

import (
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestFlagsShadow proves that no command takes a flag that all commands share and
// gives it another meaning: --as KEY would be silently read as something else.
func TestFlagsShadow(t *testing.T) {
	root := newRoot(&app{})
	checked := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			checked++
			if f.Name != "to" && root.PersistentFlags().Lookup(f.Name) != nil { // a folder instead of a file
				t.Errorf("%s takes --%s for itself", c.CommandPath(), f.Name)
			}
		})
		for _, s := range c.Commands() {
			walk(s)
		}
	}
	walk(root)
	if checked < 100 {
		t.Errorf("%d flags; expected more", checked)
	}
}
