package proto

import (
	"strconv"
	"strings"

	"saksi/event"
)

const (
	// maxICSOpen bounds the requests of a flow that wait for their replies.
	maxICSOpen = 16
	// maxICSItems bounds the objects and the values of one event, maxICSText
	// the length of each.
	maxICSItems, maxICSText = 16, 256
)

// icsCall is one request to a controller and what its reply said. Numbers that
// are not known are -1.
type icsCall struct {
	id                     uint64 // ties the reply to it
	packets                Packets
	action, area, cause    string
	outcome, fault         string
	code, unit, master     int64
	address, count         int64
	objects, values        []string
	change                 bool // it writes, commands or stops
	vendor, model, product string
	serial, version, user  string
}

func newICSCall(c *Context, id uint64, action string, code int) icsCall {
	k := icsCall{id: id, action: action, code: int64(code), unit: -1, master: -1, address: -1, count: -1}
	k.packets.Add(c.Number)
	return k
}

func (k *icsCall) object(s string) {
	if len(k.objects) < maxICSItems {
		k.objects = append(k.objects, shortened(s))
	}
}

func (k *icsCall) value(s string) {
	if len(k.values) < maxICSItems {
		k.values = append(k.values, shortened(s))
	}
}

// shortened cuts a text that a peer chose; what is cut off is not kept in memory.
func shortened(s string) string {
	if len(s) <= maxICSText {
		return s
	}
	return strings.Clone(s[:maxICSText])
}

// done notes the outcome; fault is empty when all went well.
func (k *icsCall) done(c *Context, fault string) {
	k.packets.Add(c.Number)
	k.outcome, k.fault = "success", fault
	if fault != "" {
		k.outcome = "failure"
	}
}

func (k *icsCall) emit(c *Context, dataset string) {
	e := c.Begin(dataset, k.packets.List())
	e.Str(event.EventAction, k.action)
	if k.change {
		e.Str(event.EventCategory, "host") // ECS knows no change of category network
		e.Str(event.EventType, "change")
	}
	e.Str(event.EventOutcome, k.outcome)
	e.Str(event.ErrorCode, k.fault)
	for _, n := range [...]struct {
		f event.Field
		v int64
	}{
		{event.SaksiIcsFunctionCode, k.code},
		{event.SaksiIcsUnit, k.unit},
		{event.SaksiIcsMaster, k.master},
		{event.SaksiIcsAddress, k.address},
		{event.SaksiIcsCount, k.count},
	} {
		if n.v >= 0 {
			e.Int(n.f, n.v)
		}
	}
	e.Str(event.SaksiIcsArea, k.area)
	e.Str(event.SaksiIcsCause, k.cause)
	for _, s := range k.objects {
		e.Str(event.SaksiIcsObject, s)
	}
	for _, s := range k.values {
		e.Str(event.SaksiIcsValue, s)
	}
	e.Str(event.DeviceManufacturer, shortened(k.vendor))
	e.Str(event.DeviceModelName, k.model)
	e.Str(event.DeviceModelIdentifier, k.product)
	e.Str(event.DeviceSerialNumber, k.serial)
	e.Str(event.ServiceVersion, k.version)
	e.Str(event.UserName, shortened(k.user))
	if c.Detail && (dataset == "saksi.modbus" || dataset == "saksi.dnp3") { // records are made of messages
		e.NoRecord()
	}
	c.Emit(e)
}

// icsCalls are the requests of a flow that wait for their replies, oldest first.
type icsCalls struct {
	dataset string
	open    []icsCall
}

// ask keeps a request; the oldest goes out unanswered when there are too many.
func (t *icsCalls) ask(c *Context, k icsCall) {
	if len(t.open) == maxICSOpen {
		t.open[0].emit(c, t.dataset)
		t.open = append(t.open[:0], t.open[1:]...)
	}
	t.open = append(t.open, k)
}

// find returns the latest open request of an id, or nil.
func (t *icsCalls) find(id uint64) *icsCall {
	for i := len(t.open) - 1; i >= 0; i-- {
		if t.open[i].id == id {
			return &t.open[i]
		}
	}
	return nil
}

// end emits the open request k, which find returned, and forgets it.
func (t *icsCalls) end(c *Context, k *icsCall) {
	k.emit(c, t.dataset)
	for i := range t.open {
		if &t.open[i] == k {
			t.open = append(t.open[:i], t.open[i+1:]...)
			return
		}
	}
}

// flush emits what was never answered.
func (t *icsCalls) flush(c *Context) {
	for i := range t.open {
		t.open[i].emit(c, t.dataset)
	}
	t.open = t.open[:0]
}

// onTheWay turns the direction when the flow was first seen from its server, as
// its well-known port shows.
func onTheWay(c *Context, dir Dir, ports ...uint16) Dir {
	for _, p := range ports {
		if c.ClientPort == p && c.ServerPort != p {
			return 1 - dir
		}
	}
	return dir
}

// nameOr returns the name of a number, or prefix and the number.
func nameOr(names map[int]string, n int, prefix string) string {
	if s, ok := names[n]; ok {
		return s
	}
	return prefix + strconv.Itoa(n)
}
