package framework

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/dedup"
)

// maxWaits bounds the waiting times that are kept for their ranks, over all
// services.
const maxWaits = 16 << 20

// Service is how a service fared for those who used it, as the wire tells: no
// content is looked at.
type Service struct {
	ID          string // system of the register; without a register the address
	Title       string
	Agency      string
	Connections int64           // attempts
	Unanswered  int64           // of them
	Sessions    int64           // of TLS
	Failed      int64           // of them, never established
	Requests    int64           // of HTTP
	Refused     int64           // answered with 400 to 499
	Errors      int64           // answered with 500 to 599
	Waits       []time.Duration // from the end of a request to the head of its answer, in order
	Bytes       int64           // of all connections, both directions
}

// Wait is the waiting time at a share of the requests (nearest rank), such as
// 0.5 for the median; 0 without any.
func (s *Service) Wait(share float64) time.Duration {
	n := len(s.Waits)
	if n == 0 {
		return 0
	}
	return s.Waits[min(max(int(math.Ceil(share*float64(n)))-1, 0), n-1)]
}

// ServicesOf tells how the systems of a register fared; without one (nil) each
// address that was asked. A query limits what counts; "" is everything. The
// largest number of connections stands first.
func ServicesOf(ctx context.Context, ix Index, q string, r *Register) ([]Service, error) {
	full := "event.dataset:(saksi.flow OR saksi.tls OR saksi.http)"
	if q != "" {
		full = "(" + q + ") AND " + full
	}
	by := map[string]*Service{}
	var h *hosts
	if r != nil {
		h = newHosts(r.Systems)
	}
	kept := 0
	err := pages(ctx, ix, full, func(d findings.Doc) error {
		e, err := event.Parse(d.Body)
		if err != nil {
			return err
		}
		a, ok := e.GetAddr(event.DestinationIP)
		if !ok {
			return nil
		}
		s := serviceOf(by, r, h, a)
		if s == nil {
			return nil
		}
		if len(by) > maxEgress {
			return fmt.Errorf("more than %d addresses; give a query or a register", maxEgress)
		}
		had := len(s.Waits)
		s.take(e)
		if kept += len(s.Waits) - had; kept > maxWaits {
			return fmt.Errorf("more than %d requests; give a query or a shorter time", maxWaits)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading how services fared: %w", err)
	}
	list := make([]Service, 0, len(by))
	for _, s := range by {
		slices.Sort(s.Waits)
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b Service) int {
		return cmp.Or(cmp.Compare(b.Connections, a.Connections), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// serviceOf is the service that an address belongs to; nil for none.
func serviceOf(by map[string]*Service, r *Register, h *hosts, a netip.Addr) *Service {
	id := a.String()
	x := SystemEntry{ID: id}
	if h != nil {
		i := h.of(id)
		if i < 0 {
			return nil
		}
		x = r.Systems[i]
	}
	s := by[x.ID]
	if s == nil {
		s = &Service{ID: x.ID, Title: x.Title, Agency: x.Agency}
		by[x.ID] = s
	}
	return s
}

func (s *Service) take(e *event.Event) {
	switch set, _ := e.GetStr(event.EventDataset); set {
	case "saksi.flow":
		s.Connections++
		s.Bytes += dedup.Bytes(e)
		switch state, _ := e.GetStr(event.SaksiFlowState); state {
		case "S0", "REJ", "RSTOS0", "SH":
			s.Unanswered++
		}
	case "saksi.tls":
		s.Sessions++
		if ok, told := e.GetBool(event.TLSEstablished); told && !ok {
			s.Failed++
		}
	case "saksi.http":
		s.Requests++
		switch code, _ := e.GetInt(event.HTTPResponseStatusCode); {
		case code >= 500 && code < 600:
			s.Errors++
		case code >= 400 && code < 500:
			s.Refused++
		}
		if ns, ok := e.GetInt(event.SaksiHTTPWait); ok {
			s.Waits = append(s.Waits, time.Duration(ns))
		}
	}
}
