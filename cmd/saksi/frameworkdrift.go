package main

import (
	"time"

	"github.com/spf13/cobra"

	"saksi/framework"
)

func frameworkDrift(a *app) *cobra.Command {
	o := &indexFlags{}
	var at string
	var window time.Duration
	c := &cobra.Command{
		Use:     "drift --at TIME [QUERY]",
		Short:   "Compare before and after a go-live: services, names, certificates and alerts that came or are gone",
		Long:    "QUERY limits it, such as to the addresses of a system. A release or the move of a data center is at --at; the windows before and after it are as long as --window.",
		Example: "  saksi framework drift --index watch --at 2026-11-24T00:00:00Z --window 24h 'destination.ip:192.0.2.0/24'",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := time.Parse(time.RFC3339, at)
			if err != nil || window <= 0 {
				return usage("--at %q and --window %s: expected a time (RFC 3339) and a span such as 24h", at, window)
			}
			ix, err := o.read(cmd.Context())
			if err != nil {
				return err
			}
			defer ix.Close()
			q := ""
			if len(args) == 1 {
				q = args[0]
			}
			if err := o.look(cmd.Context(), a, ix, "drift", q, 0); err != nil {
				return err
			}
			list, err := framework.Drift(cmd.Context(), ix, q, t, window)
			if err != nil {
				return queryError(err)
			}
			r, err := a.rows("change", "kind", "value", "times")
			if err != nil {
				return err
			}
			for _, x := range list {
				change := "gone"
				if x.New {
					change = "new"
				}
				if err := r.add(change, x.Kind, x.Value, x.Number); err != nil {
					return err
				}
			}
			return r.close()
		},
	}
	o.add(c)
	c.Flags().StringVar(&at, "at", "", "`time` (RFC 3339) of the change")
	c.Flags().DurationVar(&window, "window", 24*time.Hour, "how long before and after it is looked at")
	return c
}

func frameworkSystems(a *app) *cobra.Command {
	var dir, event string
	c := &cobra.Command{
		Use:   "systems --assessment DIR",
		Short: "List the systems of an assessment: findings, outages, data, inherited controls; by life event with --life-event",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			as, err := readAssessment(dir)
			if err != nil {
				return err
			}
			r, err := a.rows("system", "title", "agency", "life_event", "criticality", "seen", "findings", "severe", "findings_from", "outage_minutes", "data_bytes", "inherited")
			if err != nil {
				return err
			}
			for _, s := range as.Systems {
				if event != "" && s.LifeEvent != event {
					continue
				}
				var bytes int64
				for _, d := range s.DataSets {
					bytes += d.Bytes
				}
				var inherited []string
				for _, h := range s.Inherited {
					inherited = append(inherited, h.Control+"="+string(h.State)+"@"+h.Provider)
				}
				if err := r.add(s.ID, s.Title, s.Agency, s.LifeEvent, s.Criticality, s.Seen, s.Findings, s.Severe, s.From, s.OutageMinutes, bytes, inherited); err != nil {
					return err
				}
			}
			return r.close()
		},
	}
	c.Flags().StringVar(&dir, "assessment", "", "`folder` of an assessment")
	c.Flags().StringVar(&event, "life-event", "", "`name` of one life event (default: all)")
	cobra.CheckErr(c.MarkFlagRequired("assessment"))
	return c
}

func frameworkServices(a *app) *cobra.Command {
	o := &indexFlags{}
	var register string
	c := &cobra.Command{
		Use:   "services [QUERY]",
		Short: "How services fared for their users: connections unanswered, TLS that failed, errors, waiting times",
		Long: "By system of the register, or without one by address. A waiting time goes from the packet that ended a request of HTTP to the one that completed the\n" +
			"head of its answer, as the sensor saw them; p50 and p95 are nearest ranks. No content is looked at.",
		Example: "  saksi framework services --index watch --register register.yaml '@timestamp:>=\"2026-11-24T00:00:00Z\"'",
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: completeQuery,
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := queryOf(args)
			if err != nil {
				return err
			}
			var r *framework.Register
			if register != "" {
				if r, err = framework.ReadRegister(register); err != nil {
					return err
				}
			}
			ix, err := o.read(cmd.Context())
			if err != nil {
				return err
			}
			defer ix.Close()
			if err := o.look(cmd.Context(), a, ix, "services", q, 0); err != nil {
				return err
			}
			list, err := framework.ServicesOf(cmd.Context(), ix, q, r)
			if err != nil {
				return queryError(err)
			}
			rows, err := a.rows("service", "agency", "connections", "unanswered", "bytes", "tls", "tls_failed", "requests", "errors_4xx", "errors_5xx", "wait_p50_us", "wait_p95_us", "wait_max_us")
			if err != nil {
				return err
			}
			for _, s := range list {
				if err := rows.add(s.ID, s.Agency, s.Connections, s.Unanswered, s.Bytes, s.Sessions, s.Failed, s.Requests, s.Refused, s.Errors, s.Wait(0.5).Microseconds(), s.Wait(0.95).Microseconds(), s.Wait(1).Microseconds()); err != nil {
					return err
				}
			}
			return rows.close()
		},
	}
	o.add(c)
	c.Flags().StringVar(&register, "register", "", "`file` of the register of agencies and systems")
	return c
}
