package tui

// command is what a key asks for.
type command uint8

const (
	cmdNone command = iota
	cmdUp
	cmdDown
	cmdPageUp
	cmdPageDown
	cmdTop
	cmdBottom
	cmdOpen
	cmdBack
	cmdConnections
	cmdConnection
	cmdFindings
	cmdLog
	cmdNextScreen
	cmdLastScreen
	cmdLeg
	cmdFilter
	cmdFollow
	cmdPause
	cmdReload
	cmdSort
	cmdSortBack
	cmdReverse
	cmdNextFlagged
	cmdLastFlagged
	cmdLastEnded
	cmdPin
	cmdCopy
	cmdHelp
	cmdQuit
	cmdInterrupt
	cmdSuspend
	cmdPlay
	cmdSeekBack
	cmdSeekOn
	cmdSeekFarBack
	cmdSeekFarOn
	cmdFaster
	cmdSlower
	cmdKeep // the filter
	cmdEdit
	cmdLeave
	cmdDrain
	cmdStop
	cmdCancel
)

// scope is where a key works, as a set.
type scope uint16

const (
	onConnections scope = 1 << iota
	onConnection
	onFindings
	onLog
	onHelp
	onFilter
	onQuit
	onDraining

	onFiltered = onConnections | onLog
	onLists    = onFiltered | onFindings
	onScreens  = onLists | onConnection
	onAllLists = onScreens | onHelp
)

// when a key works: in which mode. Zero is always.
type when uint8

const (
	always   when = iota
	whenLive      // also attached
	whenReplay
	whenAttached
	whenElsewhere // no traffic runs through this process
)

// binding is a row of the key table: the help, the hints at the bottom and the
// handling of keys all come from it. Keys are named as Bubble Tea v2 names them.
type binding struct {
	group string // heading in the help
	cmd   command
	keys  []string
	at    scope
	when  when
	help  string
	hint  string // one word for the bottom line; "" for none
}

var bindings = []binding{
	{"moving", cmdDown, []string{"j", "down"}, onAllLists, always, "down", ""},
	{"moving", cmdUp, []string{"k", "up"}, onAllLists, always, "up", ""},
	{"moving", cmdPageDown, []string{"pgdown", "ctrl+f", "ctrl+d"}, onAllLists, always, "a page down", ""},
	{"moving", cmdPageUp, []string{"pgup", "ctrl+b", "ctrl+u"}, onAllLists, always, "a page up", ""},
	{"moving", cmdTop, []string{"g", "home"}, onAllLists, always, "to the top", ""},
	{"moving", cmdBottom, []string{"G", "end"}, onAllLists, always, "to the bottom (log: and follow)", ""},

	{"screens", cmdOpen, []string{"enter", "l", "right"}, onLists, always, "open the connection", "open"},
	{"screens", cmdBack, []string{"esc", "h", "left"}, onScreens | onHelp, always, "clear the filter, else go back", ""},
	{"screens", cmdConnections, []string{"1"}, onAllLists, always, "connections", ""},
	{"screens", cmdConnection, []string{"2"}, onAllLists, always, "connection: the selected one", ""},
	{"screens", cmdFindings, []string{"3"}, onAllLists, always, "findings: what is wrong, and the fix", ""},
	{"screens", cmdLog, []string{"4"}, onAllLists, always, "log", ""},
	{"screens", cmdNextScreen, []string{"tab"}, onLists, always, "next screen", ""},
	{"screens", cmdLastScreen, []string{"shift+tab"}, onScreens, always, "screen before", ""},
	{"screens", cmdLeg, []string{"tab"}, onConnection, always, "the other leg of the same WebSocket", "other leg"},
	{"screens", cmdHelp, []string{"?"}, onAllLists, always, "this help, and back", "help"},
	{"screens", cmdQuit, []string{"q"}, onAllLists, always, "quit; asks while connections depend on it", "quit"},
	{"screens", cmdInterrupt, []string{"ctrl+c"}, onAllLists | onFilter | onQuit | onDraining, always, "quit; a second time: at once", ""},
	{"screens", cmdSuspend, []string{"ctrl+z"}, onAllLists, whenElsewhere, "suspend (not where traffic runs through this process); fg brings it back", ""},

	{"lists", cmdFilter, []string{"/"}, onFiltered, always, "show only what contains a text", "filter"},
	{"lists", cmdFollow, []string{"f"}, onFiltered, always, "follow: stay at what goes next, or at the newest line", "follow"},
	{"lists", cmdPin, []string{"space"}, onConnections | onConnection, always, "pin: on top of the list and never evicted", "pin"},
	{"lists", cmdCopy, []string{"y"}, onScreens, always, "copy what is selected, of a finding its fix (OSC 52)", "copy"},
	{"lists", cmdSort, []string{"s"}, onConnections, always, "sort by the next column", "sort"},
	{"lists", cmdSortBack, []string{"<"}, onConnections, always, "sort by the column before", ""},
	{"lists", cmdReverse, []string{"S"}, onConnections, always, "reverse the order", ""},
	{"lists", cmdNextFlagged, []string{"n"}, onConnections, always, "next flagged: near, critical, past its limit, or a broken rule", "next flagged"},
	{"lists", cmdLastFlagged, []string{"N"}, onConnections, always, "flagged one before", ""},
	{"lists", cmdLastEnded, []string{"x"}, onConnections, always, "the one that ended last; again: the one before", "last ended"},
	{"lists", cmdReload, []string{"R"}, onAllLists, whenLive, "read the nginx configuration again (--nginx-conf)", ""},
	{"lists", cmdPause, []string{"p"}, onAllLists, whenLive, "pause the screen; capture goes on", "pause"},

	{"replay", cmdPlay, []string{"p"}, onAllLists, whenReplay, "pause and play", "play"},
	{"replay", cmdSeekBack, []string{"["}, onAllLists, whenReplay, "10 s back", "seek"},
	{"replay", cmdSeekOn, []string{"]"}, onAllLists, whenReplay, "10 s on", ""},
	{"replay", cmdSeekFarBack, []string{"{"}, onAllLists, whenReplay, "1 min back", ""},
	{"replay", cmdSeekFarOn, []string{"}"}, onAllLists, whenReplay, "1 min on", ""},
	{"replay", cmdFaster, []string{"+", "="}, onAllLists, whenReplay, "faster, up to max", "speed"},
	{"replay", cmdSlower, []string{"-"}, onAllLists, whenReplay, "slower, down to 0.1", ""},

	{"filter", cmdKeep, []string{"enter"}, onFilter, always, "keep the filter", ""},
	{"filter", cmdCancel, []string{"esc"}, onFilter | onQuit | onDraining, always, "take it back", ""},
	{"filter", cmdEdit, []string{"left", "right"}, onFilter, always, "move in it; home, end and the like as well", ""},
	{"filter", cmdEdit, []string{"ctrl+w", "ctrl+u"}, onFilter, always, "rub out a word, or all before the cursor", ""},

	{"quitting", cmdLeave, []string{"l"}, onQuit, whenAttached, "leave it running: wstap attach comes back to it", ""},
	{"quitting", cmdDrain, []string{"d"}, onQuit, always, "drain: accept no more, wait, then quit", ""},
	{"quitting", cmdStop, []string{"s"}, onQuit | onDraining, always, "stop now: ends the connections", ""},
	{"quitting", cmdCancel, []string{"n", "q"}, onQuit, always, "do not quit", ""},
}

// helpGroups are the headings of the help, in order; replay's is left out live.
var helpGroups = []struct {
	group, title string
	when         when
}{
	{"moving", "Moving", always},
	{"screens", "Screens", always},
	{"lists", "Lists", always},
	{"replay", "Replay", whenReplay},
	{"filter", "While typing a filter", always},
	{"quitting", "While asked about quitting", always},
}

func (b *binding) in(mode Mode) bool {
	switch b.when {
	case whenLive:
		return mode != Replay
	case whenReplay:
		return mode == Replay
	case whenAttached:
		return mode == Attached
	case whenElsewhere:
		return mode != Live
	}
	return true
}

// lookUp finds what a key asks for at a place, or cmdNone.
func lookUp(at scope, mode Mode, key string) command {
	for i := range bindings {
		b := &bindings[i]
		if b.at&at == 0 || !b.in(mode) {
			continue
		}
		for _, k := range b.keys {
			if k == key {
				return b.cmd
			}
		}
	}
	return cmdNone
}

// hints is the bottom line: the first key of each binding with a hint, as many
// as fit; those that are always wanted stand at the right end.
func hints(at scope, mode Mode, w int) line {
	var left, right line
	for i := range bindings {
		b := &bindings[i]
		if b.hint == "" || b.at&at == 0 || !b.in(mode) {
			continue
		}
		if b.cmd == cmdHelp || b.cmd == cmdQuit {
			right = right.add(stKey, "  "+b.keys[0]).add(stDim, " "+b.hint)
		} else {
			left = left.add(stKey, b.keys[0]).add(stDim, " "+b.hint+"  ")
		}
	}
	for len(left) > 0 && left.width()+right.width() > w {
		left = left[:len(left)-2]
	}
	return spread(left, right, w)
}
