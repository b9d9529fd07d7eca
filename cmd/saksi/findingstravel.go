package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"

	"saksi/findings/travel"
	"saksi/internal/infile"
	"saksi/internal/netplace"
)

// networks reads a site's table of networks; nil for none.
func networks(path string) (*netplace.Table, error) {
	if path == "" {
		return nil, nil
	}
	f, err := infile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading networks: %w", err)
	}
	defer f.Close()
	return netplace.Read(path, bufio.NewReader(f))
}

// placesHelp tells what a table of networks may be.
const placesHelp = "CSV with a header (network, or start_ip and end_ip; asn and name, or latitude and longitude), as MaxMind's GeoLite2 and IPinfo publish it, or the TSV of iptoasn.com. None is built in."

func findingsTravel(a *app) *cobra.Command {
	o := &indexFlags{}
	l := travel.Limits{}
	var places string
	var store bool
	c := &cobra.Command{
		Use:   "travel --places FILE [QUERY]",
		Short: "Sign-ins of one user from places too far apart for the time between them",
		Long: "A sign-in is a document with event.outcome success, a user.name and a public source.ip; those of one user are compared in order of time.\n" +
			"FILE places networks: " + placesHelp + "\n" +
			"--store keeps each pair as a finding that names both documents (rule.id saksi-impossible-travel, T1078); storing twice changes nothing.",
		Example: "  saksi findings travel --index watch --places GeoLite2-City-Blocks-IPv4.csv --store",
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: completeQuery,
		RunE: func(cmd *cobra.Command, args []string) error {
			if l.Speed <= 0 || l.Distance < 0 {
				return usage("--speed %g and --distance %g: expected kilometers an hour above 0, and kilometers", l.Speed, l.Distance)
			}
			q, err := queryOf(args)
			if err != nil {
				return err
			}
			table, err := networks(places)
			if err != nil {
				return err
			}
			ix, err := o.read(cmd.Context())
			if err != nil {
				return err
			}
			if err := o.look(cmd.Context(), a, ix, "travel", q, 0); err != nil {
				return errors.Join(err, ix.Close())
			}
			res, err := travel.Find(cmd.Context(), ix, q, table, l)
			if cerr := ix.Close(); err == nil && cerr != nil {
				err = cerr
			}
			if err != nil {
				return queryError(err)
			}
			if store {
				if err := storeTrips(cmd.Context(), o, res.Trips); err != nil {
					return err
				}
			}
			return a.printTrips(res)
		},
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&places, "places", "", "`file` that places networks")
	f.Float64Var(&l.Speed, "speed", 900, "kilometers an hour that nobody exceeds")
	f.Float64Var(&l.Distance, "distance", 500, "kilometers below which two places count as one: tables are rough")
	f.BoolVar(&store, "store", false, "keep each pair as a finding")
	cobra.CheckErr(c.MarkFlagRequired("places"))
	return c
}

func storeTrips(ctx context.Context, o *indexFlags, trips []travel.Trip) error {
	for i := range trips {
		if err := o.say(ctx, trips[i].Event()); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printTrips(res *travel.Result) error {
	r, err := a.rows("user", "from", "from_place", "at", "to", "to_place", "later", "km", "km_h", "documents")
	if err != nil {
		return err
	}
	for _, t := range res.Trips {
		speed := "at once"
		if !math.IsInf(t.Speed, 1) {
			speed = fmt.Sprintf("%.0f", t.Speed)
		}
		if err := r.add(t.To.User, t.From.Address, placeName(t.From.Place), t.From.At.UTC().Format(time.RFC3339), t.To.Address, placeName(t.To.Place), t.To.At.Sub(t.From.At).String(), int64(math.Round(t.Distance)), speed, []string{t.From.ID[:idShown], t.To.ID[:idShown]}); err != nil {
			return err
		}
	}
	if err := r.close(); err != nil {
		return err
	}
	a.warn(fmt.Sprintf("%d sign-ins compared, %d pairs; %d from public addresses that the table does not place", res.SignIns, len(res.Trips), res.Unplaced))
	if res.Uncounted > 0 {
		return failHint(exitIncomplete, fmt.Errorf("%d later sign-ins were not compared", res.Uncounted), "a query for a shorter time compares them")
	}
	return nil
}

func placeName(p netplace.Place) string {
	if p.Name != "" {
		return p.Name
	}
	return fmt.Sprintf("%.2f,%.2f", p.Latitude, p.Longitude)
}
