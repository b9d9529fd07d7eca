package rules

// Outcome says what became of one condition of a rule.
type Outcome uint8

// Outcomes.
const (
	Unreached Outcome = iota // not looked at, because the rule was decided before
	Met
	Unmet
)

func (o Outcome) String() string {
	return [...]string{"not reached", "met", "not met"}[min(o, 2)]
}

// Condition is one condition of a rule as an engine decided it on one input.
type Condition struct {
	Text    string // as the rule has it
	Outcome Outcome
	Seen    string // the value looked at, where a pattern stood, or where it was not
	Depth   int    // in conditions of conditions
}

// Trial is one time that an engine looked at a rule: on a packet, a stream, a
// transaction, an event, a record or a file.
type Trial struct {
	Where      string
	Found      bool
	Conditions []Condition
}

// Stopped is the condition that decided against the rule: the first that was not
// met, and within it the first of its parts that was not, or nil.
func (t *Trial) Stopped() *Condition {
	var c *Condition
	for i := 0; i < len(t.Conditions); i++ {
		x := &t.Conditions[i]
		switch {
		case c == nil && x.Outcome == Unmet && x.Depth == 0: // others are parts of what was met
			c = x
		case c != nil && x.Depth <= c.Depth:
			return c
		case c != nil && x.Depth == c.Depth+1 && x.Outcome == Unmet:
			c = x
		}
	}
	return c
}

// Met counts the conditions that were met.
func (t *Trial) Met() int {
	n := 0
	for i := range t.Conditions {
		if t.Conditions[i].Outcome == Met {
			n++
		}
	}
	return n
}
