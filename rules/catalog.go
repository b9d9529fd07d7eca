package rules

// Languages of detection, as Saksi.rule.language names them.
const (
	Suricata = "suricata"
	Sigma    = "sigma"
	YARA     = "yara"
	Intel    = "intel"
)

// Entry is one rule in a catalog, whatever its language.
type Entry struct {
	ID         string // sid, UUID or name, as the language has it
	Name       string
	Language   string
	Ruleset    string // base name of its file
	File       string
	Line       int
	Severity   Severity
	Techniques []string // ATT&CK ids
	// Refused is empty for a rule that runs, else why it does not.
	Refused string
}
