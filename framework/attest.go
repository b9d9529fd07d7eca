package framework

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"saksi/casefile"
	"saksi/evidence"
	"saksi/internal/strictjson"
)

// Word is what a person attests or waives: the predicate of a signed statement.
// Its approval is a statement of another person over the file of the first.
type Word struct {
	Framework string   `json:"framework"`
	Control   string   `json:"control"`
	Check     string   `json:"check,omitempty"` // of a waiver: "" for all checks of the control
	Agency    string   `json:"agency"`
	Text      string   `json:"text"`
	Met       bool     `json:"met"` // of an attestation
	Author    string   `json:"author"`
	Made      string   `json:"made"`    // RFC 3339
	Expires   string   `json:"expires"` // RFC 3339
	Evidence  []string `json:"evidence,omitempty"`
}

// Approval is the predicate of an approver's statement.
type Approval struct {
	Approver string `json:"approver"`
	Made     string `json:"made"`
}

// Endings of the files of signed words and of their approvals.
const (
	WordEnd     = ".sigstore.json"
	ApprovalEnd = ".approval.sigstore.json"
)

// maxLife is how long a word may be in force.
const maxLife = 366 * 24 * time.Hour

// maxWords bounds the attestations and waivers of one assessment.
const maxWords = 10000

// approvers are the roles whose holders approve.
var approvers = []string{evidence.RoleSupervisor, evidence.RoleAuditor}

// ErrDuty is returned when an approver is the author, or has no role that
// approves.
var ErrDuty = errors.New("separation of duties")

// check is what a word must have.
func (w *Word) check() error {
	made, err1 := time.Parse(time.RFC3339, w.Made)
	expires, err2 := time.Parse(time.RFC3339, w.Expires)
	switch {
	case w.Framework == "" || w.Control == "" || w.Agency == "" || strings.TrimSpace(w.Text) == "" || w.Author == "":
		return errors.New("a framework, a control, an agency, a text and an author are needed")
	case err1 != nil || err2 != nil:
		return fmt.Errorf("made %q and expires %q; expected times (RFC 3339)", w.Made, w.Expires)
	case !expires.After(made) || expires.Sub(made) > maxLife:
		return fmt.Errorf("it is made at %s and expires at %s; expected a time later, of a year at most", w.Made, w.Expires)
	}
	return nil
}

// SignWord signs an attestation (waiver false) or a waiver. files are what it
// rests on, by name and SHA-256.
func SignWord(ctx context.Context, s *evidence.Signer, w *Word, waiver bool, files []evidence.Subject) ([]byte, error) {
	if err := w.check(); err != nil {
		return nil, fmt.Errorf("signing for control %s: %w", w.Control, err)
	}
	kind := evidence.PredicateAttestation
	if waiver {
		kind = evidence.PredicateWaiver
	}
	subjects := []evidence.Subject{{Name: w.Framework + "/" + w.Control, Digest: map[string]string{"sha256": evidence.SHA256([]byte(w.Text))}}}
	for _, f := range files {
		w.Evidence = append(w.Evidence, f.Digest["sha256"])
		subjects = append(subjects, f)
	}
	return evidence.Sign(ctx, s, kind, w, subjects)
}

// SignApproval signs over the file of a word, as the person whom the register
// binds to the key. Who may not approve it is ErrDuty.
func SignApproval(ctx context.Context, s *evidence.Signer, file string, word []byte, trust *evidence.Trust, now time.Time) ([]byte, error) {
	w, _, err := openWord(word, trust)
	if err != nil {
		return nil, fmt.Errorf("approving %s: %w", file, err)
	}
	r, ok := trust.Records[s.Public().Hint()]
	if !ok {
		return nil, fmt.Errorf("approving %s: %w: key %s is in no register", file, evidence.ErrTrust, s.Public().Hint())
	}
	if err := mayApprove(r, w.Author); err != nil {
		return nil, fmt.Errorf("approving %s: %w", file, err)
	}
	return evidence.Sign(ctx, s, evidence.PredicateApproval, Approval{r.Person, now.UTC().Format(time.RFC3339)},
		[]evidence.Subject{{Name: base(file), Digest: map[string]string{"sha256": evidence.SHA256(word)}}})
}

func mayApprove(r evidence.KeyRecord, author string) error {
	switch {
	case casefile.SameName(r.Person, author):
		return fmt.Errorf("%w: %s is its author; another person approves", ErrDuty, r.Person)
	case !slices.Contains(approvers, r.Role):
		return fmt.Errorf("%w: %s is %s; a %s approves", ErrDuty, r.Person, r.Role, strings.Join(approvers, " or an "))
	}
	return nil
}

// signedBy verifies a bundle with the key that it names and returns who holds
// that key.
func signedBy(b []byte, trust *evidence.Trust) (*evidence.Statement, evidence.KeyRecord, error) {
	var r evidence.KeyRecord
	_, _, hint, err := evidence.Parts(b)
	if err != nil {
		return nil, r, err
	}
	key := trust.Key(hint)
	if key == nil {
		return nil, r, fmt.Errorf("%w: nobody gave the key %s", evidence.ErrTrust, hint)
	}
	st, err := evidence.Open(b, key)
	if err != nil {
		return nil, r, err
	}
	r, ok := trust.Records[hint]
	if !ok {
		return nil, r, fmt.Errorf("%w: the register binds the key %s to nobody", evidence.ErrTrust, hint)
	}
	if r.Role == evidence.RoleStation || r.Role == evidence.RoleWitness {
		return nil, r, fmt.Errorf("%w: the key %s is of a %s, not of a person", ErrDuty, hint, r.Role)
	}
	return st, r, nil
}

// revokedBefore reports whether a key was revoked before the time it says it
// signed at.
func revokedBefore(trust *evidence.Trust, hint, made string) bool {
	at, _ := trust.Revoked(hint)
	t, err := time.Parse(time.RFC3339, made)
	return !at.IsZero() && (err != nil || !t.Before(at))
}

// openWord verifies a word.
func openWord(b []byte, trust *evidence.Trust) (*Word, string, error) {
	st, r, err := signedBy(b, trust)
	if err != nil {
		return nil, "", err
	}
	if st.PredicateType != evidence.PredicateAttestation && st.PredicateType != evidence.PredicateWaiver {
		return nil, "", fmt.Errorf("%w: predicate %s; expected an attestation or a waiver", evidence.ErrSignature, st.PredicateType)
	}
	var w Word
	if err := strictjson.Decode(st.Predicate, &w); err != nil {
		return nil, "", fmt.Errorf("%w: %w", evidence.ErrSignature, err)
	}
	if err := w.check(); err != nil {
		return nil, "", err
	}
	if !casefile.SameName(w.Author, r.Person) {
		return nil, "", fmt.Errorf("%w: its author is %s, its key that of %s", evidence.ErrTrust, w.Author, r.Person)
	}
	if revokedBefore(trust, r.Hint, w.Made) {
		return nil, "", fmt.Errorf("%w: the key of %s was revoked before", evidence.ErrTrust, r.Person)
	}
	return &w, st.PredicateType, nil
}

// Words are the attestations and waivers of a folder.
type Words struct {
	Attestations []Attestation
	Waivers      []Waiver
}

// ReadWords reads a folder of signed attestations and waivers with their
// approvals. What does not verify is there too, as refused, with the reason: it
// counts for nothing. trust says whose keys are good.
func ReadWords(dir string, trust *evidence.Trust) (*Words, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading attestations: %w", err)
	}
	var names []string
	for _, e := range list {
		if strings.HasSuffix(e.Name(), WordEnd) && !strings.HasSuffix(e.Name(), ApprovalEnd) {
			names = append(names, e.Name())
		}
	}
	if len(names) > maxWords {
		return nil, fmt.Errorf("reading attestations: %d files in %s; at most %d are read", len(names), dir, maxWords)
	}
	sort.Strings(names)
	w := &Words{}
	for _, n := range names {
		if err := w.read(dir, n, trust); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (ws *Words) read(dir, name string, trust *evidence.Trust) error {
	b, err := evidence.ReadRegular(filepath.Join(dir, name), maxYAML)
	if err != nil {
		return fmt.Errorf("reading attestations: %w", err)
	}
	sum := evidence.SHA256(b)
	w, kind, err := openWord(b, trust)
	if w == nil {
		w = &Word{}
	}
	state, why := InDate, ""
	if err != nil {
		state, why = Refused, err.Error()
	}
	approver, hints := "", []string{}
	if _, _, h, herr := evidence.Parts(b); herr == nil {
		hints = append(hints, h)
	}
	if state == InDate {
		r, err := approvalOf(dir, name, sum, w, trust)
		if err != nil {
			state, why = Refused, err.Error()
		}
		if r.Hint != "" {
			approver, hints = r.Person, append(hints, r.Hint)
		}
	}
	id := newUUID("word", sum)
	if kind == evidence.PredicateWaiver {
		ws.Waivers = append(ws.Waivers, Waiver{
			UUID: id, File: name, SHA256: sum, framework: w.Framework, Control: w.Control, Check: w.Check, Agency: w.Agency, Text: w.Text,
			Author: w.Author, Approver: approver, KeyHints: hints, Made: w.Made, Expires: w.Expires, State: state, Why: why,
		})
		return nil
	}
	ws.Attestations = append(ws.Attestations, Attestation{
		UUID: id, File: name, SHA256: sum, framework: w.Framework, Control: w.Control, Agency: w.Agency, Text: w.Text, Met: w.Met,
		Author: w.Author, Approver: approver, KeyHints: hints, Made: w.Made, Expires: w.Expires, State: state, Why: why, Evidence: w.Evidence,
	})
	return nil
}

// approvalOf verifies the approval of a word and returns who gave it.
func approvalOf(dir, name, sum string, w *Word, trust *evidence.Trust) (evidence.KeyRecord, error) {
	var none evidence.KeyRecord
	file := strings.TrimSuffix(name, WordEnd) + ApprovalEnd
	b, err := evidence.ReadRegular(filepath.Join(dir, file), maxYAML)
	if err != nil {
		return none, errors.New("nobody has approved it")
	}
	st, r, err := signedBy(b, trust)
	if err != nil {
		return none, fmt.Errorf("its approval: %w", err)
	}
	var a Approval
	if st.PredicateType != evidence.PredicateApproval || strictjson.Decode(st.Predicate, &a) != nil {
		return none, fmt.Errorf("its approval: %w: predicate %s", evidence.ErrSignature, st.PredicateType)
	}
	switch {
	case len(st.Subject) != 1 || st.Subject[0].Digest["sha256"] != sum:
		return r, fmt.Errorf("its approval: %w: it is over another file", evidence.ErrDigest)
	case revokedBefore(trust, r.Hint, a.Made):
		return r, fmt.Errorf("its approval: %w: the key of %s was revoked before", evidence.ErrTrust, r.Person)
	}
	return r, mayApprove(r, w.Author)
}

// stand says how a word stands at a time, for a framework and an agency.
func stand(state, why, framework, agency, made, expires string, s *assessor) (string, string) {
	if state == Refused {
		return state, why
	}
	m, _ := time.Parse(time.RFC3339, made) // openWord checked both
	e, _ := time.Parse(time.RFC3339, expires)
	switch {
	case framework != s.cat.ID:
		return Refused, "it is for framework " + framework
	case agency != s.a.Agency && agency != s.in.Scope:
		return Refused, fmt.Sprintf("it is for agency %q", agency)
	case s.in.AsOf.Before(m):
		return NotYet, "it is made later"
	case !s.in.AsOf.Before(e):
		return Expired, "it ended at " + expires
	}
	return InDate, ""
}

// words takes in what people attest and waive.
func (s *assessor) words() {
	s.a.Attestations, s.a.Waivers = []Attestation{}, []Waiver{}
	if s.in.Words == nil {
		return
	}
	for _, x := range s.in.Words.Attestations {
		x.State, x.Why = stand(x.State, x.Why, x.framework, x.Agency, x.Made, x.Expires, s)
		if _, err := s.cat.Control(x.Control); err != nil && x.State != Refused {
			x.State, x.Why = Refused, "the framework has no such control"
		}
		s.a.Attestations = append(s.a.Attestations, x)
		s.a.Inputs.Attestations = append(s.a.Inputs.Attestations, FileInput{Name: x.File, SHA256: x.SHA256})
	}
	for _, x := range s.in.Words.Waivers {
		x.State, x.Why = stand(x.State, x.Why, x.framework, x.Agency, x.Made, x.Expires, s)
		s.a.Waivers = append(s.a.Waivers, x)
		s.a.Inputs.Waivers = append(s.a.Inputs.Waivers, FileInput{Name: x.File, SHA256: x.SHA256})
	}
}

// standAgain says anew how the words of an assessment stand, as far as it holds
// that.
func (s *assessor) standAgain() {
	for i := range s.a.Attestations {
		x := &s.a.Attestations[i]
		x.State, x.Why = again(x.State, x.Why, x.Author, x.Approver, x.Agency, x.Made, x.Expires, s)
	}
	for i := range s.a.Waivers {
		x := &s.a.Waivers[i]
		x.State, x.Why = again(x.State, x.Why, x.Author, x.Approver, x.Agency, x.Made, x.Expires, s)
		x.Used = false
	}
}

func again(state, why, author, approver, agency, made, expires string, s *assessor) (string, string) {
	if state != Refused && casefile.SameName(author, approver) {
		return Refused, author + " approves their own"
	}
	return stand(state, why, s.cat.ID, agency, made, expires, s)
}

// attested decides a control by what people attest of it: the last word in date
// counts. Without one in date, one that ended makes it stale.
func (s *assessor) attested(o *Outcome) {
	var best *Attestation
	ended := false
	for i := range s.a.Attestations {
		x := &s.a.Attestations[i]
		if x.Control != o.Control.ID {
			continue
		}
		ended = ended || x.State == Expired
		if x.State == InDate && (best == nil || x.Made > best.Made) {
			best = x
		}
	}
	none := len(o.Observations) == 0
	switch {
	case best == nil && ended && none:
		o.State = Stale
	case best == nil:
	case !best.Met:
		o.State, o.Attestation, o.Qualified = Fail, best.UUID, ""
	case none:
		o.State, o.Attestation = AttestedPass, best.UUID
		if !o.Control.Confidence.Sure() {
			o.Qualified = "inferred"
		}
	case o.State == PartlyPass && o.Qualified == "person" && o.Findings == 0:
		o.State, o.Attestation, o.Qualified = AttestedPass, best.UUID, ""
	default:
		o.Attestation = best.UUID
	}
}
