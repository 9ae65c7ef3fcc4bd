package diagnose

import (
	"slices"
	"strings"
	"time"

	"github.com/wstap/wstap/nginxconf"
)

// purpose is what a location seems to be for. No configuration says "for
// WebSockets", so signs are weighed: where the text is clear a missing header
// is an error, where it only may be it is info, and else nothing.
type purpose uint8

const (
	forOther      purpose = iota // nothing speaks of WebSockets, or it plainly is for something else
	forMaybe                     // WebSockets may come here
	forWebSockets                // it is meant for them
)

// The weight that a location's signs must reach together.
const (
	maybeWeight = 1
	meantWeight = 3
)

// longRead is a read timeout that hardly anything but a lasting connection
// needs; veryLongRead is the value that every guide to WebSockets has.
const longRead, veryLongRead = 300 * time.Second, time.Hour

// sign is a reason to think that a location is for WebSockets, or, with a
// negative weight, that it is not.
type sign struct {
	weight int
	why    string
}

// judge says what a location is for, and why.
func (m *confMemory) judge(l *nginxconf.Location) judgement {
	if l.Pass == nil {
		return judgement{}
	}
	weight, whys := 0, []string(nil)
	named := nameSign(l)
	for _, s := range []sign{named, otherSign(l, named), headerSign(l), timeoutSign(l), m.catchAllSign(l)} {
		weight += s.weight
		if s.weight > 0 {
			whys = append(whys, s.why)
		}
	}
	why := strings.Join(whys, ", ")
	switch {
	case weight >= meantWeight:
		return judgement{forWebSockets, why}
	case weight >= maybeWeight:
		return judgement{forMaybe, why}
	}
	return judgement{}
}

// passesUpgrade says that some Upgrade header is set here.
func passesUpgrade(l *nginxconf.Location) bool {
	h, ok := headerOf(l.SetHeaders, "Upgrade")
	return ok && h.Value != ""
}

// Words that name a WebSocket location: whole words, and parts of words that
// leave no doubt. The weak ones name event streams and pages just as often.
var (
	webSocketWords = words("ws wss socket sockets cable hub hubs chat mqtt stomp subscriptions faye primus centrifugo")
	webSocketParts = strings.Fields("websock socketio socket.io sockjs engineio engine.io signalr realtime")
	weakWords      = words("live stream streams event events notification notifications notify push graphql terminal console feed room rooms")
	otherWords     = words("api rest public static asset assets image images img css js font fonts media favicon robots well known acme " +
		"upload uploads download downloads doc docs login logout auth oauth oauth2 health healthz healthcheck metrics status admin " +
		"sse eventsource php png jpg jpeg gif svg ico woff woff2")
)

func words(list string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}

func isWebSocketWord(w string) bool {
	digits, ok := strings.CutPrefix(w, "ws")
	return webSocketWords[w] || ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}

func isWeakWord(w string) bool { return weakWords[w] || strings.HasSuffix(w, "hub") }

func isOtherWord(w string) bool { return otherWords[w] }

// regexClasses are taken out of patterns: \ws would be a word.
var regexClasses = strings.NewReplacer(`\w`, " ", `\W`, " ", `\d`, " ", `\D`, " ", `\s`, " ", `\S`, " ", `\b`, " ", `\B`, " ", `\`, "")

// plainText is a pattern, a path or a name in lower case, without escapes.
func plainText(text string) string {
	if strings.Contains(text, `\`) {
		text = regexClasses.Replace(text)
	}
	return strings.ToLower(text)
}

// hasWord says that is holds for one of the words of a plain text.
func hasWord(text string, is func(string) bool) bool {
	for w := range strings.FieldsFuncSeq(text, func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') }) {
		if is(w) {
			return true
		}
	}
	return false
}

// namesOf are the texts that may name a location's purpose: its pattern, the
// path and host it passes to, and for a catch-all the server's name (without
// its last label: .ws is a country).
func namesOf(l *nginxconf.Location) (names []string) {
	if l.Match != nginxconf.MatchServer && l.Match != nginxconf.MatchIf {
		names = append(names, l.Pattern)
	}
	names = append(names, l.Pass.URI)
	if !strings.HasPrefix(l.Pass.Host, "unix:") {
		names = append(names, l.Pass.Host)
	}
	if catchesAll(l) {
		for _, n := range l.Server.Names {
			if dot := strings.LastIndexByte(n, '.'); dot > 0 {
				names = append(names, n[:dot])
			}
		}
	}
	return names
}

// nameSign looks for the words of WebSockets in a location's names.
func nameSign(l *nginxconf.Location) (best sign) {
	for _, name := range namesOf(l) {
		text := plainText(name)
		inText := func(part string) bool { return strings.Contains(text, part) }
		switch {
		case slices.ContainsFunc(webSocketParts, inText), hasWord(text, isWebSocketWord):
			return sign{3, "the name " + name}
		case hasWord(text, isWeakWord):
			best = sign{1, "the name " + name}
		}
	}
	return best
}

// otherSign looks for the words of what is plainly something else. A path such as
// /api/ws/ is told by the other words, named, and an internal location is not
// for clients.
func otherSign(l *nginxconf.Location, named sign) sign {
	if l.Internal || named.weight < 3 && hasWord(plainText(l.Pattern), isOtherWord) {
		return sign{weight: -3}
	}
	return sign{}
}

// headerSign looks at the Upgrade header: set for this very location, or for
// the level around it, or lost on the way in.
func headerSign(l *nginxconf.Location) sign {
	if h, ok := headerOf(l.SetHeaders, "Upgrade"); ok && h.Value != "" {
		if o := outer(l); o != nil {
			if outside, ok := headerOf(o.SetHeaders, "Upgrade"); ok && outside.Place == h.Place {
				return sign{2, "its Upgrade header"}
			}
		}
		return sign{3, "its Upgrade header"}
	}
	if h, ok := headerOf(l.LostHeaders, "Upgrade"); ok && h.Value != "" {
		return sign{2, "the Upgrade header of the level around it"}
	}
	return sign{}
}

// timeoutSign looks at a read timeout of the location's own. Without buffering it
// speaks of an event stream as much.
func timeoutSign(l *nginxconf.Location) sign {
	v := l.ProxyReadTimeout
	if !v.Known() || v.V < longRead || l.ProxyBuffering.Known() && !l.ProxyBuffering.V {
		return sign{}
	}
	if o := outer(l); o != nil && o.ProxyReadTimeout.Place == v.Place {
		return sign{}
	}
	if v.V >= veryLongRead {
		return sign{2, "its long read timeout"}
	}
	return sign{1, "its long read timeout"}
}

// catchesAll says that a location takes what no other one takes.
func catchesAll(l *nginxconf.Location) bool {
	return l.Pattern == "/" && (l.Match == nginxconf.MatchPrefix || l.Match == nginxconf.MatchPrefixFirst) || l.Match == nginxconf.MatchNamed
}

// catchAllSign: where no other location of a server passes Upgrade, or is named
// for WebSockets, they can only come to its catch-all. A map for Connection that nobody uses says that
// they were to.
func (m *confMemory) catchAllSign(l *nginxconf.Location) sign {
	if !catchesAll(l) || slices.ContainsFunc(locationsWithin(l.Server.Locations), func(o *nginxconf.Location) bool {
		return passesUpgrade(o) || o != l && o.Pass != nil && nameSign(o).weight >= meantWeight
	}) {
		return sign{}
	}
	if unused := m.unusedMap(); unused != nil {
		return sign{3, "the map for " + unused.Variable + ", which nothing uses"}
	}
	if l.Match == nginxconf.MatchNamed {
		return sign{}
	}
	return sign{1, "no other location of its server is for them"}
}

// locationsWithin are locations with those nested in them.
func locationsWithin(ls []*nginxconf.Location) (all []*nginxconf.Location) {
	for _, l := range ls {
		all = append(append(all, l), locationsWithin(l.Locations)...)
	}
	return all
}
