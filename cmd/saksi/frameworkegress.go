package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"saksi/framework"
)

func frameworkEgress(a *app) *cobra.Command {
	o := &indexFlags{}
	var register, table string
	c := &cobra.Command{
		Use:   "egress [QUERY]",
		Short: "With whom hosts inside exchanged data outside: clouds of the register, autonomous systems, networks",
		Long: "Inside is what the register's agencies have, or without a register what is private. Only flows that were answered and that began inside count.\n" +
			"A flow that several sensors saw counts once; what they told of it besides is twice_flows and twice_bytes ('saksi findings duplicates').\n" +
			"A provider is a cloud of the register (by network, else by a name that was asked for), else what FILE says, else the /24 or /48.\n" +
			"FILE tells whose networks are: " + placesHelp,
		Example: "  saksi framework egress --index watch --register register.yaml --networks ip2asn-combined.tsv",
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
			t, err := networks(table)
			if err != nil {
				return err
			}
			ix, err := o.read(cmd.Context())
			if err != nil {
				return err
			}
			defer ix.Close()
			if err := o.look(cmd.Context(), a, ix, "egress", q, 0); err != nil {
				return err
			}
			list, err := framework.EgressOf(cmd.Context(), ix, q, r, t)
			if err != nil {
				return queryError(err)
			}
			rows, err := a.rows("provider", "name", "sanctioned", "hosts", "inside", "flows", "bytes", "twice_flows", "twice_bytes", "names", "first", "last")
			if err != nil {
				return err
			}
			var alone int64
			for _, x := range list {
				alone += x.Alone
				if err := rows.add(x.Provider, x.Name, x.Sanctioned, x.Hosts, x.Inside, x.Flows, x.Bytes, x.TwiceFlows, x.TwiceBytes, x.Names, x.First.UTC().Format(time.RFC3339), x.Last.UTC().Format(time.RFC3339)); err != nil {
					return err
				}
			}
			if alone > 0 {
				a.warn(fmt.Sprintf("%d flows were not compared between sensors: what several saw of them counts several times; give a shorter time", alone))
			}
			return rows.close()
		},
	}
	o.add(c)
	c.Flags().StringVar(&register, "register", "", "`file` of the register of agencies, systems and clouds")
	c.Flags().StringVar(&table, "networks", "", "`file` that tells whose networks are")
	return c
}
