package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/findings/silence"
)

func sensorSilent(a *app) *cobra.Command {
	o := &indexFlags{}
	var register, atText, enrolled, center string
	var after time.Duration
	var store, failing bool
	c := &cobra.Command{
		Use:   "silent",
		Short: "Tell which declared sensors were not heard for too long, and make findings of it",
		Long: "Sensors are declared in the register (docs/framework.md), by the name that 'sensor run --sensor' writes, with how long each may be silent ('silence: 90m'; else\n" +
			"--after); and so are those that the center enrolled (--enrolled). A running sensor tells its counts every hour. --store keeps each silence as a finding (rule.id saksi-silent-sensor), which 'findings notify' tells people of: one\n" +
			"for a silence however often this is run, one a day of a sensor that was never heard. The same index and --at give the same answer.",
		Example: "  saksi sensor silent --register register.yaml --index https://es.example:9200 --agency jpn --store\n  saksi sensor silent --register register.yaml --index watch --at 2026-11-24T12:00:00Z",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at := time.Now().UTC()
			if atText != "" {
				var err error
				if at, err = time.Parse(time.RFC3339, atText); err != nil {
					return usage("--at %s: expected a time as 2026-11-24T08:30:00Z", atText)
				}
			}
			if after <= 0 {
				return usage("--after %s: expected more than nothing, as 2h", after)
			}
			list, err := declaredSensors(a, register, enrolled, center, at, after)
			if err != nil {
				return err
			}
			states, err := o.silences(cmd.Context(), list, at)
			if err != nil {
				return err
			}
			silent := 0
			var told []*event.Event
			for i := range states {
				if !states[i].Silent {
					continue
				}
				silent++
				told = append(told, states[i].Event())
			}
			if store && len(told) > 0 {
				if err := o.say(cmd.Context(), told...); err != nil {
					return err
				}
			}
			if err := a.printSilences(states); err != nil {
				return err
			}
			if silent > 0 && failing {
				return fail(exitFailOn, fmt.Errorf("%d of %d declared sensors are silent", silent, len(states)))
			}
			return nil
		},
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&register, "register", "", "register `file` with the declared sensors (default: the user's register.yaml)")
	f.StringVar(&enrolled, "enrolled", "", "`folder` of certificates ('sensor enroll sign'), whose sensors are declared, too")
	f.StringVar(&center, "center", "", "public key `file` of the center that signed them")
	f.StringVar(&atText, "at", "", "as of this `time` (default: now)")
	f.DurationVar(&after, "after", silence.Default, "how long a sensor may be silent that declares nothing")
	f.BoolVar(&store, "store", false, "keep each silence as a finding")
	f.BoolVar(&failing, "fail", false, "exit with code 4 if one is silent")
	return c
}

// declaredSensors are those of the register and those that hold a certificate; what the register
// says of one goes before.
func declaredSensors(a *app, register, enrolled, center string, at time.Time, after time.Duration) ([]silence.Sensor, error) {
	r, err := readRegister(register)
	if err != nil {
		return nil, err
	}
	var list []silence.Sensor
	if r != nil {
		for _, x := range r.Sensors {
			s := silence.Sensor{Name: x.Name, Agency: x.Agency, After: x.MaxSilence()}
			if s.After == 0 {
				s.After = after
			}
			list = append(list, s)
		}
	}
	if enrolled != "" {
		more, err := a.enrolledSensors(enrolled, center, at, after)
		if err != nil {
			return nil, err
		}
		for _, s := range more {
			if !slices.ContainsFunc(list, func(x silence.Sensor) bool { return x.Name == s.Name }) {
				list = append(list, s)
			}
		}
	}
	if len(list) == 0 {
		return nil, usage("no sensor is declared: name a register with 'sensors:' by --register, or a folder of certificates by --enrolled")
	}
	return list, nil
}

func (o *indexFlags) silences(ctx context.Context, list []silence.Sensor, at time.Time) ([]silence.State, error) {
	ix, err := o.read(ctx)
	if err != nil {
		return nil, err
	}
	defer ix.Close()
	states, err := silence.Find(ctx, ix, list, at)
	return states, queryError(err)
}

func (a *app) printSilences(states []silence.State) error {
	r, err := a.rows("sensor", "agency", "state", "last", "silent_for", "may_be")
	if err != nil {
		return err
	}
	for _, s := range states {
		state, last, since := "heard", "", ""
		if !s.Last.IsZero() {
			last, since = s.Last.Format(time.RFC3339), s.At.Sub(s.Last).Round(time.Second).String()
		}
		switch {
		case s.Silent && s.Last.IsZero():
			state = "never heard"
		case s.Silent:
			state = "silent"
		}
		if err := r.add(s.Name, s.Agency, state, last, since, s.After.String()); err != nil {
			return err
		}
	}
	return r.close()
}
