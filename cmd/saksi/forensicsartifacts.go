package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/forensics/artifact"
	"saksi/forensics/collect"
)

type artifactsOptions struct {
	ruleFlags
	failOn string
	kinds  []string
	year   int
	all    bool
	live   bool
	volume volumeFlags
	inode  string
	offset int64
	resume resumeFlags
	keep   keepFlags
}

func forensicsArtifacts(a *app, flags *forensicsFlags) *cobra.Command {
	o := &artifactsOptions{}
	c := &cobra.Command{
		Use:   "artifacts [IMAGE...]",
		Short: "Read the artifacts within images, or list those that are parsed",
		Long: "Without an image: list the artifacts that are parsed. With images: look at each file, live and deleted, by its content and its path,\n" +
			"and parse what is known where it lies; nothing is copied out. A record says the path and the inode of its file, and where it lies\n" +
			"in the file and in the image. json, ndjson and csv give every record; the table gives the findings when there are rules.\n" +
			"With --resume FILE a run that was ended at any moment is taken up by the same command, and its output is that of one run.\n" +
			"A file that is damaged is read as far as it goes (exit code 3); of deleted files that is normal and only told.",
		Example: "  saksi forensics artifacts laptop.E01 -o ndjson\n  saksi forensics artifacts laptop.E01 --kind chrome,firefox -o csv\n" +
			"  saksi forensics artifacts E1 --case kes-17 --rules sigma/rules --fail-on high",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listArtifacts()
			}
			return o.run(cmd, a, flags, args)
		},
	}
	f := c.Flags()
	o.add(c, "`file` or folder of Sigma rules (.yml) and indicators (.json, .csv, .txt)")
	addPlaceholders(c, &o.placeholders)
	o.strictness(c)
	f.StringSliceVar(&o.kinds, "kind", nil, "only these `artifacts`, by their names in the list")
	f.IntVar(&o.year, "year", 0, "`year` of the first record of logs whose times have none; they are taken as UTC")
	f.BoolVar(&o.all, "all", false, "read artifacts with a record for each file of a volume ($MFT), too; without it they are counted")
	f.BoolVar(&o.live, "live", false, "leave deleted files out")
	o.volume.add(c)
	f.StringVar(&o.inode, "inode", "", "only the file with this `address`, as a record names it")
	f.Int64Var(&o.offset, "offset", -1, "give only records at this `byte` of their file, as they name it")
	f.StringVar(&o.failOn, "fail-on", "", "exit with code 4 when a finding is of this `severity` or above: low, medium, high or critical")
	o.resume.add(c)
	o.keep.add(c)
	return c
}

func (a *app) listArtifacts() error {
	r, err := a.rows("name", "what", "reference")
	if err != nil {
		return err
	}
	for _, f := range artifact.Formats() {
		if err := r.add(f.Name, f.Doc, f.Reference); err != nil {
			return err
		}
	}
	return r.close()
}

func (o *artifactsOptions) run(cmd *cobra.Command, a *app, flags *forensicsFlags, args []string) error {
	if err := checkKinds(o.kinds...); err != nil {
		return err
	}
	if err := o.resume.open(a); err != nil {
		return err
	}
	p := &parsing{a: a, year: o.year, offset: o.offset, command: o.command, untimed: true}
	finish, paths, err := p.begin(cmd, &o.ruleFlags, o.failOn, &o.keep, args, "read the artifacts in it")
	if err != nil {
		return err
	}
	broken := 0
	var failed []error
	for _, path := range paths {
		n, err := o.image(cmd.Context(), p, flags, path)
		broken += n
		if err != nil {
			failed = append(failed, err)
		}
		if p.failed != nil || cmd.Context().Err() != nil {
			break
		}
	}
	if p.skipped > 0 {
		a.warn(fmt.Sprintf("%d records have a time without a year and are not stored; give the year of the first by --year", p.skipped))
	}
	if len(failed) == 1 {
		err = failed[0]
	} else {
		err = errors.Join(failed...)
	}
	return o.resume.close(cmd.Context(), a, finish(broken, err))
}

// image reads the artifacts of one image and returns the number of problems.
func (o *artifactsOptions) image(ctx context.Context, p *parsing, flags *forensicsFlags, path string) (broken int, err error) {
	found := p.found
	bar := p.a.progress("reading", " files")
	sum, err := collect.Run(ctx, collect.Config{
		Image: path, Kinds: o.kinds, Year: o.year, Bulk: o.all, Live: o.live, Volume: o.volume.want(), Inode: o.inode, Worker: flags.worker(p.a), Warn: p.a.warn,
		Resume: o.resume.partOf("artifacts", path),
		Emit: func(r *artifact.Record, e *event.Event) error {
			p.failed = p.record(r, e)
			return p.failed
		},
		Progress: func(files int64) { bar.update(files, 0) },
	})
	bar.finish()
	if sum.Source != "" {
		fmt.Fprintf(p.a.stderr, "saksi: %s: %s, %d findings\n", oneLine(path), sum.Words(), p.found-found)
	}
	if sum.Deleted > 0 {
		fmt.Fprintf(p.a.stderr, "saksi: %s: %d parts of deleted files could not be read\n", oneLine(path), sum.Deleted)
	}
	if sum.Incomplete() {
		broken = int(max(sum.Problems, 1))
	}
	p.a.taken(&sum)
	return broken, resumeError(err)
}

// taken says what of an ended run was not read again.
func (a *app) taken(sum *collect.Summary) {
	if sum.Taken > 0 {
		fmt.Fprintf(a.stderr, "saksi: %d files were looked at before the run was ended, and not again\n", sum.Taken)
	}
}

// command is what shows a record again.
func (o *artifactsOptions) command(r *artifact.Record, e *event.Event) string {
	name, _ := e.GetStr(event.SaksiEvidenceName)
	volume, _ := e.GetInt(event.SaksiFileVolume)
	inode, _ := e.GetStr(event.SaksiArtifactInode)
	command := fmt.Sprintf("saksi forensics artifacts %s --volume %d --inode %s --offset %d -o json", shellWord(name), volume, inode, r.Offset)
	if o.year != 0 {
		command += fmt.Sprintf(" --year %d", o.year)
	}
	return command
}
