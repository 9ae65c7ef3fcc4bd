package tui

import (
	"fmt"
	"slices"
	"strings"
)

// columnSet is what the viewer wants of the columns: their order, and which
// are off. What is wanted and does not fit is dropped by layout.
type columnSet struct {
	order []columnID // all of them
	off   [colWhy + 1]bool
	// digits of the largest number on the list.
	digits int
}

// offAtFirst are the columns that one has to ask for.
var offAtFirst = [...]columnID{colServer, colSubprotocol, colOpened, colLongest}

// defaultColumns has all other columns; those that matter least show on wide
// screens.
func defaultColumns() columnSet {
	set := columnSet{order: make([]columnID, len(columns))}
	for i := range columns {
		set.order[i] = columns[i].id
	}
	for _, id := range offAtFirst {
		set.off[id] = true
	}
	return set
}

// ColumnNames are the names that Options.Columns takes, in order.
func ColumnNames() []string {
	names := make([]string, len(columns))
	for i := range columns {
		names[i] = columns[i].name
	}
	return names
}

// chosenColumns has the named columns in their order. Unknown names are left
// out: who reads the configuration has refused them.
func chosenColumns(names []string) columnSet {
	if len(names) == 0 {
		return defaultColumns()
	}
	var set columnSet
	for _, name := range names {
		i := slices.IndexFunc(columns, func(c column) bool { return c.name == name })
		if i >= 0 && !slices.Contains(set.order, columns[i].id) {
			set.order = append(set.order, columns[i].id)
		}
	}
	for i := range columns {
		if id := columns[i].id; !slices.Contains(set.order, id) {
			set.order = append(set.order, id)
			set.off[id] = true
		}
	}
	return set
}

// names are those of the columns that are on, for the configuration.
func (set *columnSet) names() (names []string) {
	for _, id := range set.order {
		if !set.off[id] {
			names = append(names, columns[id].name)
		}
	}
	return names
}

// move exchanges a column with its neighbour; it returns its new place.
func (set *columnSet) move(place, by int) int {
	to := place + by
	if to < 0 || to >= len(set.order) {
		return place
	}
	set.order[place], set.order[to] = set.order[to], set.order[place]
	return to
}

// columnChooser is the overlay that changes a columnSet.
type columnChooser struct {
	at  int // place in the order
	top int
}

// key carries out a command; the set is that of the list.
func (c *columnChooser) key(cmd command, set *columnSet) action {
	last := len(set.order) - 1
	switch cmd {
	case cmdUp:
		c.at = max(c.at-1, 0)
	case cmdDown:
		c.at = min(c.at+1, last)
	case cmdTop:
		c.at = 0
	case cmdBottom:
		c.at = last
	case cmdToggle:
		id := set.order[c.at]
		set.off[id] = !set.off[id]
	case cmdMoveUp:
		c.at = set.move(c.at, -1)
	case cmdMoveDown:
		c.at = set.move(c.at, 1)
	case cmdReset:
		*set = defaultColumns()
	case cmdCopy:
		return copyText{"the line for the configuration", set.setting()}
	}
	return nil
}

// setting is the line of the configuration that asks for these columns.
func (set *columnSet) setting() string {
	return `columns = ["` + strings.Join(set.names(), `", "`) + `"]`
}

// box is the chooser's text for h lines of w cells: each column with a mark,
// and what it is.
func (c *columnChooser) box(set *columnSet, width, w, h int) []line {
	shownNow := set.layout(width)
	h = max(min(h-5, len(set.order)), 1)
	c.top = min(max(c.top, c.at-h+1), c.at)
	out := []line{one(stBold, "columns").add(stDim, fmt.Sprintf("  %d of %d fit", len(shownNow), len(set.names()))), nil}
	for place := c.top; place < min(c.top+h, len(set.order)); place++ {
		id := set.order[place]
		l := c.item(&columns[id], set.off[id], shown(shownNow, id))
		if place == c.at {
			l = append(one(stPlain, "▸"), l...).fit(min(w-4, chooserWidth)).restyle(stSelected)
		} else {
			l = append(one(stPlain, " "), l...)
		}
		out = append(out, l)
	}
	return out
}

// chooserWidth is the width of the chooser where there is room.
const chooserWidth = 66

func (c *columnChooser) item(col *column, off, fits bool) line {
	switch {
	case off:
		return one(stDim, fmt.Sprintf("[ ] %-12s %s", col.name, col.what))
	case !fits:
		return one(stPlain, fmt.Sprintf("[·] %-12s ", col.name)).add(stDim, col.what)
	}
	return one(stGood, "[✓]").add(stPlain, fmt.Sprintf(" %-12s ", col.name)).add(stDim, col.what)
}
