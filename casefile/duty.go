package casefile

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"saksi/evidence"
)

// ActDispose is the act of the entry that ends custody of an exhibit.
const ActDispose = "dispose"

// ErrDuty is returned when a person would approve what is their own, or what
// their role does not cover.
var ErrDuty = errors.New("separation of duties")

// Fields of an entry's detail that an approval fills.
const (
	detailApprover    = "approved_by"
	detailApprovalKey = "approval_key"
	detailApproval    = "approval" // signature, base64
)

// approved is what an approval is signed over.
type approved struct {
	Case      string `json:"case"`
	Act       string `json:"act"`
	Exhibit   string `json:"exhibit"`
	SHA256    string `json:"sha256"`
	From      string `json:"released_by"`
	To        string `json:"received_by"`
	Why       string `json:"why"`
	Where     string `json:"where"`
	Authority string `json:"authority"`
	Approver  string `json:"approved_by"`
}

func approvalOf(caseID string, e *evidence.Entry) ([]byte, error) {
	b, err := json.Marshal(approved{caseID, e.Act, e.Exhibit, e.SHA256, e.From, e.To, e.Why, e.Where, e.Authority, e.Detail[detailApprover]})
	return append([]byte("saksi.approval/v1\n"), b...), err
}

// SameName compares names of persons as people write them.
func SameName(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}

// mayApprove reports why the holder of a key may not approve an entry.
func mayApprove(e *evidence.Entry, r evidence.KeyRecord) error {
	roles, _ := rolesFor(ActApprove)
	switch {
	case !slices.Contains(roles, r.Role):
		return fmt.Errorf("%w: %s is %s; a %s approves", ErrDuty, r.Person, r.Role, strings.Join(roles, " or a "))
	case r.RevokedAt != "":
		return fmt.Errorf("%w: the key of %s was revoked at %s", ErrDuty, r.Person, r.RevokedAt)
	}
	for _, own := range []string{e.From, e.To, e.Who} {
		if SameName(r.Person, own) {
			return fmt.Errorf("%w: %s takes part in it: nobody approves a transfer, release or disposal of their own", ErrDuty, r.Person)
		}
	}
	return nil
}

// Approve signs an entry that is to be recorded for exhibit id, as the person
// whom the register binds to the key. Who may not approve it is ErrDuty.
func (c *Case) Approve(ctx context.Context, id string, e *evidence.Entry, s *evidence.Signer, r evidence.KeyRecord) error {
	i := slices.IndexFunc(c.Exhibits, func(x Exhibit) bool { return x.ID == id })
	if i < 0 {
		return fmt.Errorf("approving: the case has no exhibit %q", id)
	}
	if e.Who == "" {
		e.Who = c.who
	}
	if err := mayApprove(e, r); err != nil {
		return fmt.Errorf("approving: %w", err)
	}
	e.Exhibit, e.SHA256 = id, c.Exhibits[i].SHA256
	e.Detail = map[string]string{detailApprover: r.Person, detailApprovalKey: s.Public().Hint()}
	b, err := approvalOf(c.Info.ID, e)
	if err != nil {
		return err
	}
	sig, err := s.Sign(ctx, b)
	if err != nil {
		return fmt.Errorf("approving: %w", err)
	}
	e.Detail[detailApproval] = base64.StdEncoding.EncodeToString(sig)
	return nil
}

// Dispose records that custody of an exhibit ended: returned, destroyed or
// handed over for good. It needs an approval in e (Approve). The bytes in the
// case stay: what was examined can be checked ever after.
func (c *Case) Dispose(ctx context.Context, id string, e evidence.Entry) (int64, error) {
	if e.Detail[detailApproval] == "" {
		return 0, fmt.Errorf("recording a disposal: %w: it needs an approval", ErrDuty)
	}
	e.Act = ActDispose
	return c.pass(ctx, id, e)
}

// duties checks the approvals that the log holds, as far as their keys are
// known.
func (v *verifier) duties(info Info, entries *evidence.Entries) {
	gone := map[string]int64{}
	for _, e := range entries.All() {
		item := CustodyDir + "/entries.ndjson"
		if at, ok := gone[e.Exhibit]; ok && e.Exhibit != "" {
			v.add(item, KindCustody, fmt.Sprintf("nothing done with %s after its disposal in entry %d", e.Exhibit, at), fmt.Sprintf("%s in entry %d", e.Act, e.Seq))
		}
		if e.Act == ActDispose {
			gone[e.Exhibit] = e.Seq
			if e.Detail[detailApproval] == "" {
				v.add(item, KindCustody, "an approval of the disposal", fmt.Sprintf("none in entry %d", e.Seq))
			}
		}
		if e.Detail[detailApproval] != "" {
			v.approval(info, item, e)
		}
	}
}

func (v *verifier) approval(info Info, item string, e *evidence.Entry) {
	hint := e.Detail[detailApprovalKey]
	key := v.trust.Key(hint)
	if key == nil {
		if v.trust == nil || len(v.trust.Records) == 0 {
			v.out.Unchecked++
		} else {
			v.add(item, KindTrust, fmt.Sprintf("entry %d approved by a key of the register", e.Seq), "key "+hint)
		}
		return
	}
	b, err := approvalOf(info.ID, e)
	sig, serr := base64.StdEncoding.DecodeString(e.Detail[detailApproval])
	if err != nil || serr != nil || !key.Verify(b, sig) {
		v.add(item, KindSignature, fmt.Sprintf("entry %d approved by key %s", e.Seq, hint), "a signature that is not over it")
	}
	r, ok := v.trust.Records[hint]
	if !ok {
		return
	}
	r.RevokedAt = "" // when it was approved, the time of the entry tells; revocations say the rest
	if err := mayApprove(e, r); err != nil || !SameName(r.Person, e.Detail[detailApprover]) {
		v.add(item, KindTrust, fmt.Sprintf("entry %d approved by somebody else who may", e.Seq), fmt.Sprintf("%s, key %s (%v)", e.Detail[detailApprover], hint, err))
	}
}
