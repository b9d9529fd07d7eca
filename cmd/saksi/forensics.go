package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/forensics/image"
	"saksi/forensics/volume"
	"saksi/internal/worker"
)

// forensicsFlags are common to the commands that open images.
type forensicsFlags struct {
	unsandboxed bool
	unlock      unlockFlags
	with        []string
}

func forensicsCommand(a *app) *cobra.Command {
	o := &forensicsFlags{}
	c := noun("forensics", "Acquire and examine seized disks", forensicsAcquire(a), forensicsInfo(a, o), forensicsLs(a, o), forensicsCat(a, o), forensicsCarve(a, o), forensicsScan(a, o), forensicsTimeline(a, o), forensicsParse(a, o), forensicsArtifacts(a, o), forensicsFormats(a), forensicsHashset(a), forensicsSelftest(a, o))
	c.PersistentFlags().BoolVar(&o.unsandboxed, "allow-unsandboxed", false, "open images even where the kernel cannot close the worker in")
	c.PersistentFlags().StringArrayVar(&o.with, "with", nil, "another `disk`'s image to open together with it, for arrays and volume groups that lie on several; repeat it for each")
	o.unlock.add(c)
	first := c.PersistentPreRunE
	c.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		if err := first(cmd, args); err != nil {
			return err
		}
		if len(o.with) >= image.MaxDisks {
			return usage("%d images by --with; at most %d disks are opened together", len(o.with), image.MaxDisks)
		}
		if len(o.with) > 0 {
			cmd.SetContext(disk.WithOthers(cmd.Context(), o.with))
		}
		return nil
	}
	return c
}

func (o *forensicsFlags) worker(a *app) worker.Config {
	return worker.Config{Path: a.worker, Version: version, AllowUnsandboxed: o.unsandboxed}
}

// imageError gives errors of an image their exit code and the next thing to do.
func imageError(err error) error {
	var coded *exitError
	switch {
	case err == nil || errors.Is(err, context.Canceled) || errors.As(err, &coded):
		return err
	case errors.Is(err, worker.ErrMissing), errors.Is(err, worker.ErrOpen):
		return failHint(exitFailed, err, "see 'saksi doctor'")
	case errors.Is(err, image.ErrMissing):
		return failHint(exitFailed, err, "all files of an image lie in one folder; name the first of them")
	case errors.Is(err, filesystem.ErrNotFound):
		return failHint(exitFailed, err, "'saksi forensics ls -r IMAGE' lists what is there")
	}
	return fail(exitFailed, err)
}

// infoDoc is what 'forensics info' writes as JSON.
type infoDoc struct {
	Image      string            `json:"image"`
	Container  string            `json:"container"`
	Bytes      int64             `json:"bytes"`
	SectorSize int               `json:"sector_size"`
	Segments   []string          `json:"segments"`
	Key        string            `json:"key"`
	SHA256     string            `json:"sha256,omitempty"`
	MD5        string            `json:"md5,omitempty"`
	SHA1       string            `json:"sha1,omitempty"`
	StoredMD5  string            `json:"stored_md5,omitempty"`
	StoredSHA1 string            `json:"stored_sha1,omitempty"`
	Meta       map[string]string `json:"meta,omitempty"`
	Notes      []string          `json:"notes,omitempty"`
	Unreadable []infoRange       `json:"unreadable,omitempty"`
	Scheme     string            `json:"scheme"`
	Volumes    []infoVolume      `json:"volumes"`
}

type infoRange struct {
	Offset int64 `json:"offset"`
	Bytes  int64 `json:"bytes"`
}

type infoVolume struct {
	Number          int    `json:"number"`
	Offset          int64  `json:"offset"`
	Bytes           int64  `json:"bytes"`
	Description     string `json:"description"`
	FileSystem      string `json:"filesystem,omitempty"`
	BlockSize       int64  `json:"block_size,omitempty"`
	FileSystemBytes int64  `json:"filesystem_bytes,omitempty"`
	Problem         string `json:"problem,omitempty"`
}

func forensicsInfo(a *app, o *forensicsFlags) *cobra.Command {
	var hash bool
	x := &exhibitFlags{}
	c := &cobra.Command{
		Use:     "info IMAGE",
		Short:   "Show container, volumes and file systems of an image",
		Long:    "Show what an image is, by its content: the container, the media in it, the stored digests, the volumes and their file systems.\nWith --hash all media is read, and digests stored in the container are compared (exit code 10 when they differ).",
		Example: "  saksi forensics info laptop.E01\n  saksi forensics info laptop.E01 --hash -o json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if hash && len(o.with) > 0 {
				return usage("--hash is of one disk: hash each image by itself, without --with")
			}
			path, err := x.open(cmd, a, args[0], casefile.ActInspect, "look at container and volumes")
			if err != nil {
				return err
			}
			im, err := disk.Open(cmd.Context(), path, o.worker(a))
			if err != nil {
				return imageError(err)
			}
			defer im.Source.Close()
			defer im.Close()
			doc := newInfo(im)
			var differs error
			if hash {
				if differs, err = addDigests(cmd.Context(), a, im, doc); err != nil {
					return imageError(err)
				}
			}
			if err := a.printInfo(doc); err != nil {
				return err
			}
			if im.Info.Table.Problem != "" && differs == nil {
				return fail(exitIncomplete, fmt.Errorf("%s: partition table: %s", doc.Image, im.Info.Table.Problem))
			}
			return differs
		},
	}
	c.Flags().BoolVar(&hash, "hash", false, "hash all media (SHA-256) and compare the stored digests")
	x.add(c)
	return c
}

func newInfo(im *disk.Image) *infoDoc {
	i := &im.Info
	d := &infoDoc{
		Image: im.Source.Names[0], Container: i.Format, Bytes: i.Size, SectorSize: i.SectorSize, Segments: i.Segments, Key: im.Source.Key,
		StoredMD5: i.MD5, StoredSHA1: i.SHA1, Notes: i.Notes, Scheme: i.Table.Scheme, Volumes: []infoVolume{},
	}
	if i.Table.Backup {
		d.Notes = append(d.Notes, "the first partition table is damaged; its backup was read")
	}
	for _, m := range i.Meta {
		if d.Meta == nil {
			d.Meta = map[string]string{}
		}
		d.Meta[m.Key] = m.Value
	}
	for _, b := range i.Bad {
		d.Unreadable = append(d.Unreadable, infoRange{b.Offset, b.Length})
	}
	copies := map[int][]int{}
	for _, v := range i.Table.Volumes {
		d.Volumes = append(d.Volumes, infoVolume{v.Number, v.Offset, v.Length, v.Description, v.FileSystem.Type, v.FileSystem.BlockSize, v.FileSystem.Size, v.Problem})
		if v.Copy != 0 {
			copies[v.Of] = append(copies[v.Of], v.Number)
		}
		if fs := v.FileSystem; fs.There < fs.Size {
			d.Notes = append(d.Notes, fmt.Sprintf("volume %d: the file system claims %d bytes, the image holds %d of them: it was cut", v.Number, fs.Size, fs.There))
		}
	}
	for of, c := range copies {
		d.Notes = append(d.Notes, fmt.Sprintf("volume %d holds %d other states (shadow copies, snapshots, UDF beside ISO 9660), listed from volume %d on; they are looked into when named by --volume, or all by --copies", of, len(c), c[0]))
	}
	slices.Sort(d.Notes[len(d.Notes)-len(copies):])
	return d
}

// addDigests hashes the media. differs says that a stored digest is another.
func addDigests(ctx context.Context, a *app, im *disk.Image, d *infoDoc) (differs, err error) {
	bar := a.progress("hashing", "B")
	stored := d.StoredMD5 != "" || d.StoredSHA1 != ""
	sums, err := im.Digest(ctx, stored, func(done int64) { bar.update(done, d.Bytes) })
	bar.finish()
	if err != nil {
		return nil, err
	}
	d.SHA256, d.MD5, d.SHA1 = sums.SHA256, sums.MD5, sums.SHA1
	for _, c := range []struct{ name, stored, got string }{{"MD5", d.StoredMD5, d.MD5}, {"SHA-1", d.StoredSHA1, d.SHA1}} {
		if c.stored != "" && c.stored != c.got {
			differs = fail(exitDigest, fmt.Errorf("%s: the %s of the media is %s, the container states %s", d.Image, c.name, c.got, c.stored))
		}
	}
	return differs, nil
}

func (a *app) printInfo(d *infoDoc) error {
	switch a.format {
	case "csv":
		r, err := a.rows("image", "container", "bytes", "sha256", "number", "offset", "volume_bytes", "description", "filesystem", "problem")
		if err != nil {
			return err
		}
		for _, v := range d.Volumes {
			if err := r.add(d.Image, d.Container, d.Bytes, d.SHA256, v.Number, v.Offset, v.Bytes, v.Description, v.FileSystem, v.Problem); err != nil {
				return err
			}
		}
		return r.close()
	case "json", "ndjson":
		return a.printJSON(d)
	}
	w, finish, err := a.open()
	if err != nil {
		return err
	}
	d.text(w)
	return finish()
}

func (d *infoDoc) text(w io.Writer) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-12s %s\n", name, oneLine(value))
		}
	}
	line("image", d.Image)
	line("container", d.Container)
	line("media", fmt.Sprintf("%d bytes (%s), sectors of %d", d.Bytes, size(d.Bytes, "B"), d.SectorSize))
	if len(d.Segments) > 1 {
		line("segments", strings.Join(d.Segments, " "))
	}
	line("sha256", d.SHA256)
	line("stored md5", d.StoredMD5)
	line("stored sha1", d.StoredSHA1)
	for _, k := range []string{"case", "evidence", "description", "examiner", "notes", "acquired", "software", "platform", "model", "serial", "packed"} {
		line(k, d.Meta[k])
	}
	for _, n := range d.Notes {
		line("note", n)
	}
	for _, u := range d.Unreadable {
		line("unreadable", fmt.Sprintf("%d bytes at %d, at acquisition", u.Bytes, u.Offset))
	}
	line("partitions", d.Scheme)
	table := make([][]string, 0, len(d.Volumes))
	for _, v := range d.Volumes {
		what := v.FileSystem
		if what == "" {
			what = v.Problem
		}
		table = append(table, []string{fmt.Sprint(v.Number), fmt.Sprint(v.Offset), fmt.Sprint(v.Bytes), v.Description, what})
	}
	fmt.Fprintln(w)
	if err := printTable(w, []string{"volume", "offset", "bytes", "description", "file system"}, table, []bool{true, true, true, false, false}); err != nil {
		return // the stream's own error shows when it is closed
	}
}

func forensicsFormats(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "formats",
		Short: "List the containers, partition tables, volume managers and file systems that are read",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			r, err := a.rows("kind", "name", "what", "reference")
			if err != nil {
				return err
			}
			for _, f := range image.Formats() {
				if err := r.add("container", f.Name, f.Doc, f.Reference); err != nil {
					return err
				}
			}
			for _, s := range volume.Schemes() {
				if err := r.add("partition table", s.Name, s.Doc, s.Reference); err != nil {
					return err
				}
			}
			for _, l := range volume.Layers() {
				if err := r.add("volume manager", l.Name, l.Doc, l.Reference); err != nil {
					return err
				}
			}
			for _, s := range volume.Snapshots() {
				if err := r.add("earlier state", s.Name, s.Doc, s.Reference); err != nil {
					return err
				}
			}
			for _, f := range filesystem.Formats() {
				if err := r.add("file system", f.Name, f.Doc, f.Reference); err != nil {
					return err
				}
			}
			return r.close()
		},
	}
}
