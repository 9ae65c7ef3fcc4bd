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
	cmdOverview
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
	cmdFlaggedFirst
	cmdAgeing
	cmdGroup
	cmdItsConns
	cmdItsLog
	cmdFold
	cmdColumns
	cmdPin
	cmdCopy
	cmdCopyCell
	cmdCopyJSON
	cmdUnfold
	cmdNextSection
	cmdLastSection
	cmdExport
	cmdTimes
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
	cmdToStart
	cmdToEnd
	cmdNextIncident
	cmdLastIncident
	cmdMouse
	cmdToggle // in the chooser of columns
	cmdMoveUp
	cmdMoveDown
	cmdReset
	cmdKeep // the filter
	cmdEdit
	cmdComplete
	cmdCompleteBack
	cmdEarlier
	cmdLater
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
	onColumns
	onCells
	onOverview

	onFiltered = onConnections | onLog
	onLists    = onFiltered | onFindings
	onScreens  = onLists | onConnection | onOverview
	onAllLists = onScreens | onHelp
	onChoosers = onColumns | onCells
)

// when a key works: in which mode. Zero is always.
type when uint8

const (
	always   when = iota
	whenLive      // also attached
	whenReplay
	whenAttached
	whenElsewhere // no traffic runs through this process
	whenPast      // replay, and attached: there may be a past to look back into
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

// bindings is the key table as it is without a configuration. The groups
// moving, screens, lists and replay can be rebound: see Rebind.
var bindings = keymap{
	{"moving", cmdDown, []string{"j", "down"}, onAllLists | onChoosers, always, "down", ""},
	{"moving", cmdUp, []string{"k", "up"}, onAllLists | onChoosers, always, "up", ""},
	{"moving", cmdPageDown, []string{"pgdown", "ctrl+f", "ctrl+d"}, onAllLists, always, "a page down", ""},
	{"moving", cmdPageUp, []string{"pgup", "ctrl+b", "ctrl+u"}, onAllLists, always, "a page up", ""},
	{"moving", cmdTop, []string{"g", "home"}, onAllLists | onChoosers, always, "to the top (connections: and stay there)", ""},
	{"moving", cmdBottom, []string{"G", "end"}, onAllLists | onChoosers, always, "to the bottom (log: and follow)", ""},

	{"screens", cmdOpen, []string{"enter", "l", "right"}, onLists, always, "open the connection", "open"},
	{"screens", cmdOpen, []string{"enter", "l", "right"}, onOverview, always, "the connections that a row counts", "its connections"},
	{"screens", cmdBack, []string{"esc", "h", "left"}, onScreens | onHelp, always, "back: undo the last jump or filter", ""},
	{"screens", cmdConnections, []string{"1"}, onAllLists, always, "connections", ""},
	{"screens", cmdConnection, []string{"2"}, onAllLists, always, "connection: the selected one", ""},
	{"screens", cmdFindings, []string{"3"}, onAllLists, always, "findings: what is wrong, and the fix", ""},
	{"screens", cmdLog, []string{"4"}, onAllLists, always, "log", ""},
	{"screens", cmdOverview, []string{"5"}, onAllLists, always, "overview: over time, causes, codes, targets, silences", ""},
	{"screens", cmdNextScreen, []string{"tab"}, onLists | onOverview, always, "next screen", ""},
	{"screens", cmdLastScreen, []string{"shift+tab"}, onScreens, always, "screen before", ""},
	{"screens", cmdLeg, []string{"tab"}, onConnection, always, "the other leg of the same WebSocket", "other leg"},
	{"screens", cmdHelp, []string{"?"}, onAllLists, always, "this help, and back", "help"},
	{"screens", cmdQuit, []string{"q"}, onAllLists, always, "quit; asks while connections depend on it", "quit"},
	{"screens", cmdInterrupt, []string{"ctrl+c"}, onAllLists | onChoosers | onFilter | onQuit | onDraining, always, "quit; a second time: at once", ""},
	{"screens", cmdSuspend, []string{"ctrl+z"}, onAllLists, whenElsewhere, "suspend (not where traffic runs through this process); fg brings it back", ""},

	{"replay", cmdPlay, []string{"p"}, onAllLists, whenReplay, "pause and play", "play"},
	{"replay", cmdSeekBack, []string{"["}, onAllLists, whenPast, "10 s back", "seek"},
	{"replay", cmdSeekOn, []string{"]"}, onAllLists, whenPast, "10 s on", ""},
	{"replay", cmdSeekFarBack, []string{"{"}, onAllLists, whenPast, "1 min back", ""},
	{"replay", cmdSeekFarOn, []string{"}"}, onAllLists, whenPast, "1 min on", ""},
	{"replay", cmdFaster, []string{"+", "="}, onAllLists, whenPast, "faster, up to max", "speed"},
	{"replay", cmdSlower, []string{"-"}, onAllLists, whenPast, "slower, down to 0.1", ""},
	{"replay", cmdNextIncident, []string{"i"}, onAllLists, whenPast, "next incident: a drop, a refusal, a reload, an error", "incident"},
	{"replay", cmdLastIncident, []string{"I"}, onAllLists, whenPast, "incident before", ""},
	{"replay", cmdToStart, []string{"H"}, onAllLists, whenPast, "to the beginning of the recording", ""},
	{"replay", cmdToEnd, []string{"L"}, onAllLists, whenPast, "to its end; attached: to what happens now", ""},

	{"lists", cmdFilter, []string{"/"}, onFiltered, always, "filter: a text, /re/, or fields such as state:near idle:>30s", "filter"},
	{"lists", cmdLastEnded, []string{"x"}, onConnections, always, "the one that ended last; again: the one before", "last ended"},
	{"lists", cmdNextFlagged, []string{"n"}, onConnections, always, "next flagged: near, critical, past its limit, or a broken rule", "flagged"},
	{"lists", cmdLastFlagged, []string{"N"}, onConnections, always, "flagged one before", ""},
	{"lists", cmdFollow, []string{"f"}, onFiltered, always, "follow: stay at the top, at what goes next, or at the newest line", "follow"},
	{"lists", cmdFollow, []string{"f"}, onConnection, always, "follow its frames: stay at the newest", "follow"},
	{"lists", cmdSort, []string{"s"}, onConnections, always, "sort by the next column", "sort"},
	{"lists", cmdSortBack, []string{"<"}, onConnections, always, "sort by the column before", ""},
	{"lists", cmdReverse, []string{"S"}, onConnections, always, "reverse the order", ""},
	{"lists", cmdGroup, []string{"o"}, onConnections, always, "group by target, client, leg, cause, or not", "group"},
	{"lists", cmdItsConns, []string{"o"}, onFindings, always, "the finding's connections on the list", "its connections"},
	{"lists", cmdItsLog, []string{"w"}, onFindings, always, "the log lines of its connections", "its log"},
	{"lists", cmdPin, []string{"space"}, onConnections | onConnection, always, "pin: on top of the list and never evicted", "pin"},
	{"lists", cmdCopy, []string{"y"}, onScreens, always, "copy what is selected, of a finding its fix", "copy"},
	{"lists", cmdCopyJSON, []string{"Y"}, onConnection, always, "copy the whole connection as JSON, as report --json writes it", "copy JSON"},
	{"lists", cmdUnfold, []string{"enter"}, onConnection, always, "show in full what is cut or the same on both legs, or not", "in full"},
	{"lists", cmdNextSection, []string{"n"}, onConnection | onOverview, always, "next section", "section"},
	{"lists", cmdLastSection, []string{"N"}, onConnection | onOverview, always, "section before", ""},
	{"lists", cmdFlaggedFirst, []string{"F"}, onConnections, always, "flagged ones on top, whatever the order", ""},
	{"lists", cmdFold, []string{"z"}, onLog, always, "fold lines that say the same, or not", "fold"},
	{"lists", cmdAgeing, []string{"a"}, onConnections, always, "closed ones: all, of the last 10 min, of the last minute, none", ""},
	{"lists", cmdColumns, []string{"c"}, onConnections, always, "choose the columns and their order", "columns"},
	{"lists", cmdCopyCell, []string{"v"}, onConnections, always, "copy one value of the row", ""},
	{"lists", cmdExport, []string{"e"}, onScreens, always, "save what the screen lists to a file", "export"},
	{"lists", cmdMouse, []string{"m"}, onAllLists, always, "mouse on and off; off: the terminal selects text", ""},
	{"lists", cmdTimes, []string{"t"}, onAllLists, always, "times: clock, UTC, how long ago, since the line before", ""},
	{"lists", cmdReload, []string{"R"}, onAllLists, whenLive, "read the nginx configuration again (--nginx-conf)", ""},
	{"lists", cmdPause, []string{"p"}, onAllLists, whenLive, "pause the screen; capture goes on", "pause"},

	{"choosing", cmdToggle, []string{"space", "enter"}, onColumns, always, "show the column, or not", "on, off"},
	{"choosing", cmdMoveUp, []string{"K", "shift+up"}, onColumns, always, "move the column to the left", "left"},
	{"choosing", cmdMoveDown, []string{"J", "shift+down"}, onColumns, always, "move the column to the right", "right"},
	{"choosing", cmdReset, []string{"r"}, onColumns, always, "the columns as they were", "reset"},
	{"choosing", cmdCopy, []string{"y"}, onColumns, always, "copy the line for the configuration file", "copy as configuration"},
	{"choosing", cmdOpen, []string{"enter", "y"}, onCells, always, "copy the value", "copy"},
	{"choosing", cmdCancel, []string{"esc", "q", "c"}, onColumns, always, "done", "done"},
	{"choosing", cmdCancel, []string{"esc", "q", "v"}, onCells, always, "copy nothing", "done"},

	{"filter", cmdKeep, []string{"enter"}, onFilter, always, "keep the filter", ""},
	{"filter", cmdCancel, []string{"esc"}, onFilter | onQuit | onDraining, always, "take it back", ""},
	{"filter", cmdComplete, []string{"tab"}, onFilter, always, "complete: fields, their words, values on the screen", ""},
	{"filter", cmdCompleteBack, []string{"shift+tab"}, onFilter, always, "the completion before", ""},
	{"filter", cmdEarlier, []string{"up"}, onFilter, always, "an earlier filter", ""},
	{"filter", cmdLater, []string{"down"}, onFilter, always, "a later one", ""},
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
	{"lists", "Lists and pages", always},
	{"replay", "Replay", whenPast},
	{"choosing", "Choosing columns or a value", always},
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
	case whenElsewhere, whenPast:
		return mode != Live
	}
	return true
}
