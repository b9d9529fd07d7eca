package casefile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"saksi/evidence"
)

// Reviews of a case and what the custody log calls them.
const (
	ReviewsDir = "data/reviews"
	ActReview  = "review"
)

// Review is the predicate of a second examiner's statement over a case.
type Review struct {
	Case           string `json:"case"`
	Reviewer       string `json:"reviewer"`
	Key            string `json:"key_hint"` // of the reviewer
	Time           string `json:"time"`
	Note           string `json:"note"`
	Tool           string `json:"tool"`
	CustodyEntries int64  `json:"custody_entries"` // that were reviewed
	CustodyRoot    string `json:"custody_root"`    // of their tree, base64
}

// ownWork are the acts whose doer may not review the case.
var ownWork = map[string]bool{
	ActOpen: true, ActAdd: true, ActAcquire: true, ActExamine: true, ActExtract: true, ActUnmask: true, ActSign: true,
	ActNote: true, ActBookmark: true, string(evidence.ActDecrypt): true,
}

// AddReview signs, by the key of the person who acts, that the case was reviewed
// as it stands, and records that. Who acted without a key of their own, or took
// part in the work, is ErrDuty. It returns the statement's path in the case.
func (c *Case) AddReview(ctx context.Context, note string) (string, error) {
	name, err := c.review(ctx, note)
	if err != nil {
		return "", fmt.Errorf("reviewing the case: %w", err)
	}
	return name, nil
}

func (c *Case) review(ctx context.Context, note string) (string, error) {
	switch {
	case c.actor == nil:
		return "", fmt.Errorf("%w: a review is signed by a person's own key; act by --as", ErrDuty)
	case note == "" || len(note) > MaxNote:
		return "", fmt.Errorf("a review says what was reviewed, in 1 to %d bytes", MaxNote)
	}
	if err := errors.Join(c.Unsealed(), c.MayAct(ActReview)); err != nil {
		return "", err
	}
	hint := c.actor.Public().Hint()
	for _, e := range c.log.Entries().All() {
		own := SameName(e.Who, c.who) || e.Detail[detailActorKey] == hint || e.Detail[detailActorKey] == "" && hint == c.Info.Key
		if ownWork[e.Act] && own {
			return "", fmt.Errorf("%w: %s did entry %d (%s): nobody reviews work of their own", ErrDuty, c.who, e.Seq, e.Act)
		}
	}
	root, err := c.log.RootAt(c.log.Len())
	if err != nil {
		return "", err
	}
	p := Review{
		Case: c.Info.ID, Reviewer: c.who, Key: hint, Time: time.Now().UTC().Format(time.RFC3339), Note: note, Tool: c.tool,
		CustodyEntries: c.log.Len(), CustodyRoot: root,
	}
	files, err := c.files(FindingsDir, ReportsDir, NotesDir, StatementsDir)
	if err != nil {
		return "", err
	}
	// The exhibits are bound by the root; what is in the folder beside it, by digest.
	var subjects []evidence.Subject
	for _, f := range append([]string{infoFile}, files...) {
		sum, err := c.hash(ctx, f)
		if err != nil {
			return "", err
		}
		subjects = append(subjects, evidence.Subject{Name: f, Digest: map[string]string{"sha256": sum}})
	}
	e := evidence.Entry{Act: ActReview, Why: note, Detail: map[string]string{"key_hint": hint, "subjects": strconv.Itoa(len(subjects))}}
	return c.state(ctx, ReviewsDir, "review", c.actor, evidence.PredicateReview, p, subjects, e)
}

// Reviewed is a review with the number of its custody entry.
type Reviewed struct {
	Review
	Seq int64
}

// Reviews gives the reviews of the case in dir, the oldest first; their
// signatures are checked by Verify.
func Reviews(dir string) ([]Reviewed, error) {
	entries, err := ReadLog(dir)
	if err != nil {
		return nil, err
	}
	var list []Reviewed
	for i := range entries {
		e := &entries[i]
		if e.Act != ActReview {
			continue
		}
		r := Reviewed{Seq: e.Seq}
		if err := readKept(dir, e, ReviewsDir, evidence.MaxBundle, func(b []byte) error {
			st, err := evidence.Open(b, nil)
			if err != nil {
				return err
			}
			return json.Unmarshal(st.Predicate, &r.Review)
		}); err != nil {
			return nil, fmt.Errorf("reading the review of custody entry %d: %w", e.Seq, err)
		}
		list = append(list, r)
	}
	return list, nil
}

// reviewed checks the statement of a review: its signature, as far as its key is
// known, and that it is this entry's.
func (v *verifier) reviewed(e *evidence.Entry) {
	if !strings.HasPrefix(e.Where, ReviewsDir+"/") || !filepath.IsLocal(filepath.FromSlash(e.Where)) {
		v.add(e.Where, KindForm, "a review in "+ReviewsDir, "another file")
		return
	}
	b, err := evidence.ReadRegular(filepath.Join(v.dir, filepath.FromSlash(e.Where)), evidence.MaxBundle)
	if err != nil {
		return // expect names it
	}
	key := v.trust.Key(e.Detail["key_hint"])
	if key == nil {
		v.out.Unchecked++
	}
	st, err := evidence.Open(b, key)
	if err != nil {
		v.add(e.Where, KindSignature, "a review signed by key "+e.Detail["key_hint"], err.Error())
		return
	}
	var p Review
	if err := evidence.DecodeExact(st.Predicate, &p); err != nil || st.PredicateType != evidence.PredicateReview || p.Case != v.out.Case || p.CustodyEntries != e.Seq || !SameName(p.Reviewer, e.Who) || p.Key != e.Detail["key_hint"] {
		v.add(e.Where, KindSignature, fmt.Sprintf("a review of case %q by %s after %d entries", v.out.Case, e.Who, e.Seq), fmt.Sprintf("%s of case %q by %s after %d", st.PredicateType, p.Case, p.Reviewer, p.CustodyEntries))
	}
	v.subjects(e.Where, st)
}
