package main

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"saksi/forensics/hashset"
	"saksi/forensics/hashset/rds"
)

func forensicsHashset(a *app) *cobra.Command {
	return noun("hashset", "Build sets of digests of known files and look digests up", hashsetBuild(a), hashsetInfo(a), hashsetLookup(a))
}

func hashsetBuild(a *app) *cobra.Command {
	var algorithm string
	var memory int64
	c := &cobra.Command{
		Use:   "build SET INPUT...",
		Short: "Build a set from NSRL RDS, hashdeep files, CSV or lists",
		Long: "Write a sorted set of the digests of one algorithm: of NSRL RDS v3 databases (SQLite), NSRLFile.txt, hashdeep files, CSV with a header\n" +
			"and lists. Lines without such a digest are counted. SET must not exist.",
		Example: "  saksi forensics hashset build nsrl.set RDS_2024.03.1_modern.db --algorithm sha256\n  saksi forensics hashset build bad.set malware.md5 --algorithm md5",
		Args:    cobra.MinimumNArgs(2),
	}
	c.Flags().StringVar(&algorithm, "algorithm", "sha256", "md5, sha1 or sha256")
	c.Flags().Int64Var(&memory, "memory", 256, "`MiB` to sort in")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if hashset.SizeOf(algorithm) == 0 {
			return usage("--algorithm %s: expected md5, sha1 or sha256", algorithm)
		}
		if memory < 1 || memory > 1<<16 {
			return usage("--memory %d: expected 1 to %d MiB", memory, 1<<16)
		}
		res, err := hashset.Build(cmd.Context(), args[0], algorithm, args[1:], memory<<20, rds.Read)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "saksi: %s: %d digests (%s) of %d read; %d lines or rows without one\n", args[0], res.Count, algorithm, res.Read, res.Without)
		return nil
	}
	return c
}

func hashsetInfo(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "info SET...", Short: "Say what sets hold and check their SHA-256", Example: "  saksi forensics hashset info nsrl.set", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			out, err := a.rows("set", "algorithm", "digests", "sha256")
			if err != nil {
				return err
			}
			var failed []error
			for _, path := range args {
				s, err := hashset.Open(path)
				if err != nil {
					failed = append(failed, err)
					continue
				}
				sum, err := s.Verify()
				if err == nil {
					err = out.add(path, s.Algorithm(), s.Count(), hex.EncodeToString(sum[:]))
				}
				failed = append(failed, err, s.Close())
			}
			return errors.Join(errors.Join(failed...), out.close())
		},
	}
}

func hashsetLookup(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "lookup SET DIGEST...", Short: "Look digests up in a set", Example: "  saksi forensics hashset lookup bad.set d41d8cd98f00b204e9800998ecf8427e", Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := hashset.Open(args[0])
			if err != nil {
				return err
			}
			defer func() { _ = s.Close() }()
			out, err := a.rows("digest", "known")
			if err != nil {
				return err
			}
			for _, text := range args[1:] {
				d, err := hex.DecodeString(text)
				if err != nil || hashset.Algorithms[len(d)] != s.Algorithm() {
					return usage("%q is no %s in hexadecimal", text, s.Algorithm())
				}
				ok, err := s.Has(d)
				if err != nil {
					return err
				}
				if err := out.add(text, ok); err != nil {
					return err
				}
			}
			return out.close()
		},
	}
}

// openSets opens sets and checks them whole: evidence rests on them.
func openSets(paths []string) (list []*hashset.Set, err error) {
	for _, path := range paths {
		s, err := hashset.Open(path)
		if err != nil {
			return list, fail(exitUsage, err)
		}
		list = append(list, s)
		if _, err := s.Verify(); err != nil {
			return list, fail(exitUsage, err)
		}
	}
	return list, nil
}

func closeSets(list []*hashset.Set) {
	for _, s := range list {
		_ = s.Close()
	}
}
