package nginxconf

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
)

// regex is a pattern of PCRE as Go's regexp understands it. The common ground
// is large: classes, named groups, lazy repetition, the same match preferred.
type regex struct {
	re      *regexp.Regexp
	unknown string // why it cannot be told what it matches: lookaround, backreferences, …
}

// namedGroup is the spelling of a named group that Go lacks.
var namedGroup = regexp.MustCompile(`\(\?'([A-Za-z_][A-Za-z0-9_]*)'`)

func compile(pattern string, anyCase bool) regex {
	text := namedGroup.ReplaceAllString(pattern, "(?<$1>")
	if anyCase {
		text = "(?i)" + text
	}
	re, err := regexp.Compile(text)
	if err == nil {
		return regex{re: re}
	}
	var e *syntax.Error
	if errors.As(err, &e) {
		return regex{unknown: fmt.Sprintf("what it matches is not known: %s %q", e.Code, e.Expr)}
	}
	return regex{unknown: "what it matches is not known: " + err.Error()}
}
