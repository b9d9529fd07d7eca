package casefile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"saksi/evidence"
)

// A log that was cut back to an earlier, validly signed checkpoint looks whole.
// What shows it lies outside: a receipt, an earlier checkpoint, a witness.

// kept holds the log to the documents that the caller brought.
func (v *verifier) kept(o VerifyOptions, info Info, log *evidence.LogState) {
	origin := evidence.Origin(info.ID)
	for _, k := range o.Receipts {
		r, err := evidence.ParseReceipt(k.Bytes)
		if err != nil {
			v.add(k.Name, KindCustody, "a receipt that proves its entry", err.Error())
			continue
		}
		if err := log.Holds(filepath.Join(v.dir, CustodyDir), r, origin, v.key); err != nil {
			v.add(k.Name, KindCustody, fmt.Sprintf("entry %d (%s) in the custody log, as the receipt proves", r.Index, r.Entry.Act), err.Error())
			continue
		}
		v.fresh(r.Checkpoint)
	}
	for _, k := range o.Checkpoints {
		if err := log.Follows(k.Bytes, origin, v.key); err != nil {
			v.add(k.Name, KindCustody, "a custody log that goes on from the checkpoint", err.Error())
			continue
		}
		v.fresh(k.Bytes)
	}
}

// fresh notes how far the log is known to be whole.
func (v *verifier) fresh(checkpoint []byte) {
	if c, err := evidence.ParseCheckpoint(checkpoint); err == nil && v.key != nil {
		v.out.Fresh = max(v.out.Fresh, c.Size)
	}
}

// witnesses checks the checkpoints that witnesses cosigned, and that each
// witness of the trust folder did.
func (v *verifier) witnesses(info Info, log *evidence.LogState) {
	wanted := map[string]bool{}
	for _, k := range v.trust.Witnesses() {
		wanted[k.Hint()] = true
	}
	list, err := os.ReadDir(filepath.Join(v.dir, witnessDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		v.add(witnessDir, KindForm, "the folder of witnesses", err.Error())
	}
	for _, e := range list {
		name := witnessDir + "/" + e.Name()
		b, err := evidence.ReadRegular(filepath.Join(v.dir, name), maxInfo)
		if err != nil {
			v.missing(name, "a cosigned checkpoint", err)
			continue
		}
		v.known[name] = true
		var keys []*evidence.Public
		if v.trust != nil {
			keys = v.trust.Keys
		}
		cp, who, err := evidence.OpenCosigned(b, keys)
		switch {
		case err != nil && v.trust == nil:
			// Nobody to check it by; said once for all.
		case err != nil:
			v.add(name, KindTrust, "a checkpoint cosigned by a witness that was given from outside the case", err.Error())
		}
		if cp == nil {
			continue
		}
		if err := log.Follows(cp, evidence.Origin(info.ID), v.key); err != nil {
			v.add(name, KindCustody, "a custody log that goes on from what the witness cosigned", err.Error())
			continue
		}
		if who != nil {
			delete(wanted, who.Hint())
			v.fresh(cp)
		}
	}
	for _, k := range v.trust.Witnesses() {
		if wanted[k.Hint()] {
			v.add(witnessDir, KindCustody, "a checkpoint cosigned by witness "+v.trust.Records[k.Hint()].Person+" (key "+k.Hint()+")", "none")
		}
	}
}

// revocations names what revoked keys signed after they were revoked, or at a
// time that nothing but the signer's clock tells.
func (v *verifier) revocations(info Info, entries *evidence.Entries) {
	for _, r := range v.revoked {
		at, how := time.Time{}, "only the sealing machine's clock says when"
		if s := v.out.Seal; s != nil && s.Stamp != "" && s.StampTrusted {
			at, _ = time.Parse(time.RFC3339, s.Stamp)
			how = "stamped " + s.Stamp
		}
		if at.IsZero() || !at.Before(r.at) {
			v.add(r.item, KindTrust, fmt.Sprintf("a signature from before %s, when key %s was revoked (%s)", r.at.Format(time.RFC3339), r.hint, r.why), how)
		}
	}
	if at, why := v.trust.Revoked(info.Key); !at.IsZero() {
		for _, e := range entries.All() {
			if t, err := time.Parse(time.RFC3339Nano, e.Time); err != nil || !t.Before(at) {
				v.add(CustodyDir, KindTrust, fmt.Sprintf("no entry after %s, when key %s was revoked (%s)", at.Format(time.RFC3339), info.Key, why), fmt.Sprintf("entry %d of %s", e.Seq, e.Time))
				break
			}
		}
	}
}

// Receipt makes the receipt for entry i of the case's custody log under its
// present checkpoint; a negative i counts from the end. Nothing is written.
func Receipt(dir string, i int64, key *evidence.Public) (*evidence.Receipt, error) {
	log, err := readState(dir, key)
	if err != nil {
		return nil, err
	}
	if i < 0 && i >= -log.Size {
		i += log.Size
	}
	return log.Receipt(filepath.Join(dir, CustodyDir), i)
}

// readState reads the custody log of a case, which must be whole. A nil key
// checks its form only.
func readState(dir string, key *evidence.Public) (*evidence.LogState, error) {
	info, err := ReadInfo(dir)
	if err != nil {
		return nil, err
	}
	log, problems, err := evidence.VerifyLog(filepath.Join(dir, CustodyDir), evidence.Origin(info.ID), key)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("reading the custody log of %s: %w: %s; run 'saksi evidence verify' for all of it", dir, evidence.ErrCustody, problems[0])
	}
	return log, nil
}

// Witness cosigns the case's present checkpoint as a witness and returns what
// the witness keeps: last is that of the time before, nil the first time. A log
// that does not go on from it is evidence.ErrCustody, and nothing is cosigned.
func Witness(ctx context.Context, dir string, s *evidence.Signer, key *evidence.Public, last []byte) ([]byte, error) {
	info, err := ReadInfo(dir)
	if err != nil {
		return nil, err
	}
	log, err := readState(dir, key)
	if err != nil {
		return nil, err
	}
	if err := ownFolders(dir); err != nil {
		return nil, fmt.Errorf("witnessing %s: %w", dir, err)
	}
	if last != nil {
		if err := log.Follows(last, evidence.Origin(info.ID), key); err != nil {
			return nil, fmt.Errorf("witnessing %s: %w", dir, err)
		}
	}
	b, err := log.Cosign(ctx, s)
	if err != nil {
		return nil, err
	}
	checkpoint, _, err := evidence.OpenCosigned(b, []*evidence.Public{s.Public()})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, witnessDir), 0o700); err != nil {
		return nil, fmt.Errorf("witnessing %s: %w", dir, err)
	}
	path := filepath.Join(dir, witnessDir, s.Public().Fingerprint()[:16])
	if err := evidence.Replace(path, b, 0o600); err != nil {
		return nil, fmt.Errorf("witnessing %s: %w", dir, err)
	}
	return checkpoint, nil
}

// LogRoot is the base64 of what the entries of the case's custody log hash to;
// who signed that is not checked.
func LogRoot(dir string) (string, error) {
	log, err := readState(dir, nil)
	if err != nil {
		return "", err
	}
	return log.Root, nil
}

// LogRootAt is the base64 of the root that the first n entries of the custody
// log in the case have.
func LogRootAt(dir string, n int64) (string, error) {
	log, err := readState(dir, nil)
	if err != nil {
		return "", err
	}
	return log.RootAt(n)
}
