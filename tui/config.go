package tui

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/ws"
)

// Config is what a viewer prefers; cmd reads it from a file. The zero value is
// the default.
type Config struct {
	Columns []string            // of ColumnNames, in order; nil: all
	Times   TimeMode            // at the start
	NoMouse bool                // leave the mouse to the terminal at the start
	Keys    map[string][]string // of CommandNames: see CheckKeys
	Theme   map[string]string   // of StyleNames: see CheckTheme
	Codes   map[ws.CloseCode]string
}

// styleNames are what the configuration calls the styles that can be changed.
var styleNames = map[string]style{
	"plain": stPlain, "dim": stDim, "bold": stBold, "title": stTitle, "tab": stTab, "tab-on": stTabOn, "head": stHead, "selected": stSelected,
	"ok": stOK, "near": stNear, "critical": stCritical, "expired": stExpired, "closed": stClosed, "refused": stRefused,
	"accent": stAccent, "good": stGood, "warn": stWarn, "fail": stFail, "key": stKey,
}

// looks are the words a style is made of, as SGR parameters. Only the
// terminal's own sixteen colours have names; others are said by number.
var looks = map[string]string{
	"bold": "1", "dim": "2", "italic": "3", "underline": "4", "reverse": "7", "none": "",
	"black": "30", "red": "31", "green": "32", "yellow": "33", "blue": "34", "magenta": "35", "cyan": "36", "white": "37",
	"bright-black": "90", "bright-red": "91", "bright-green": "92", "bright-yellow": "93", "bright-blue": "94", "bright-magenta": "95", "bright-cyan": "96", "bright-white": "97",
}

// StyleNames are the names that Config.Theme takes, sorted.
func StyleNames() []string { return slices.Sorted(maps.Keys(styleNames)) }

// CheckTheme says what is wrong with a theme: a style or a look that is none.
func CheckTheme(theme map[string]string) error {
	for name, look := range theme {
		if _, ok := styleNames[name]; !ok {
			return fmt.Errorf("%q is none of %s", name, strings.Join(StyleNames(), ", "))
		}
		if _, err := sgrOf(look); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// sgrOf turns words like "bold red" or "208 underline" into SGR parameters.
func sgrOf(look string) (string, error) {
	var codes []string
	for word := range strings.FieldsSeq(look) {
		code, ok := looks[word]
		if n, err := strconv.ParseUint(word, 10, 8); err == nil {
			code, ok = fmt.Sprintf("38;5;%d", n), true
		}
		if !ok {
			return "", fmt.Errorf("%q is none of %s, and no number of a colour from 0 to 255", word, strings.Join(slices.Sorted(maps.Keys(looks)), ", "))
		}
		if code != "" {
			codes = append(codes, code)
		}
	}
	return strings.Join(codes, ";"), nil
}

// codeNames are the names that the user gave to close codes, safe to show.
type codeNames map[ws.CloseCode]string

func (c *Config) codeNames() codeNames {
	names := make(codeNames, len(c.Codes))
	for code, name := range c.Codes {
		names[code] = printable.String(name)
	}
	return names
}

// name is the user's name of a code, else the registered one.
func (n codeNames) name(c ws.CloseCode) string {
	if own, ok := n[c]; ok {
		return own
	}
	return c.Name()
}

// meaning says what a code is for; of the user's own there is only the name.
func (n codeNames) meaning(c ws.CloseCode) string {
	if own, ok := n[c]; ok {
		return own
	}
	return c.Meaning()
}
