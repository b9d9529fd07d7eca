package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"saksi/findings/elastic"
)

func findingsRoles(a *app) *cobra.Command {
	o := &indexFlags{}
	var days int
	var apply bool
	c := &cobra.Command{
		Use:   "roles --agency NAME",
		Short: "Write the roles and API keys that keep agencies on one Elasticsearch cluster apart",
		Long: "Four roles an agency: sensor (writes what it finds, neither holds nor removals), analyst (searches, and says what became of findings), auditor (only reads)\n" +
			"and keeper (retention and holds). None reaches another agency's indices. --to names a new folder for what Elasticsearch takes: role-KIND.json\n" +
			"(PUT /_security/role/saksi-AGENCY-KIND), key-KIND.json (POST /_security/api_key) and template.json (PUT /_index_template/saksi), which only who manages\n" +
			"the cluster may put. --apply puts roles and template itself, by the login in --index; a key is made where it is used: its secret is shown once.",
		Example: "  saksi findings roles --agency jpn --to roles\n" +
			"  curl --cacert ca.crt -u elastic -H 'Content-Type: application/json' -X POST https://es.example:9200/_security/api_key -d @roles/key-sensor.json\n" +
			"  SAKSI_INDEX_API_KEY=... saksi sensor run eth0 --index https://es.example:9200 --index-ca ca.crt --agency jpn",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			roles, err := elastic.Roles(o.agency)
			if err != nil {
				return usage("%w", err)
			}
			if days < 1 || days > 3660 {
				return usage("--days %d: expected 1 to 3660; a key ends", days)
			}
			switch {
			case a.to != "":
				if err := writeRoles(a.to, roles, days); err != nil {
					return err
				}
				a.to = "" // the table goes to the terminal
			case !apply:
				return usage("expected --to FOLDER for the files, or --apply")
			}
			if apply {
				if err := o.grant(cmd.Context(), roles); err != nil {
					return err
				}
			}
			r, err := a.rows("role", "for", "put")
			if err != nil {
				return err
			}
			for _, x := range roles {
				if err := r.add(x.Name, x.For, apply); err != nil {
					return err
				}
			}
			return r.close()
		},
	}
	o.add(c)
	c.Flags().IntVar(&days, "days", 365, "how many days an API key holds")
	c.Flags().BoolVar(&apply, "apply", false, "put the template and the roles into the node of --index")
	return c
}

func (o *indexFlags) grant(ctx context.Context, roles []elastic.Role) (err error) {
	where, _, err := o.folder()
	if err != nil {
		return err
	}
	if !isURL(where) {
		return usage("--apply: --index names the Elasticsearch node, https://USER:PASSWORD@HOST:9200")
	}
	ix, err := o.connect(ctx, where)
	if err != nil {
		return readError(err)
	}
	defer func() { err = errors.Join(err, ix.Close()) }()
	return readError(ix.Grant(ctx, roles))
}

func writeRoles(dir string, roles []elastic.Role, days int) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fail(exitUsage, fmt.Errorf("making the folder for the roles: %w", err))
	}
	template, err := elastic.Template()
	if err != nil {
		return err
	}
	files := map[string][]byte{"template.json": template}
	for _, r := range roles {
		files["role-"+r.Kind+".json"] = r.Body
		if files["key-"+r.Kind+".json"], err = r.KeyBody(days); err != nil {
			return err
		}
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), append(b, '\n'), 0o600); err != nil {
			return fmt.Errorf("writing the roles: %w", err)
		}
	}
	return nil
}
