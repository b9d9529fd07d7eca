package main

import (
	"errors"
	"path/filepath"
	"strings"

	"saksi/rules/packs"
)

// ownPack is how rules that come with saksi are named: "pack:portal", or
// "pack:all".
const ownPack = "pack:"

// ownPacks puts in place of the names of packs of our own their folders, which
// are written into the data folder.
func ownPacks(paths []string) ([]string, error) {
	var list []string
	for _, p := range paths {
		name, ok := strings.CutPrefix(p, ownPack)
		if !ok {
			list = append(list, p)
			continue
		}
		dir, err := dataDir()
		if err != nil {
			return nil, err
		}
		names := []string{name}
		if name == "all" {
			names = packs.Names()
		}
		for _, n := range names {
			folder, err := packs.Put(filepath.Join(dir, "packs"), n)
			if errors.Is(err, packs.ErrUnknown) {
				return nil, failHint(exitUsage, err, "these come with saksi: %s; all stands for all of them", strings.Join(packs.Names(), ", "))
			}
			if err != nil {
				return nil, err
			}
			list = append(list, folder)
		}
	}
	return list, nil
}
