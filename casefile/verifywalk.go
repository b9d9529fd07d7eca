package casefile

import (
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// extras names what is in the folder without being recorded or signed.
func (v *verifier) extras(statements map[string]bool) {
	for _, path := range slices.Sorted(maps.Keys(statements)) {
		v.add(path, KindExtra, "a statement the custody log records", "one it does not")
		v.known[path] = true
	}
	v.walk()
	v.custodyFolder()
}

// walk names files, and folders of a sealed case, that nothing speaks of.
func (v *verifier) walk() {
	skip := map[string]bool{IndexDir: true, SpoolDir: true, CustodyDir: true}
	folders := map[string]bool{".": true}
	for _, d := range []string{dataDir, ExhibitsDir, FindingsDir, ReportsDir, StatementsDir} {
		folders[d] = true
	}
	for p := range v.known {
		for d := filepath.ToSlash(filepath.Dir(p)); !folders[d] && d != "/"; d = filepath.ToSlash(filepath.Dir(d)) {
			folders[d] = true
		}
	}
	same := map[string]string{}
	err := filepath.WalkDir(v.dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(v.dir, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if e.IsDir() {
			switch {
			case skip[rel]:
				if rel != CustodyDir {
					v.out.Outside = append(v.out.Outside, rel)
				}
				return filepath.SkipDir
			case v.payload != nil && !folders[rel]:
				v.add(rel, KindExtra, "nothing: neither the seal nor the custody log names anything in it", "a folder")
			}
			return nil
		}
		fold := folded(rel)
		if was := same[fold]; was != "" {
			v.add(rel, KindForm, foldText, "it and "+was)
		} else {
			same[fold] = rel
		}
		switch {
		case folders[rel]:
			v.add(rel, KindForm, "a folder", kindOf(e))
		case !v.known[rel]:
			v.add(rel, KindExtra, "nothing: no statement and no custody entry names it", kindOf(e))
		case v.payload != nil && strings.HasPrefix(rel, dataDir+"/") && !v.payload[rel]:
			v.add(rel, KindExtra, "a line in "+manifestFile, "none")
		}
		return nil
	})
	if err != nil {
		v.add("", KindForm, "a folder that can be read", err.Error())
	}
}

// kindOf names what stands where a file or a folder was expected.
func kindOf(e fs.DirEntry) string {
	switch t := e.Type(); {
	case t.IsRegular():
		return "a file"
	case t&fs.ModeSymlink != 0:
		return "a symbolic link"
	case t&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case t&fs.ModeSocket != 0:
		return "a socket"
	default:
		return "a device"
	}
}

// custodyFolder names what does not belong to a custody log.
func (v *verifier) custodyFolder() {
	// The last is there while a checkpoint is written.
	allowed := map[string]bool{"entries.ndjson": true, "checkpoint": true, "lock": true, "checkpoint.tmp": true}
	err := filepath.WalkDir(filepath.Join(v.dir, CustodyDir), func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(v.dir, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case !allowed[strings.TrimPrefix(rel, CustodyDir+"/")] && !v.known[rel]:
			v.add(rel, KindExtra, "the files of a custody log only", "another")
		case !e.Type().IsRegular():
			v.add(rel, KindForm, "a regular file", e.Type().String())
		}
		return nil
	})
	if err != nil {
		v.add(CustodyDir, KindCustody, "the folder of the custody log", err.Error())
	}
}
