package travel

import (
	"context"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/query"
	"saksi/internal/netplace"
)

const table = `network,latitude,longitude,name
203.0.113.0/25,3.139,101.6869,Kuala Lumpur
203.0.113.128/25,1.4927,103.7414,Johor Bahru
198.51.100.0/24,55.7558,37.6173,Moscow
`

// pages is an index in order of time that gives two documents a page.
type pages []findings.Doc

func (p pages) Search(_ context.Context, r findings.Request) (findings.Page, error) {
	n, err := query.Parse(r.Query)
	if err != nil {
		return findings.Page{}, err
	}
	var list []findings.Doc
	for _, d := range p {
		e, err := event.Parse(d.Body)
		if err != nil {
			return findings.Page{}, err
		}
		if n.Match(e) {
			list = append(list, d)
		}
	}
	page := findings.Page{Total: int64(len(list))}
	at := len(r.After) * 2
	page.Docs = list[min(at, len(list)):min(at+2, len(list))]
	if at+2 < len(list) {
		page.Next = r.After + "x"
	}
	return page, nil
}

var began = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

func signIn(at time.Duration, user, address, outcome string) findings.Doc {
	e := &event.Event{}
	e.Time(event.Timestamp, began.Add(at).UnixNano())
	e.Str(event.EventKind, "event")
	e.Str(event.EventDataset, "saksi.ssh")
	e.Str(event.EventOutcome, outcome)
	e.Str(event.UserName, user)
	e.Addr(event.SourceIP, netip.MustParseAddr(address))
	body := e.AppendJSON(nil)
	return findings.Doc{ID: e.ID(), Time: began.Add(at), Body: body}
}

// TestFind proves which pairs are told, and that neither a slow traveler, nor a
// failed sign-in, nor another user, nor a private address makes one.
func TestFind(t *testing.T) {
	places, err := netplace.Read("places.csv", strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	ix := pages{
		signIn(0, "aminah", "203.0.113.7", "success"),
		signIn(time.Minute, "ali", "198.51.100.9", "success"),
		signIn(5*time.Minute, "aminah", "203.0.113.200", "success"), // 300 km in 5 minutes: too fast, but near
		signIn(6*time.Minute, "siti", "203.0.113.7", "success"),
		signIn(7*time.Minute, "aminah", "198.51.100.9", "failure"),
		signIn(8*time.Minute, "aminah", "10.0.0.9", "success"),
		signIn(9*time.Minute, "aminah", "192.0.2.1", "success"), // nowhere in the table
		signIn(65*time.Minute, "aminah", "198.51.100.9", "success"),
		signIn(26*time.Hour, "siti", "198.51.100.9", "success"),
	}
	r, err := Find(t.Context(), ix, "", places, Limits{Speed: 900, Distance: 500})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Trips) != 1 || r.SignIns != 6 || r.Unplaced != 1 || r.Uncounted != 0 {
		t.Fatalf("%d trips, %d sign-ins, %d without a place: %+v", len(r.Trips), r.SignIns, r.Unplaced, r.Trips)
	}
	x := r.Trips[0]
	// Johor Bahru to Moscow, by another formula (spherical law of cosines).
	rad := math.Pi / 180
	want := 6371.0088 * math.Acos(math.Sin(1.4927*rad)*math.Sin(55.7558*rad)+math.Cos(1.4927*rad)*math.Cos(55.7558*rad)*math.Cos((103.7414-37.6173)*rad))
	if x.From.User != "aminah" || x.From.Place.Name != "Johor Bahru" || math.Abs(x.Distance-want) > 0.01 || math.Abs(x.Speed-want) > 0.01 {
		t.Errorf("%+v, expected %.1f km in an hour", x, want)
	}
	e := x.Event()
	if n := len(e.AppendJSON(nil)); n == 0 || !strings.Contains(string(e.AppendJSON(nil)), `"link":["`) {
		t.Errorf("%s", e.AppendJSON(nil))
	}
	if near, err := Find(t.Context(), ix, "user.name:aminah", places, Limits{Speed: 900}); err != nil || len(near.Trips) != 2 {
		t.Errorf("without a least distance: %v, %v", near, err)
	}
	if same, err := Find(t.Context(), pages{signIn(0, "a", "203.0.113.7", "success"), signIn(0, "a", "198.51.100.9", "success")}, "", places, Limits{Speed: 900, Distance: 500}); err != nil || len(same.Trips) != 1 || !math.IsInf(same.Trips[0].Speed, 1) {
		t.Errorf("at one moment: %+v, %v", same, err)
	}
}
