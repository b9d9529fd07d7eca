package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/findings"
	"saksi/forensics/carve"
)

// carveFields are the columns of carved files as csv and as a table.
var carveFields = []event.Field{
	event.SaksiEvidenceOffset, event.FileSize, event.SaksiFileFormat, event.SaksiFileConfidence, event.SaksiFileChecked, event.SaksiFileIncomplete, event.FileHashSHA256,
}

type carveOptions struct {
	folder string
	types  []string
	all    bool
	volume volumeFlags
	kinds  bool
	every  int64
	resume resumeFlags
	keep   keepFlags
}

func forensicsCarve(a *app, flags *forensicsFlags) *cobra.Command {
	o := &carveOptions{}
	c := &cobra.Command{
		Use:   "carve IMAGE",
		Short: "Find files by their content in unallocated space",
		Long: "Look for files in the space that no file system uses (and in volumes without one): a signature at the start of a sector, then the\n" +
			"structure of the file itself, which tells its size. Confidence is high where checksums in the file agree or it decodes, medium where\n" +
			"its structure was walked to its end, low where only its beginning is right; what was checked is said. A file that does not\n" +
			"end before used space is followed behind it, and is low where no checksum then agrees; what ends nowhere is a fragment (.part).\n" +
			"Volumes that do not lie in the image as they are (encrypted ones that were opened, logical volumes, arrays, shadow copies with --copies)\n" +
			"are looked at as they were opened, after the media. --every N looks at every N bytes, not only where sectors begin.\n" +
			"With --resume FILE a run that was ended at any moment is taken up by the same command, and its output is that of one run.\n" +
			"With --to FOLDER the files are written there by their place in the image, for their owner alone, over no file that exists.",
		Example: "  saksi forensics carve laptop.E01 -o ndjson --resume carve.journal\n  saksi forensics carve laptop.E01 --types jpeg,pdf --to carved\n  saksi forensics carve E2 --case kes-17 --to carved",
		Args: func(cmd *cobra.Command, args []string) error {
			if o.kinds {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, a, flags, args) },
	}
	f := c.Flags()
	f.StringVar(&o.folder, "to", "", "write the files into this `folder`")
	f.StringSliceVar(&o.types, "types", nil, "only these `kinds`, separated by commas (default: all)")
	f.BoolVar(&o.all, "all", false, "look at used space too")
	o.volume.add(c)
	f.Int64Var(&o.every, "every", 0, "look for a file at every so many `bytes`, such as 1 for what is packed in other files (default: each sector)")
	o.resume.add(c)
	f.BoolVar(&o.kinds, "list", false, "list the kinds that are known")
	o.keep.add(c)
	return c
}

func (o *carveOptions) run(cmd *cobra.Command, a *app, flags *forensicsFlags, args []string) error {
	if o.kinds {
		r, err := a.rows("name", "what", "reference")
		if err != nil {
			return err
		}
		for _, k := range carve.Kinds() {
			if err := r.add(k.Name, k.Doc, k.Reference); err != nil {
				return err
			}
		}
		return r.close()
	}
	var names []string
	for _, k := range carve.Kinds() {
		names = append(names, k.Name)
	}
	for _, t := range o.types {
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+t+" ") {
			return usage("--types %s: expected some of %s", t, strings.Join(names, ", "))
		}
	}
	if o.every < 0 || o.every > 1<<20 {
		return usage("--every %d: expected 1 to %d", o.every, 1<<20)
	}
	if err := o.resume.open(a); err != nil {
		return err
	}
	ev, err := a.events(carveFields...)
	if err != nil {
		return err
	}
	var sink findings.Sink = findings.SinkFunc(ev.Emit)
	why := "look for files in unallocated space by their content"
	if o.folder != "" {
		why += ", and write them out"
	}
	kept, err := o.keep.keep(cmd, a, why, args, sink)
	if err != nil {
		return err
	}
	if kept != nil {
		sink, args = kept.sink, kept.paths
	}
	bar := a.progress("carving", "B")
	sum, err := carve.Run(cmd.Context(), carve.Config{
		Image: args[0], Volume: o.volume.want(), All: o.all, Types: o.types, Every: o.every, To: o.folder, Resume: o.resume.part("carve"), Worker: flags.worker(a), Sink: sink, Warn: a.warn,
		Progress: func(done, all int64) { bar.update(done, all) },
	})
	bar.finish()
	if cerr := errors.Join(kept.close(cmd.Context()), ev.close()); err == nil {
		err = cerr
	}
	fmt.Fprintf(a.stderr, "saksi: %s: %d files (%s) and %d fragments in %s of space\n", args[0], sum.Files, size(sum.Bytes, "B"), sum.Fragments, size(sum.Looked, "B"))
	if sum.Taken > 0 {
		fmt.Fprintf(a.stderr, "saksi: %s of space were looked at before the run was ended, and not again\n", size(sum.Taken, "B"))
	}
	if err = resumeError(err); err == nil && sum.Problems > 0 {
		err = fail(exitIncomplete, fmt.Errorf("not all space of %s was looked at", args[0]))
	}
	return o.resume.close(cmd.Context(), a, err)
}
