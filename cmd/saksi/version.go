package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the versions of saksi and of the libraries in it",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			r, err := a.rows("component", "version")
			if err != nil {
				return err
			}
			if err := r.add("saksi", version); err != nil {
				return err
			}
			if err := r.add("go", runtime.Version()); err != nil {
				return err
			}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, d := range info.Deps {
					if err := r.add(d.Path, d.Version); err != nil {
						return err
					}
				}
			}
			return r.close()
		},
	}
}
