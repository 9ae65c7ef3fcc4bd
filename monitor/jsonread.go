package monitor

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wstap/wstap/ws"
)

// jsonReader reads the events that come with every conn in exactly the form in
// which jsonText writes them: members in order, no white space. A recording of
// ours holds no other, and encoding/json takes ten times as long. Whatever
// differs makes it fail, and DecodeJSON reads the event the general way.
type jsonReader struct {
	b      []byte
	failed bool
	// The whole second read last, as text and as a time without its fraction.
	date, zone []byte
	second     Time
}

// decodeCommon is the reverse of appendCommon; nil: the general way.
func decodeCommon(b []byte) Event {
	j := &jsonReader{b: b}
	j.skip(`{"v":1,"type":"`)
	end := bytes.IndexByte(j.b, '"')
	if j.failed || end < 0 {
		return nil
	}
	name := j.b[:end]
	j.b = j.b[end+1:]
	var ev Event
	switch string(name) {
	case "opened":
		ev = j.opened()
	case "request":
		ev = j.request()
	case "response":
		ev = j.response()
	case "close_frame":
		ev = j.closeFrame()
	case "side_ended":
		ev = j.sideEnded()
	case "closed":
		ev = j.closed()
	case "limit":
		ev = j.limit()
	default:
		return nil
	}
	if j.skip("}"); j.failed || len(j.b) > 0 {
		return nil
	}
	return ev
}

// skip wants a text.
func (j *jsonReader) skip(text string) {
	if !j.has(text) {
		j.failed = true
	}
}

// has takes a text if it is there.
func (j *jsonReader) has(text string) bool {
	if len(j.b) < len(text) || string(j.b[:len(text)]) != text {
		return false
	}
	j.b = j.b[len(text):]
	return true
}

// key takes the name of a member if it comes next.
func (j *jsonReader) key(name string) bool {
	n := len(name)
	if len(j.b) < n+4 || j.b[0] != ',' || j.b[1] != '"' || string(j.b[2:2+n]) != name || j.b[2+n] != '"' || j.b[3+n] != ':' {
		return false
	}
	j.b = j.b[n+4:]
	return true
}

// want is key for a member that is always there.
func (j *jsonReader) want(name string) {
	if !j.key(name) {
		j.failed = true
	}
}

// token takes n bytes.
func (j *jsonReader) token(n int) []byte {
	t := j.b[:n]
	j.b = j.b[n:]
	return t
}

// number reads an unsigned integer of at most so much.
func (j *jsonReader) number(most uint64) (v uint64) {
	n := 0
	for n < len(j.b) && j.b[n]-'0' <= 9 {
		n++
	}
	const always = 19 // digits that fit
	if n == 0 || n > always || n > 1 && j.b[0] == '0' {
		j.failed = true
		return 0
	}
	for _, c := range j.token(n) {
		v = 10*v + uint64(c-'0')
	}
	if v > most {
		j.failed = true
	}
	return v
}

func (j *jsonReader) optNumber(name string, most uint64) uint64 {
	if j.key(name) {
		return j.number(most)
	}
	return 0
}

func (j *jsonReader) flag() bool {
	if j.has("true") {
		return true
	}
	j.skip("false")
	return false
}

// optFlag reads one that is only written if it is true.
func (j *jsonReader) optFlag(name string) bool { return j.key(name) && j.flag() }

// raw takes a string with its quotes; plain says that nothing in it is escaped
// and that it is ASCII.
func (j *jsonReader) raw() (s []byte, plain bool) {
	if len(j.b) == 0 || j.b[0] != '"' {
		j.failed = true
		return nil, false
	}
	plain = true
	for i := 1; i < len(j.b); i++ {
		switch c := j.b[i]; {
		case c == '"':
			return j.token(i + 1), plain
		case c == '\\':
			plain = false
			i++
		case c < ' ':
			j.failed = true
			return nil, false
		case c >= utf8.RuneSelf:
			plain = false
		}
	}
	j.failed = true
	return nil, false
}

// bytes reads a string into memory that is valid as long as the input.
func (j *jsonReader) bytes() []byte {
	s, plain := j.raw()
	if j.failed {
		return nil
	}
	s = s[1 : len(s)-1]
	if plain {
		return s
	}
	if s = unescape(make([]byte, 0, len(s)), s); s == nil || !utf8.Valid(s) {
		j.failed = true
	}
	return s
}

// unescape appends s without the escapes that jsonText makes; nil if there are
// others.
func unescape(to, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 || i+1 == len(s) {
			return append(to, s...)
		}
		to = append(to, s[:i]...)
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case '"', '\\', '/':
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'u':
			if len(s) < 4 {
				return nil
			}
			v, err := strconv.ParseUint(string(s[:4]), 16, 16)
			if r := rune(v); err != nil || !utf8.ValidRune(r) {
				return nil // half of a surrogate pair
			}
			to, s = utf8.AppendRune(to, rune(v)), s[4:]
			continue
		default:
			return nil
		}
		to = append(to, c)
	}
}

func (j *jsonReader) text() string { return string(j.bytes()) }

func (j *jsonReader) optText(name string) string {
	if j.key(name) {
		return j.text()
	}
	return ""
}

func (j *jsonReader) optBytes(name string) []byte {
	if j.key(name) {
		return j.bytes()
	}
	return nil
}

func (j *jsonReader) optList(name string) (list [][]byte) {
	if !j.key(name) {
		return nil
	}
	j.skip("[")
	for !j.failed {
		list = append(list, j.bytes())
		if !j.has(",") {
			break
		}
	}
	j.skip("]")
	return list
}

func (j *jsonReader) time() Time {
	if j.has("null") {
		return 0
	}
	s, plain := j.raw()
	if j.failed || !plain || len(s) < 2+dateLength+1 {
		j.failed = true
		return 0
	}
	date, rest := s[1:1+dateLength], s[1+dateLength:len(s)-1]
	fraction, zone, ok := cutFraction(rest)
	if ok && j.second != 0 && string(date) == string(j.date) && string(zone) == string(j.zone) {
		return j.second + fraction
	}
	var t Time
	if !ok || t.UnmarshalJSON(s) != nil || t == 0 {
		j.failed = true
		return 0
	}
	j.date, j.zone, j.second = date, zone, t-fraction
	return t
}

// cutFraction parts ".123+01:00" in nanoseconds and zone.
func cutFraction(s []byte) (fraction Time, zone []byte, ok bool) {
	if s[0] != '.' {
		return 0, s, true
	}
	i, unit := 1, Time(1e9)
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		if unit /= 10; unit == 0 {
			return 0, nil, false
		}
		fraction += Time(s[i]-'0') * unit
	}
	return fraction, s[i:], i > 1
}

// millis reads what Millis.append writes without floating point.
func (j *jsonReader) millis() Millis {
	negative := j.has("-")
	const exact = 1e9 // milliseconds: with six decimals, 15 digits
	ns := Millis(j.number(exact-1) * 1e6)
	if j.has(".") {
		unit, digits := Millis(1e6), 0
		for ; len(j.b) > 0 && j.b[0]-'0' <= 9; digits++ {
			unit /= 10
			ns += Millis(j.token(1)[0]-'0') * unit
		}
		if digits == 0 || unit == 0 {
			j.failed = true
		}
	}
	if len(j.b) > 0 && (j.b[0] == 'e' || j.b[0] == 'E') {
		j.failed = true
	}
	if negative {
		return -ns
	}
	return ns
}

func (j *jsonReader) optMillis(name string) Millis {
	if j.key(name) {
		return j.millis()
	}
	return 0
}

func (j *jsonReader) dir() ws.Direction {
	j.want("dir")
	if j.has(`"from_client"`) {
		return ws.FromClient
	}
	j.skip(`"from_server"`)
	return ws.FromServer
}

// partOf is s as a part of text if it stands there, as in the events of a tap:
// one text is kept for them all.
func partOf(text string, s []byte) string {
	if i := strings.Index(text, string(s)); i >= 0 {
		return text[i : i+len(s)]
	}
	return string(s)
}

func partsOf(text string, list [][]byte) (out []string) {
	for _, s := range list {
		out = append(out, partOf(text, s))
	}
	return out
}
