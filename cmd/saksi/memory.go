package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"

	"saksi/sensor"
)

// limitMemory sets cfg and the garbage collector the limit of --memory.
func limitMemory(cfg *sensor.Config, text string) error {
	n, err := parseSize(text)
	if err != nil {
		return usage("--memory: %v", err)
	}
	if n < minMemory {
		return usage("--memory is %s; it must be at least %s", text, size(minMemory, "B"))
	}
	cfg.Memory = n
	debug.SetMemoryLimit(n - program)
	return nil
}

// program is what the program itself takes, which the garbage collector does
// not count.
const program = 24 << 20

// minMemory is what the sensor needs without traffic, with room.
const minMemory = 64 << 20

// addMemory adds the flag that limitMemory reads.
func addMemory(c *cobra.Command, to *string) {
	c.Flags().StringVar(to, "memory", "1GiB", "most `memory` to take; near it, the flows that were silent longest are no longer parsed, and counted")
}
