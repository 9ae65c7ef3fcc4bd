package tui

import "strings"

// style names what a text means; theme says how that looks.
type style uint8

const (
	stPlain style = iota
	stDim
	stBold
	stTitle
	stTab
	stTabOn
	stHead // head of a table or a section
	stSelected
	stOK
	stNear
	stCritical
	stExpired
	stClosed
	stRefused
	stAccent // link numbers, the limit's line
	stGood
	stWarn
	stFail
	stKey
	styleCount
)

// theme is the SGR parameters of each style. Only the terminal's own sixteen
// colours, so that the user's palette decides; never white or black. Nothing
// is told by colour alone: a glyph or a word always says the same.
type theme [styleCount]string

// attributes are what all themes share, and all of the theme without colour.
var attributes = theme{
	stDim: "2", stBold: "1", stTitle: "1", stTab: "2", stTabOn: "1;7", stHead: "1", stSelected: "7",
	stNear: "1", stCritical: "1", stClosed: "2", stFail: "1", stWarn: "1", stKey: "1",
}

// darkColours and lightColours are laid over attributes. Yellow cannot be read
// on white, so light backgrounds get magenta in its place.
var (
	darkColours = theme{
		stNear: "33", stCritical: "1;31", stExpired: "35", stRefused: "31",
		stAccent: "36", stGood: "32", stWarn: "33", stFail: "1;31", stTitle: "1;36",
	}
	lightColours = theme{
		stNear: "35", stCritical: "1;31", stExpired: "34", stRefused: "31",
		stAccent: "34", stGood: "32", stWarn: "35", stFail: "1;31", stTitle: "1;34",
	}
)

// makeTheme is the theme for a background, with what the configuration changes.
// Without colour nothing is changed: the user asked for none.
func makeTheme(noColor, light bool, changes map[string]string) *theme {
	t := attributes
	over := darkColours
	if light {
		over = lightColours
	}
	for i, c := range over {
		if c != "" && !noColor {
			t[i] = c
		}
	}
	for name, look := range changes {
		if sgr, err := sgrOf(look); err == nil && !noColor {
			t[styleNames[name]] = sgr
		}
	}
	return &t
}

// write appends l to b. Each span is closed, so that no style leaks over a
// line's end.
func (t *theme) write(b *strings.Builder, l line) {
	for _, s := range l {
		if sgr := t[s.st]; sgr != "" && s.text != "" {
			b.WriteString("\x1b[")
			b.WriteString(sgr)
			b.WriteByte('m')
			b.WriteString(s.text)
			b.WriteString("\x1b[m")
		} else {
			b.WriteString(s.text)
		}
	}
}
