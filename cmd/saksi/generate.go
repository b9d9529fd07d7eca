package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func generateCommand(a *app) *cobra.Command {
	var dir string
	man := &cobra.Command{
		Use:   "man",
		Short: "Write the manual pages, one a command",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("writing manual pages: %w", err)
			}
			root := newRoot(a)
			root.InitDefaultHelpCmd()
			root.InitDefaultCompletionCmd()
			root.Long += "\n\n" + manTables()
			epoch := time.Unix(0, 0).UTC() // the same pages from the same source
			h := &doc.GenManHeader{Title: "SAKSI", Section: "1", Source: "Saksi " + version, Manual: "Saksi", Date: &epoch}
			if err := doc.GenManTree(root, h, dir); err != nil {
				return fmt.Errorf("writing manual pages: %w", err)
			}
			pages, err := filepath.Glob(filepath.Join(dir, "saksi*.1"))
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, "saksi: %d manual pages in %s\n", len(pages), dir)
			return nil
		},
	}
	man.Flags().StringVar(&dir, "dir", "man", "`folder` to write to")
	return noun("generate", "Write files made from the program itself", man)
}

// manTables is the part of the manual that is made from the code's own tables:
// exit codes, environment, settings.
func manTables() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n\n")
	for _, c := range exitCodes {
		fmt.Fprintf(&b, "* %d: %s\n", c.code, c.reason)
	}
	b.WriteString("\nEnvironment:\n\n")
	vars := append([]envVar(nil), envVars...)
	sort.Slice(vars, func(i, j int) bool { return vars[i].name < vars[j].name })
	for _, v := range vars {
		fmt.Fprintf(&b, "* %s: %s\n", v.name, v.doc)
	}
	fmt.Fprintf(&b, "\nSettings files hold these keys, one a line as 'key: value': %s. The first that says something counts: a flag, the environment, --config, the user's file, /etc/saksi/config.yaml.\n", strings.Join(settingNames(), ", "))
	return b.String()
}
