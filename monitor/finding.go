package monitor

// Severity of a finding.
type Severity string

// The severities. An error breaks WebSockets, a warning will under some
// condition, info is the rest.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
)

// Severities, gravest first.
var Severities = []Severity{SeverityError, SeverityWarning, SeverityInfo}

// Rank is 0 for the gravest; an unknown severity comes last.
func (s Severity) Rank() int {
	for i, o := range Severities {
		if s == o {
			return i
		}
	}
	return len(Severities)
}

// AtLeast says that s is as grave as o, or graver.
func (s Severity) AtLeast(o Severity) bool { return s.Rank() <= o.Rank() }

// Noun is what n findings of a severity are called: "error", "errors"; what is
// info to a script is a note to a reader.
func (s Severity) Noun(n int) string {
	noun := string(s)
	if s == SeverityInfo {
		noun = "note"
	}
	if n != 1 {
		noun += "s"
	}
	return noun
}

// BySeverity counts findings.
func BySeverity(fs []Finding) map[Severity]int {
	n := map[Severity]int{}
	for i := range fs {
		n[fs[i].Severity]++
	}
	return n
}

// Finding is what a rule of package diagnose concluded, with what it rests on
// and what to do. It is plain data: the findings of a configuration travel in
// recordings, those of conns and log lines are derived again.
type Finding struct {
	ID       string   `json:"id"`                // of the rule, stable: "idle-timeout"
	Severity Severity `json:"severity"`          //
	Title    string   `json:"title"`             // one sentence, the subject in it
	Subject  string   `json:"subject,omitempty"` // what it is about: a target, a server, a location; findings of one rule differ by it
	// Count is how many conns it touches, or how many log lines or places of the
	// configuration where it is about no conn.
	Count    int      `json:"count"`
	OfLines  bool     `json:"-"`        // Count is of log lines
	Conns    []ID     `json:"-"`        // the newest it touches, oldest first, at most FindingConns
	Evidence []string `json:"evidence"` // sentences with times, log lines, places
	Fix      string   `json:"fix"`      // configuration to paste, or what to do where no configuration helps
	// Reference is where to read on: an RFC section, an nginx directive.
	Reference string `json:"reference"`
	File      string `json:"file,omitempty"` // of the configuration
	Line      int    `json:"line,omitempty"`
	First     Time   `json:"first,omitzero"` // when it was seen first and last; zero for the configuration's
	Last      Time   `json:"last,omitzero"`
}

// FindingConns bounds the conns a finding names; Count goes on.
const FindingConns = 100
