package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"saksi/internal/netplace"
	"saksi/rules/suricata"
	"saksi/sensor"
)

// suricataFlags are what rules of Suricata have beside them.
type suricataFlags struct {
	thresholds []string
	data       string
	categories string
	reputation []string
	countries  string
	reach      string
	anomalies  bool
	payload    bool
	elephant   string
}

// add adds the flags for what rules are compiled with.
func (o *suricataFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVar(&o.thresholds, "thresholds", nil, "`file` of thresholds and suppression, as threshold.config of Suricata; may be given several times")
	f.StringVar(&o.data, "rules-data", "", "`folder` in which data sets that rules fill (state, save) are kept between runs; without it they last for the run")
	f.StringVar(&o.categories, "reputation-categories", "", "`file` of categories of addresses, for iprep in rules of Suricata")
	f.StringArrayVar(&o.reputation, "reputation", nil, "`file` of addresses with their scores by category, for iprep; may be given several times")
	f.StringVar(&o.elephant, "elephant", "", "`bytes/seconds` that make a flow an elephant, for flow.elephant in rules of Suricata: so many one way within so many seconds, such as 1GiB/10")
	f.StringVar(&o.countries, "countries", "", "`file` of networks with their countries, for geoip in rules of Suricata: a MaxMind DB (GeoLite2-Country.mmdb), CSV or TSV; none is built in")
}

// addReach adds the flag for what of the traffic rules look at.
func (o *suricataFlags) addReach(c *cobra.Command) {
	c.Flags().StringVar(&o.reach, "reach", "suricata", "what rules of Suricata look at: suricata is what Suricata does (no protocols in connections picked up in their middle, nor DNS on other ports), all is `everything` recognized")
	c.Flags().BoolVar(&o.anomalies, "anomalies", false, "tell of each thing that is wrong with packets, streams and transactions (the events of decode-event, stream-event and app-layer-event), with rules or without")
	c.Flags().BoolVar(&o.payload, "payload", false, "write into alerts of EVE JSON (-o eve) the bytes they matched in, at most 4 KiB; they may hold secrets")
}

// flowRate reads --elephant; nil if it is not given.
func flowRate(s string) (*suricata.FlowRate, error) {
	if s == "" {
		return nil, nil
	}
	size, seconds, _ := strings.Cut(s, "/")
	n, err := parseSize(size)
	k, e := strconv.Atoi(seconds)
	if err != nil || e != nil || n < 1 || k < 1 || k > suricata.MaxRateSeconds {
		return nil, usage("--elephant %q: expected BYTES/SECONDS, at most %d seconds, such as 1GiB/10", s, suricata.MaxRateSeconds)
	}
	return &suricata.FlowRate{Bytes: uint64(n), Seconds: k}, nil
}

// config reads the files.
func (o *suricataFlags) config() (c suricata.Config, err error) {
	c.DataDir = o.data
	if c.Elephant, err = flowRate(o.elephant); err != nil {
		return c, err
	}
	for _, p := range o.thresholds {
		src, err := suricata.ReadFile(p)
		if err != nil {
			return c, fail(exitUsage, err)
		}
		c.Thresholds = append(c.Thresholds, src)
	}
	if o.countries != "" {
		places, err := netplace.OpenCountries(o.countries)
		if err != nil {
			return c, fail(exitUsage, err)
		}
		c.Country = places.Country
	}
	switch {
	case o.categories == "" && len(o.reputation) == 0:
		return c, nil
	case o.categories == "" || len(o.reputation) == 0:
		return c, usage("--reputation and --reputation-categories belong together: give both or neither")
	}
	if c.Reputation, err = suricata.LoadReputation(o.categories, o.reputation); err != nil {
		return c, fail(exitUsage, err)
	}
	return c, nil
}

// apply sets what the sensor does with them.
func (o *suricataFlags) apply(cfg *sensor.Config) error {
	cfg.DataDir, cfg.Anomalies, cfg.Payload = o.data, o.anomalies, o.payload
	switch o.reach {
	case "", "suricata":
	case "all":
		cfg.Reach = sensor.ReachAll
	default:
		return usage("--reach is %q; expected suricata or all", o.reach)
	}
	return nil
}
