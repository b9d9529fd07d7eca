package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"saksi/event"
)

// pivots are the ways from a finding to others that share something with it.
var pivots = []struct {
	name   string
	from   []event.Field // whose values are looked for
	fields []event.Field // where
}{
	{"flow", []event.Field{event.NetworkCommunityID}, []event.Field{event.NetworkCommunityID}},
	{"source", []event.Field{event.SourceIP}, []event.Field{event.SourceIP, event.DestinationIP, event.HostIP}},
	{"destination", []event.Field{event.DestinationIP}, []event.Field{event.SourceIP, event.DestinationIP, event.HostIP}},
	{"host", []event.Field{event.HostName}, []event.Field{event.HostName}},
	{"domain", []event.Field{event.DNSQuestionName, event.TLSClientServerName, event.URLDomain}, []event.Field{event.DNSQuestionName, event.TLSClientServerName, event.URLDomain}},
	{"hash", []event.Field{event.FileHashSHA256}, []event.Field{event.FileHashSHA256}},
	{"user", []event.Field{event.UserName}, []event.Field{event.UserName}},
	{"ja4", []event.Field{event.SaksiTLSJA4}, []event.Field{event.SaksiTLSJA4}},
	{"rule", []event.Field{event.RuleID}, []event.Field{event.RuleID}},
	{"technique", []event.Field{event.ThreatTechniqueID}, []event.Field{event.ThreatTechniqueID}},
	{"control", []event.Field{event.SaksiControl}, []event.Field{event.SaksiControl}},
	{"exhibit", []event.Field{event.SaksiEvidenceKey}, []event.Field{event.SaksiEvidenceKey}},
}

func findingsPivot(a *app) *cobra.Command {
	o := &indexFlags{}
	var by string
	var names []string
	for _, p := range pivots {
		names = append(names, p.name)
	}
	c := &cobra.Command{
		Use:   "pivot ID",
		Short: "From a finding to what shares a flow, host, domain, hash, user, rule, technique or control with it",
		Long: "Counts, for each thing that the document names, the documents and findings that name it too, and gives the query for them. --by prints those\n" +
			"documents themselves.",
		Example: "  saksi findings pivot 68106c68 --case kes-17\n  saksi findings pivot 68106c68 --by hash",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ix, err := o.read(cmd.Context())
			if err != nil {
				return err
			}
			e, err := lookup(cmd.Context(), ix, args[0])
			if err != nil {
				_ = ix.Close()
				return err
			}
			id, _ := e.GetStr(event.EventID)
			if err := o.look(cmd.Context(), a, ix, "pivot", id, 0); err != nil {
				return errors.Join(err, ix.Close())
			}
			if by != "" {
				if err := ix.Close(); err != nil {
					return err
				}
				return o.pivotTo(cmd, a, e, by, names)
			}
			defer ix.Close()
			r, err := a.rows("by", "value", "documents", "findings", "query")
			if err != nil {
				return err
			}
			for _, p := range pivots {
				for _, v := range pivotValues(e, p.from) {
					q := pivotQuery(p.fields, v)
					all, err := ix.Terms(cmd.Context(), q, event.EventKind.Name(), 10)
					if err != nil {
						return queryError(err)
					}
					var docs, alerts int64
					for _, b := range all {
						docs += b.Count
						if b.Key == "alert" {
							alerts = b.Count
						}
					}
					if err := r.add(p.name, v, docs, alerts, q); err != nil {
						return err
					}
				}
			}
			return r.close()
		},
	}
	o.add(c)
	c.Flags().StringVar(&by, "by", "", "print the documents that share this `thing`: "+strings.Join(names, ", "))
	_ = c.RegisterFlagCompletionFunc("by", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// pivotTo searches what shares a thing with e.
func (o *indexFlags) pivotTo(cmd *cobra.Command, a *app, e *event.Event, by string, names []string) error {
	for _, p := range pivots {
		if p.name != by {
			continue
		}
		var queries []string
		for _, v := range pivotValues(e, p.from) {
			queries = append(queries, pivotQuery(p.fields, v))
		}
		if len(queries) == 0 {
			return fail(exitFailed, fmt.Errorf("the document names no %s", by))
		}
		s := &searchOptions{indexFlags: *o, size: 100, hush: suppressFlag{text: "show"}}
		return s.run(cmd.Context(), a, strings.Join(queries, " OR "))
	}
	return usage("--by %s: expected one of %s", by, strings.Join(names, ", "))
}

// pivotValues are the values of some fields, each once, at most ten.
func pivotValues(e *event.Event, fields []event.Field) (list []string) {
	seen := map[string]bool{}
	for _, f := range fields {
		for v := range e.Values(f) {
			if s := string(v.AppendText(nil)); !seen[s] && len(list) < 10 {
				seen[s] = true
				list = append(list, s)
			}
		}
	}
	return list
}

// pivotQuery asks for a value in any of the fields; the value is hostile text.
func pivotQuery(fields []event.Field, value string) string {
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	var parts []string
	for _, f := range fields {
		parts = append(parts, f.Name()+":"+quoted)
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}
