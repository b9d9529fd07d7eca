package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// Role is what one kind of user of an agency may do on a cluster with security.
type Role struct {
	Name string // as Elasticsearch knows it: saksi-AGENCY-KIND
	Kind string
	For  string // who has it
	Body []byte // JSON, as PUT /_security/role/NAME takes it
}

// KeyBody is what POST /_security/api_key takes for a key that may what the role
// may and no more, for a number of days.
func (r *Role) KeyBody(days int) ([]byte, error) {
	return json.MarshalIndent(object{"name": r.Name, "expiration": fmt.Sprintf("%dd", days), "role_descriptors": object{r.Kind: json.RawMessage(r.Body)}, "metadata": object{"made_by": "saksi"}}, "", "  ")
}

// Whoever writes documents makes a month's index with its alias and brings its
// mapping up to new fields. Reading needs no more than read; what was put is
// seen at once by maintenance (a refresh).
var (
	reads  = []string{"read", "view_index_metadata", "maintenance"}
	writes = []string{"read", "view_index_metadata", "maintenance", "create_doc", "create_index", "indices:admin/aliases", "indices:admin/mapping/put"}
	keeps  = []string{"read", "view_index_metadata", "maintenance", "create_doc", "create_index", "delete", "manage"}
)

// own is a pattern of an agency's indices and aliases of data sets, exact: with
// wildcards alone saksi-x-b-a-2026.11, which agency a could make, would be one of b's.
func own(agency, datasets string) []string {
	return []string{"/saksi-" + datasets + "-" + agency + `-[0-9]{4}\.[0-9]{2}/`, "/saksi-" + datasets + "-" + agency + "/"}
}

const (
	anyDataset = "[a-z0-9_]+"
	// What was held, released and removed decides what may be removed: no sensor says it.
	measured = "([a-z0-9_]+&~(hold|retention))"
	said     = "(review|access)"
)

// Roles are the roles of an agency: none reaches another agency's indices.
func Roles(agency string) ([]Role, error) {
	if !agencyPattern.MatchString(agency) {
		return nil, fmt.Errorf("agency %q: expected 1 to 64 lower-case letters, digits and _", agency)
	}
	var list []Role
	for _, r := range []struct {
		kind, whose string
		indices     []object
	}{
		{"sensor", "sensors and labs: write what they find", []object{
			{"names": own(agency, anyDataset), "privileges": reads},
			{"names": own(agency, measured), "privileges": writes},
		}},
		{"analyst", "people who search and say what became of findings", []object{
			{"names": own(agency, anyDataset), "privileges": reads},
			{"names": own(agency, said), "privileges": writes},
		}},
		{"auditor", "people who only read; that they do is on record", []object{
			{"names": own(agency, anyDataset), "privileges": reads},
			{"names": own(agency, "access"), "privileges": writes},
		}},
		{"keeper", "who decides on retention and legal holds", []object{
			{"names": own(agency, anyDataset), "privileges": keeps},
		}},
	} {
		b, err := json.MarshalIndent(object{"cluster": []string{"cluster:monitor/main"}, "indices": r.indices, "metadata": object{"made_by": "saksi"}}, "", "  ")
		if err != nil {
			return nil, err
		}
		list = append(list, Role{"saksi-" + agency + "-" + r.kind, r.kind, r.whose, b})
	}
	return list, nil
}

// Template is what PUT /_index_template/saksi takes: the roles may not put it,
// for it is every agency's.
func Template() ([]byte, error) { return json.MarshalIndent(template(), "", "  ") }

// TemplateName is the template's name.
const TemplateName = templateName

// Grant puts the template and the roles of the agency; it needs a login that may
// manage security and templates.
func (ix *Index) Grant(ctx context.Context, roles []Role) error {
	ctx, leave, err := ix.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := ix.putTemplate(ctx); err != nil {
		return err
	}
	for _, r := range roles {
		if err := ix.call(ctx, "putting role "+r.Name, func(ctx context.Context) (*esapi.Response, error) {
			return esapi.SecurityPutRoleRequest{Name: r.Name, Body: strings.NewReader(string(r.Body))}.Do(ctx, ix.client)
		}, nil); err != nil {
			return err
		}
	}
	return nil
}

// forbidden reports whether the node says that this user may not.
func forbidden(err error) bool {
	var s *statusError
	return errors.As(err, &s) && s.status == http.StatusForbidden && s.Type == "security_exception"
}
