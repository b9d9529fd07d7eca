package casefile

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"saksi/evidence"
)

// ActApprove is what an approval is in the table of roles; it stands in the entry
// that it approves.
const ActApprove = "approve"

// Duty says which roles may do an act.
type Duty struct {
	Act   string
	Roles []string
}

// Duties is the table of roles, as docs/roles.md has it. Auditors and witnesses
// do nothing to a case: they check it.
var Duties = []Duty{
	{ActOpen, []string{evidence.RoleExaminer, evidence.RoleCustodian, evidence.RoleSupervisor, evidence.RoleStation}},
	{ActAdd, []string{evidence.RoleExaminer, evidence.RoleCustodian, evidence.RoleStation}},
	{ActSegment, []string{evidence.RoleExaminer, evidence.RoleCustodian, evidence.RoleStation}},
	{ActAcquire, []string{evidence.RoleExaminer, evidence.RoleStation}},
	{ActStop, []string{evidence.RoleExaminer, evidence.RoleStation}},
	{ActInspect, []string{evidence.RoleExaminer, evidence.RoleSupervisor, evidence.RoleStation}},
	{ActExamine, []string{evidence.RoleExaminer, evidence.RoleStation}},
	{ActExtract, []string{evidence.RoleExaminer, evidence.RoleStation}},
	{string(evidence.ActDecrypt), []string{evidence.RoleExaminer, evidence.RoleStation}},
	{ActUnmask, []string{evidence.RoleExaminer, evidence.RoleSupervisor}},
	{ActSign, []string{evidence.RoleExaminer, evidence.RoleSupervisor, evidence.RoleStation}},
	{ActNote, []string{evidence.RoleExaminer, evidence.RoleSupervisor, evidence.RoleStation}},
	{ActBookmark, []string{evidence.RoleExaminer, evidence.RoleSupervisor, evidence.RoleStation}},
	{ActReview, []string{evidence.RoleExaminer, evidence.RoleSupervisor}},
	{ActExport, []string{evidence.RoleExaminer, evidence.RoleCustodian, evidence.RoleSupervisor}},
	{ActLock, []string{evidence.RoleExaminer, evidence.RoleCustodian, evidence.RoleSupervisor, evidence.RoleStation}},
	{ActUnlock, []string{evidence.RoleExaminer, evidence.RoleCustodian, evidence.RoleSupervisor, evidence.RoleStation}},
	{ActTransfer, []string{evidence.RoleExaminer, evidence.RoleCustodian}},
	{ActDispose, []string{evidence.RoleCustodian}},
	{ActApprove, []string{evidence.RoleCustodian, evidence.RoleSupervisor}},
	{ActSeal, []string{evidence.RoleExaminer, evidence.RoleSupervisor}},
	{ActTimestamp, []string{evidence.RoleExaminer, evidence.RoleCustodian, evidence.RoleSupervisor, evidence.RoleStation}},
}

// rolesFor are the roles that may do an act; false for one the table has not.
func rolesFor(act string) ([]string, bool) {
	i := slices.IndexFunc(Duties, func(d Duty) bool { return d.Act == act })
	if i < 0 {
		return nil, false
	}
	return Duties[i].Roles, true
}

// covers reports why a role does not cover an act, "" if it does.
func covers(role, act string) string {
	roles, known := rolesFor(act)
	switch {
	case !known:
		return "no role covers " + act
	case !slices.Contains(roles, role):
		return act + " is for the role " + strings.Join(roles, " or ")
	}
	return ""
}

// personal are the acts that nobody does under a key without a role.
var personal = map[string]bool{ActUnmask: true, ActReview: true}

// Fields of an entry's detail that say who acted, by a key of their own.
const (
	detailActor    = "acted_by"
	detailActorKey = "actor_key"
	detailActed    = "actor_signature" // base64
)

// bind takes over who acts.
func (c *Case) bind(o Options) error {
	c.register = map[string]evidence.KeyRecord{}
	for _, r := range o.Register {
		c.register[r.Hint] = r
	}
	if o.Actor == nil {
		return nil
	}
	return c.as(o.Actor)
}

// ActorRole is the role that the register binds the acting key to, "" for none.
func (o *Options) ActorRole() string {
	s := o.Actor
	if s == nil {
		s = o.Signer
	}
	for _, r := range o.Register {
		if r.Hint == s.Public().Hint() {
			return r.Role
		}
	}
	return ""
}

// as has a person act from now on, whom the register binds to the key.
func (c *Case) as(s *evidence.Signer) error {
	r, ok := c.register[s.Public().Hint()]
	if !ok {
		return fmt.Errorf("%w: the register of keys does not bind key %s to a person; 'saksi evidence key new' or 'key public' enters one with --person and --role", evidence.ErrTrust, s.Public().Hint())
	}
	c.actor, c.who = s, r.Person
	return nil
}

// MayAct reports why the acting key may not do an act: ErrDuty. Record asks it
// too; who first does something long asks before.
func (c *Case) MayAct(act string) error {
	s := c.actor
	if s == nil {
		s = c.signer
	}
	hint := s.Public().Hint()
	r, ok := c.register[hint]
	if !ok {
		if c.Info.Roles == RolesBound || personal[act] {
			roles, _ := rolesFor(act)
			return fmt.Errorf("%w: %s: no register binds key %s to a role; act by --as with the key of somebody in the role %s", ErrDuty, act, hint, strings.Join(roles, " or "))
		}
		return nil
	}
	if at, err := time.Parse(time.RFC3339, r.RevokedAt); r.RevokedAt != "" && (err != nil || !time.Now().Before(at)) {
		return fmt.Errorf("%w: the key of %s was revoked at %s", ErrDuty, r.Person, r.RevokedAt)
	}
	if why := covers(r.Role, act); why != "" {
		return fmt.Errorf("%w: %s is %s; %s", ErrDuty, r.Person, r.Role, why)
	}
	return nil
}

// maySeal reports why the acting key, or that of the seal, may not seal.
func (c *Case) maySeal(hint string) error {
	r, ok := c.register[hint]
	if !ok && c.Info.Roles == RolesBound {
		return fmt.Errorf("%w: no register binds key %s, which seals, to a role", ErrDuty, hint)
	}
	if ok {
		if why := covers(r.Role, ActSeal); why != "" {
			return fmt.Errorf("%w: %s is %s; %s", ErrDuty, r.Person, r.Role, why)
		}
	}
	return c.MayAct(ActSeal)
}

// acted is what a person signs of an act: the entry but its time, its place in
// the log, and all that stood before it.
type acted struct {
	Case  string         `json:"case"`
	Root  string         `json:"root"` // of the entries before
	Entry evidence.Entry `json:"entry"`
}

func actOf(caseID, root string, e evidence.Entry) ([]byte, error) {
	e.Time, e.Detail = "", maps.Clone(e.Detail)
	delete(e.Detail, detailActed)
	// As a reader of the log has it: JSON replaces what is no UTF-8.
	b, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	var read evidence.Entry
	if err := json.Unmarshal(b, &read); err != nil {
		return nil, err
	}
	b, err = json.Marshal(acted{caseID, root, read})
	return append([]byte("saksi.act/v1\n"), b...), err
}

// signAct signs an entry by the key of the person who acts, if there is one.
func (c *Case) signAct(ctx context.Context, e *evidence.Entry) error {
	if c.actor == nil {
		return nil
	}
	e.Seq = c.log.Len()
	if e.Tool == "" {
		e.Tool = "saksi"
	}
	hint := c.actor.Public().Hint()
	e.Detail = maps.Clone(e.Detail)
	if e.Detail == nil {
		e.Detail = map[string]string{}
	}
	e.Detail[detailActor], e.Detail[detailActorKey] = c.register[hint].Person, hint
	root, err := c.log.RootAt(e.Seq)
	if err != nil {
		return err
	}
	b, err := actOf(c.Info.ID, root, *e)
	if err != nil {
		return err
	}
	sig, err := c.actor.Sign(ctx, b)
	if err != nil {
		return fmt.Errorf("signing the act: %w", err)
	}
	e.Detail[detailActed] = base64.StdEncoding.EncodeToString(sig)
	return nil
}

// offense is what is wrong with a kind of act by a key; it is told once.
type offense struct{ hint, act, kind, expected, found string }

// acts checks that each entry was written by a key whose role covers the act, as
// far as a register says.
func (v *verifier) acts(info Info, log *evidence.LogState) {
	first, count := map[offense]int64{}, map[offense]int64{}
	var order []offense
	bad := func(e *evidence.Entry, o offense) {
		if count[o]++; count[o] == 1 {
			first[o], order = e.Seq, append(order, o)
		}
	}
	bound := v.trust != nil && len(v.trust.Records) > 0
	for _, e := range log.Entries.All() {
		hint := e.Detail[detailActorKey]
		if e.Act == evidence.ActRecover && hint == "" {
			continue // the log's own
		}
		if e.Act == ActUnmask && (e.Authority == "" || e.Why == "") {
			bad(e, offense{hint, e.Act, KindCustody, "a reason and an authority", fmt.Sprintf("reason %q, authority %q", e.Why, e.Authority)})
		}
		if hint == "" {
			hint = info.Key
		} else if o := v.signedAct(info, log, e); o.kind != "" {
			bad(e, o)
			continue
		}
		r, ok := evidence.KeyRecord{}, false
		if bound {
			r, ok = v.trust.Records[hint]
		}
		if !ok {
			v.out.Unbound++
			if bound && (info.Roles == RolesBound || personal[e.Act]) {
				bad(e, offense{hint, e.Act, KindTrust, "a key that the register binds to a role", "key " + hint})
			}
			continue
		}
		for _, o := range v.actor(e, r) {
			bad(e, o)
		}
		if sealed := e.Detail["key_hint"]; e.Act == ActSeal && info.Roles == RolesBound && v.trust.Records[sealed].Role == "" {
			bad(e, offense{sealed, e.Act, KindTrust, "a seal by a key that the register binds to a role", "key " + sealed})
		}
	}
	for _, o := range order {
		where := fmt.Sprintf("entry %d", first[o])
		if n := count[o]; n > 1 {
			where += fmt.Sprintf(" and %d more", n-1)
		}
		v.add(CustodyDir+"/entries.ndjson", o.kind, fmt.Sprintf("%s (%s): %s", where, o.act, o.expected), o.found)
	}
}

// signedAct checks a person's own signature on an entry.
func (v *verifier) signedAct(info Info, log *evidence.LogState, e *evidence.Entry) (o offense) {
	hint := e.Detail[detailActorKey]
	key := v.trust.Key(hint)
	if key == nil {
		if v.trust == nil || len(v.trust.Records) == 0 {
			v.out.Unchecked++
			return o
		}
		return offense{hint, e.Act, KindTrust, "done by a key of the register", "key " + hint}
	}
	root, err := log.RootAt(e.Seq)
	var b, sig []byte
	if err == nil {
		b, err = actOf(info.ID, root, *e)
	}
	if err == nil {
		sig, err = base64.StdEncoding.DecodeString(e.Detail[detailActed])
	}
	if err != nil || !key.Verify(b, sig) {
		return offense{hint, e.Act, KindSignature, "signed by key " + hint + " of who acted", "a signature that is not over it in its place"}
	}
	return o
}

// actor holds an entry to what the register says of who acted.
func (v *verifier) actor(e *evidence.Entry, r evidence.KeyRecord) (list []offense) {
	if why := covers(r.Role, e.Act); why != "" {
		list = append(list, offense{r.Hint, e.Act, KindTrust, why, fmt.Sprintf("%s, %s, key %s", r.Person, r.Role, r.Hint)})
	}
	if own := e.Detail[detailActorKey] != ""; own && !(SameName(r.Person, e.Who) && SameName(r.Person, e.Detail[detailActor])) {
		list = append(list, offense{r.Hint, e.Act, KindTrust, "done by " + r.Person + ", who holds key " + r.Hint, e.Who})
	}
	if r.RevokedAt != "" && e.Detail[detailActorKey] != "" {
		at, err := time.Parse(time.RFC3339, r.RevokedAt)
		t, terr := time.Parse(time.RFC3339Nano, e.Time)
		if err != nil || terr != nil || !t.Before(at) {
			list = append(list, offense{r.Hint, e.Act, KindTrust, "done before " + r.RevokedAt + ", when key " + r.Hint + " was revoked", "done later"})
		}
	}
	if e.Act == ActSeal {
		if s, ok := v.trust.Records[e.Detail["key_hint"]]; ok {
			if why := covers(s.Role, ActSeal); why != "" && s.Hint != r.Hint {
				list = append(list, offense{s.Hint, e.Act, KindTrust, why, fmt.Sprintf("sealed by %s, %s, key %s", s.Person, s.Role, s.Hint)})
			}
		}
	}
	return list
}
