package main

import (
	"os"

	"github.com/spf13/cobra"

	"saksi/internal/archive"
)

// enterFlags are the limits within which archives and documents are entered.
type enterFlags struct {
	depth, count  int
	total, member int64
	ratio         int64
}

const maxEnterDepth = 32

func (o *enterFlags) add(c *cobra.Command) {
	f, d := c.Flags(), archive.DefaultLimits
	f.IntVar(&o.depth, "enter-depth", d.Depth, "enter archives and documents to this `depth`; 0 enters none")
	f.IntVar(&o.count, "enter-count", d.Members, "`number` of members of one file that are looked at")
	f.Int64Var(&o.total, "enter-size", d.Bytes>>20, "`MiB` that are unpacked of one file")
	f.Int64Var(&o.member, "enter-member", d.Member>>20, "`MiB` that are unpacked of one member")
	f.Int64Var(&o.ratio, "enter-ratio", d.Ratio, "most `bytes` unpacked for each byte of a file, beyond 10 MiB")
}

func (o *enterFlags) limits() (archive.Limits, error) {
	if o.depth < 0 || o.depth > maxEnterDepth {
		return archive.Limits{}, usage("--enter-depth %d: expected 0 to %d", o.depth, maxEnterDepth)
	}
	if o.count < 1 || o.total < 1 || o.total > 1<<20 || o.member < 1 || o.member > 1<<20 || o.ratio < 1 || o.ratio > 1<<20 {
		return archive.Limits{}, usage("--enter-count %d --enter-size %d --enter-member %d --enter-ratio %d: expected numbers from 1 to %d", o.count, o.total, o.member, o.ratio, 1<<20)
	}
	return archive.Limits{Depth: o.depth, Members: o.count, Bytes: o.total << 20, Member: o.member << 20, Ratio: o.ratio}, nil
}

// scratchFile makes an unlinked file, which goes with the process.
func scratchFile() (*os.File, error) {
	f, err := os.CreateTemp("", "saksi-scan-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
