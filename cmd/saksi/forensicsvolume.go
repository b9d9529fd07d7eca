package main

import (
	"github.com/spf13/cobra"

	"saksi/forensics/volume"
)

// volumeFlags say which volumes of an image are meant.
type volumeFlags struct {
	number int
	copies bool
}

func (o *volumeFlags) add(c *cobra.Command) {
	c.Flags().IntVar(&o.number, "volume", volume.Present, "only the volume with this `number`")
	c.Flags().BoolVar(&o.copies, "copies", false, "also look into volume shadow copies")
	c.MarkFlagsMutuallyExclusive("volume", "copies")
}

// want is what volume.Volume.Chosen takes.
func (o *volumeFlags) want() int {
	if o.copies {
		return volume.AllOfThem
	}
	return o.number
}
