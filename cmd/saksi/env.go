package main

import (
	"os"
	"path/filepath"
	"strings"
)

// envVar is one variable of the environment that Saksi reads. This file is the
// only one that reads them.
type envVar struct {
	name      string
	doc       string
	sensitive bool // never printed
}

var (
	envConfig      = envVar{"SAKSI_CONFIG", "settings file, as --config", false}
	envIndex       = envVar{"SAKSI_INDEX", "index to write to and search, as --index; may hold a password", true}
	envIndexCA     = envVar{"SAKSI_INDEX_CA", "PEM file of the only authority whose certificate an Elasticsearch node may have, as --index-ca", false}
	envIndexKey    = envVar{"SAKSI_INDEX_API_KEY", "encoded API key for an Elasticsearch node, instead of a login", true}
	envCase        = envVar{"SAKSI_CASE", "case folder, as --case", false}
	envOutput      = envVar{"SAKSI_OUTPUT", "output form, as --output", false}
	envWorker      = envVar{"SAKSI_WORKER", "path of saksi-worker, as --worker", false}
	envPassphrase  = envVar{"SAKSI_PASSPHRASE", "pass phrase of the signing key, where no terminal can ask for it", true}
	envCasePhrase  = envVar{"SAKSI_CASE_PASSPHRASE", "pass phrase of an encrypted case, where it is not that of the signing key", true}
	envStoreKey    = envVar{"SAKSI_STORE_KEY_ID", "id of the access key of an object store", true}
	envStoreSecret = envVar{"SAKSI_STORE_SECRET", "secret of the access key of an object store", true}
	envColor       = envVar{"NO_COLOR", "any value: no color", false}
)

var envVars = []envVar{envConfig, envIndex, envIndexCA, envIndexKey, envCase, envOutput, envWorker, envPassphrase, envCasePhrase, envStoreKey, envStoreSecret, envColor}

func (v envVar) get() string { return os.Getenv(v.name) }

// dataDir is where Saksi keeps what belongs to no case: $XDG_DATA_HOME/saksi or
// ~/.local/share/saksi.
func dataDir() (string, error) {
	if d := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "saksi"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", failHint(exitUsage, err, "set XDG_DATA_HOME to a folder")
	}
	return filepath.Join(home, ".local", "share", "saksi"), nil
}

// cacheDir is where Saksi keeps what it can make again: $XDG_CACHE_HOME/saksi or
// ~/.cache/saksi.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "saksi"), err
}

// configDir is where the user's settings stand: $XDG_CONFIG_HOME/saksi or
// ~/.config/saksi.
func configDir() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "saksi"), err
}

// configFiles lists the settings files that are read when none is named, the
// strongest first. Never the current folder: it may be evidence.
func configFiles() []string {
	var files []string
	if d, err := configDir(); err == nil {
		files = append(files, filepath.Join(d, "config.yaml"))
	}
	return append(files, "/etc/saksi/config.yaml")
}

// tokenEnv is what the library of a PKCS #11 token may read: its own settings and
// nothing of ours.
func tokenEnv() []string {
	var list []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if name == "HOME" || name == "SOFTHSM2_CONF" || strings.HasPrefix(name, "PKCS11_") || strings.HasPrefix(name, "OPENSC_") {
			list = append(list, e)
		}
	}
	return list
}
