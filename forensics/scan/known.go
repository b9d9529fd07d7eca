package scan

import (
	"encoding/hex"

	"saksi/event"
	"saksi/forensics/disk"
	"saksi/forensics/hashset"
	"saksi/rules"
)

// known is a hash set that holds a file.
type known struct{ set, digest string }

// lookUp looks the files of a unit up in the hash sets, once. A file that is
// known as good and not as bad loses what was found in it, if it was read whole.
func (s *scanner) lookUp(u *unit) {
	u.open()
	if u.looked || len(s.cfg.Good)+len(s.cfg.Bad) == 0 {
		return
	}
	u.looked = true
	for i := range u.steps {
		st := &u.steps[i]
		if st.problem != nil || st.place != disk.Content {
			continue
		}
		res, lost := u.found(st)
		if res == nil || lost == interrupted || res.Error != "" {
			continue
		}
		if st.bad, u.lookErr = holders(s.cfg.Bad, res, len(s.cfg.Bad)); u.lookErr != nil {
			return
		}
		if len(st.bad) > 0 || res.Incomplete != "" {
			continue
		}
		good, err := holders(s.cfg.Good, res, 1)
		if err != nil {
			u.lookErr = err
			return
		}
		if st.good = len(good) > 0; st.good {
			res.Matches, res.Hits, res.Places, res.MoreHits = nil, nil, nil, 0
		}
	}
}

// holders gives the sets that hold content, most of them at most.
func holders(sets []*hashset.Set, res *disk.Result, most int) (list []known, err error) {
	for _, set := range sets {
		digest := map[string]string{"md5": res.MD5, "sha1": res.SHA1, "sha256": res.SHA256}[set.Algorithm()]
		b, err := hex.DecodeString(digest)
		if err != nil {
			return nil, err
		}
		ok, err := set.Has(b)
		if err != nil {
			return nil, err
		}
		if ok && len(list) < most {
			list = append(list, known{set.Name(), digest})
		}
	}
	return list, nil
}

// bad gives put a finding for each set of known-bad files that holds a file.
func (m *emitter) bad(u *unit, st *step, res *disk.Result, lost loss, put func(*event.Event) error) error {
	for _, k := range st.bad {
		m.e.Reset()
		m.common(u, st, res, lost, "alert", "saksi.alert")
		m.e.Str(event.RuleID, k.set+":"+k.digest)
		m.e.Str(event.RuleName, "known-bad file of "+k.set)
		m.e.Str(event.RuleRuleset, k.set)
		m.e.Str(event.SaksiRuleLanguage, "hashset")
		m.e.Int(event.EventSeverity, int64(rules.High))
		m.places(u, st, nil, 0)
		if err := put(&m.e); err != nil {
			return err
		}
	}
	return nil
}
