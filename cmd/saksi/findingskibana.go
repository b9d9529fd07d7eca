package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"saksi/findings/elastic"
	"saksi/findings/kibana"
)

func findingsKibana(a *app) *cobra.Command {
	var agency string
	c := &cobra.Command{
		Use:   "kibana",
		Short: "Write data views and dashboards of an agency for Kibana",
		Long: "Writes what Kibana 8.8 and later takes under Stack Management, Saved Objects, Import (or by its API): data views over the aliases saksi-DATASET-AGENCY, a\n" +
			"saved search of alerts, and dashboards: overview, alerts, flows, cases, controls. No node is asked. The ids stay the same from release to\n" +
			"release: import with overwrite to bring them up to date. Each alert there shows event.id, which 'saksi findings show' leads back to the evidence.",
		Example: "  saksi findings kibana --agency jpn --to jpn.ndjson\n" +
			"  curl -u elastic -H 'kbn-xsrf: true' -F file=@jpn.ndjson 'https://kibana.example:5601/api/saved_objects/_import?overwrite=true'",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if _, err := elastic.Roles(agency); err != nil { // the same names
				return usage("%w", err)
			}
			w, done, err := a.open()
			if err != nil {
				return err
			}
			n, err := kibana.Write(w, agency)
			if err = errors.Join(err, done()); err != nil {
				return err
			}
			if a.to != "" {
				fmt.Fprintf(a.stderr, "saksi: %d objects in %s\n", n, a.to)
			}
			return nil
		},
	}
	c.Flags().StringVar(&agency, "agency", "default", "`name` of the agency, as in 'findings push --agency'")
	return c
}
