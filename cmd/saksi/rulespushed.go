package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"saksi/internal/infile"
)

// Settings that a bundle may hold, below settings/.
const (
	settingThresholds   = "threshold.config"  // as --thresholds
	settingPlaceholders = "placeholders.yaml" // as --placeholders
	settingVars         = "vars.yaml"         // NAME: VALUE, as --var
)

// withBundle adds the rules and settings of an installed bundle to those of the flags,
// which go before them where both say something.
func (o *ruleFlags) withBundle() (*ruleFlags, error) {
	if o.bundle == "" {
		return o, nil
	}
	f := *o
	if dir := filepath.Join(o.bundle, "rules"); exists(dir) {
		f.rules = append(slices.Clone(o.rules), dir)
	}
	dir := filepath.Join(o.bundle, "settings")
	list, err := os.ReadDir(dir)
	if err != nil && exists(dir) {
		return nil, fmt.Errorf("reading the settings of the bundle: %w", err)
	}
	for _, x := range list {
		path := filepath.Join(dir, x.Name())
		switch x.Name() {
		case settingThresholds:
			f.suricata.thresholds = append(slices.Clone(o.suricata.thresholds), path)
		case settingPlaceholders:
			if o.placeholders == "" {
				f.placeholders = path
			}
		case settingVars:
			vars, err := bundleVars(path)
			if err != nil {
				return nil, err
			}
			f.vars = append(vars, o.vars...)
		default:
			return nil, fail(exitUsage, fmt.Errorf("reading the settings of the bundle: settings/%s: expected %s, %s or %s", printable(x.Name()), settingThresholds, settingPlaceholders, settingVars))
		}
	}
	return &f, nil
}

// bundleVars reads variables as NAME=VALUE pairs.
func bundleVars(path string) ([]string, error) {
	b, err := infile.Read(path, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("reading the settings of the bundle: %w", err)
	}
	var vars map[string]string
	if err := yaml.Unmarshal(b, &vars); err != nil {
		return nil, fail(exitUsage, fmt.Errorf("reading the settings of the bundle: %s: %w", settingVars, err))
	}
	list := make([]string, 0, len(vars))
	for name, value := range vars {
		if name == "" || value == "" || strings.Contains(name, "=") {
			return nil, fail(exitUsage, fmt.Errorf("reading the settings of the bundle: %s: %.80q: %.80q; expected NAME: VALUE, such as HOME_NET: 10.0.0.0/8", settingVars, name, value))
		}
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list, nil
}
