package tui

// window is the part of a long list that is on the screen, with one row
// selected. The selection is a key, not a place, so it survives sorting and
// arrivals; the window follows it only where it would leave the screen.
type window[K comparable] struct {
	sel    K
	any    bool // something is selected
	at     int  // place of sel at the last settle
	top    int  // place of the first visible row
	height int
	awaits bool // the list is not whole yet: what is selected may yet come
	follow bool // selection stays at the newest
	newest end
}

// end of a list.
type end uint8

const (
	neither end = iota // it has no newest row
	atTop
	atBottom
)

// list is what a window looks at.
type list[K comparable] interface {
	len() int
	idAt(place int) K
	placeOf(K) (int, bool)
}

// settle finds the selection again after the list changed. Where it has gone,
// its neighbour takes its place.
func (w *window[K]) settle(l list[K]) {
	n := l.len()
	if n == 0 {
		w.any, w.at, w.top = false, 0, 0
		return
	}
	switch place, ok := w.find(l); {
	case w.follow:
		w.put(l, w.latest(n))
	case ok:
		w.at = place
	case w.any && w.awaits:
		w.at = min(w.at, n-1)
	default:
		w.put(l, min(w.at, n-1))
	}
	w.clamp(n)
}

func (w *window[K]) find(l list[K]) (int, bool) {
	if !w.any || w.follow {
		return 0, false
	}
	return l.placeOf(w.sel)
}

func (w *window[K]) latest(n int) int {
	if w.newest == atBottom {
		return n - 1
	}
	return 0
}

func (w *window[K]) put(l list[K], place int) {
	w.at, w.sel, w.any = place, l.idAt(place), true
}

// clamp scrolls as little as needed to have the selection on the screen.
func (w *window[K]) clamp(n int) {
	h := max(w.height, 1)
	w.top = min(max(w.top, w.at-h+1), w.at)
	w.top = max(min(w.top, n-h), 0)
}

// moveTo selects a place. Moving by hand ends following, unless it goes towards
// a newest row at the bottom.
func (w *window[K]) moveTo(l list[K], place int) {
	n := l.len()
	if n == 0 {
		return
	}
	place = min(max(place, 0), n-1)
	w.follow = w.follow && w.newest == atBottom && place == n-1
	w.put(l, place)
	w.clamp(n)
}

// command carries out a movement; false if it is none.
func (w *window[K]) command(l list[K], c command) bool {
	page := max(w.height-1, 1)
	switch c {
	case cmdUp:
		w.moveTo(l, w.at-1)
	case cmdDown:
		w.moveTo(l, w.at+1)
	case cmdPageUp:
		w.moveTo(l, w.at-page)
	case cmdPageDown:
		w.moveTo(l, w.at+page)
	case cmdTop:
		w.moveTo(l, 0)
		w.follow = w.newest == atTop
	case cmdBottom:
		w.moveTo(l, l.len()-1)
		w.follow = w.newest == atBottom // again
	case cmdFollow:
		w.follow = !w.follow
	default:
		return false
	}
	return true
}
