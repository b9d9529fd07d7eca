package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/archive"
)

// printJSON writes one value: indented as json, in one line as ndjson.
func (a *app) printJSON(v any) error {
	w, finish, err := a.open()
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if a.format == "json" {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return err
	}
	return finish()
}

type catOptions struct {
	inode  string
	stream string
	member string
	offset int64
	length int64
	volume int
	x      exhibitFlags
}

func forensicsCat(a *app, flags *forensicsFlags) *cobra.Command {
	o := &catOptions{}
	c := &cobra.Command{
		Use:   "cat IMAGE [PATH]",
		Short: "Write the exact bytes of a file in an image",
		Long: "Write the content of a file, live or deleted, by its path (PATH, or PATH:STREAM) or its inode address (N, N-TYPE or\n" +
			"N-TYPE-ID, as 'forensics ls' shows it). A deleted file of which part is gone gives what is there (exit code 3).\n" +
			"With --offset and --length only that part of it. Without a file, --offset and --length write bytes of the media as they are.",
		Example: "  saksi forensics cat laptop.E01 /Users/nurul/nota.txt\n  saksi forensics cat laptop.E01 --volume 0 --inode 64-128-2 | sha256sum\n  saksi forensics cat laptop.E01 --offset 2805760 --length 512 | xxd",
		Args:    cobra.RangeArgs(1, 2),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd, a, flags, args) },
	}
	f := c.Flags()
	f.StringVar(&o.inode, "inode", "", "inode `address` instead of a path")
	f.StringVar(&o.stream, "stream", "", "`name` of an alternate stream")
	f.StringVar(&o.member, "member", "", "`path` of a member in the archive or document that the file is, as a finding names it behind !/")
	f.Int64Var(&o.offset, "offset", 0, "begin at this `byte`")
	f.Int64Var(&o.length, "length", -1, "write this many `bytes` (default: to the end)")
	f.IntVar(&o.volume, "volume", -1, "`number` of the volume (default: the one that has the path)")
	o.x.add(c)
	return c
}

func (o *catOptions) run(cmd *cobra.Command, a *app, flags *forensicsFlags, args []string) error {
	media := len(args) == 1 && o.inode == "" && cmd.Flags().Changed("offset")
	if (len(args) == 2) == (o.inode != "") && !media {
		return usage("name the file by its path or by --inode, one of both; or bytes of the media by --offset and --length")
	}
	if o.offset < 0 || media && o.length < 0 {
		return usage("--offset %d --length %d: expected bytes from 0 on", o.offset, o.length)
	}
	ctx := cmd.Context()
	what := "inode " + o.inode
	switch {
	case media:
		what = fmt.Sprintf("%d bytes of the media at offset %d", o.length, o.offset)
	case len(args) == 2:
		what = args[1]
	}
	path, err := o.x.open(cmd, a, args[0], casefile.ActExtract, "write the content of "+what)
	if err != nil {
		return err
	}
	im, err := disk.Open(ctx, path, flags.worker(a))
	if err != nil {
		return imageError(err)
	}
	defer im.Source.Close()
	defer im.Close()
	if media {
		return o.media(ctx, a, im)
	}
	var volumes []int
	for _, v := range im.Info.Table.Volumes {
		if v.Problem == "" && v.Chosen(o.volume) {
			volumes = append(volumes, v.Number)
		}
	}
	if len(volumes) == 0 {
		return failHint(exitFailed, fmt.Errorf("reading %s: no file system in volume %d", args[0], o.volume), "see 'saksi forensics info %s'", args[0])
	}
	number, ref, err := o.find(ctx, im, volumes, args)
	if err != nil {
		return imageError(err)
	}
	w, finish, err := a.open()
	if err != nil {
		return err
	}
	incomplete := ""
	if o.member == "" {
		_, incomplete, err = im.CopyRange(ctx, number, ref, o.offset, o.length, w)
	} else {
		incomplete, err = o.copyMember(ctx, im, number, ref, what, w)
	}
	if ferr := finish(); err == nil && ferr != nil {
		return ferr
	}
	if err != nil {
		return imageError(err)
	}
	if incomplete != "" {
		return fail(exitIncomplete, fmt.Errorf("reading inode %d of volume %d: not all content could be read: %s", ref.Inode, number, incomplete))
	}
	return nil
}

// copyMember writes a member of the archive or document that a file is.
func (o *catOptions) copyMember(ctx context.Context, im *disk.Image, volume int, ref filesystem.Ref, what string, w io.Writer) (incomplete string, err error) {
	scratch, err := scratchFile()
	if err != nil {
		return "", fmt.Errorf("making a scratch file: %w", err)
	}
	defer scratch.Close()
	it := disk.Item{Volume: volume, Ref: ref, Path: what}
	// Wider than a scan's: the member was found within limits, and one is asked for.
	limits := archive.Limits{Depth: maxEnterDepth, Members: 1 << 30, Bytes: 64 << 30, Member: 64 << 30, Ratio: 1 << 20}
	_, incomplete, err = im.CopyMember(ctx, &it, o.member, limits, o.offset, o.length, scratch, w)
	return incomplete, err
}

// media writes bytes of the media; fewer where it ends before.
func (o *catOptions) media(ctx context.Context, a *app, im *disk.Image) error {
	if o.offset > im.Info.Size {
		return fail(exitFailed, fmt.Errorf("reading %s: offset %d lies beyond its %d bytes", im.Source.Path, o.offset, im.Info.Size))
	}
	w, finish, err := a.open()
	if err != nil {
		return err
	}
	_, err = im.CopyMedia(ctx, -1, []filesystem.Run{{Image: o.offset, Length: min(o.length, im.Info.Size-o.offset)}}, w)
	if ferr := finish(); err == nil && ferr != nil {
		return ferr
	}
	return imageError(err)
}

// find decides volume and stream.
func (o *catOptions) find(ctx context.Context, im *disk.Image, volumes []int, args []string) (int, filesystem.Ref, error) {
	if o.inode != "" {
		ref, err := filesystem.ParseInode(o.inode)
		if err != nil {
			return 0, ref, usage("--inode %s: %w", o.inode, err)
		}
		if len(volumes) > 1 {
			return 0, ref, usage("the image has %d volumes with a file system; say which by --volume", len(volumes))
		}
		ref.Stream = o.stream
		return volumes[0], ref, nil
	}
	path := args[1]
	if path == "" || path[0] != '/' {
		path = "/" + path
	}
	if o.stream != "" {
		path += ":" + o.stream
	}
	found := -1
	var ref filesystem.Ref
	for _, look := range []func(context.Context, *disk.Image, int, string) (filesystem.Ref, error){lookLive, lookDeleted} {
		for _, v := range volumes {
			r, err := look(ctx, im, v, path)
			if errors.Is(err, filesystem.ErrNotFound) {
				continue
			}
			if err != nil {
				return 0, ref, err
			}
			if found >= 0 {
				return 0, ref, usage("%s is in volume %d and in volume %d; say which by --volume", path, found, v)
			}
			found, ref = v, r
		}
		if found >= 0 {
			return found, ref, nil
		}
	}
	return 0, ref, fmt.Errorf("reading %s: %w", path, filesystem.ErrNotFound)
}

func lookLive(ctx context.Context, im *disk.Image, volume int, path string) (filesystem.Ref, error) {
	return im.Lookup(ctx, volume, path)
}

// lookDeleted finds a deleted name, which only a listing shows: the first that
// leads to content, as one name may stand for an inode that lost its content and
// for a copy in the journal that has it.
func lookDeleted(ctx context.Context, im *disk.Image, volume int, path string) (filesystem.Ref, error) {
	var ref filesystem.Ref
	found, size := false, int64(0)
	_, err := im.Walk(ctx, volume, filesystem.WalkConfig{Deleted: true, Orphans: true}, func(e *filesystem.Entry, _ *filesystem.Problem) error {
		if e == nil || !e.HasContent || found && (size > 0 || e.Size == 0) {
			return nil
		}
		name := e.Path
		if e.Stream != "" {
			name += ":" + e.Stream
		}
		if name == path {
			ref, size, found = e.Ref(), e.Size, true
		}
		return nil
	})
	if err == nil && !found {
		err = filesystem.ErrNotFound
	}
	return ref, err
}
