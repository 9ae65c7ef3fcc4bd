package logparse

import (
	"encoding/json"
	"strings"
	"time"
)

// envelope is what transports put around a line of nginx.
type envelope struct {
	body   string    // the line
	prefix string    // what stood before it
	name   string    // the part of prefix that all lines of one source share
	at     time.Time // the transport's time, if it has date and zone
	tagged bool      // by host and tag: once a message, where others prefix each line
	syslog bool
}

// unwrap takes the envelope off. Layers may be combined (docker compose with
// times, kubectl with pod and time); each is taken off only if it is whole.
func unwrap(line string) envelope {
	if strings.HasPrefix(line, `{"`) {
		if env, ok := unwrapJSON(line); ok {
			return env
		}
	}
	env := envelope{body: line}
	for range 6 { // layers
		n := env.layer(env.body)
		if n == 0 {
			break
		}
		env.body = env.body[n:]
	}
	env.prefix = line[:len(line)-len(env.body)]
	return env
}

// layer gives the length of the outermost layer of s, 0 if there is none.
func (env *envelope) layer(s string) int {
	if s == "" {
		return 0
	}
	switch c := s[0]; {
	case c == '\x1b':
		return colours(s)
	case c == '<':
		return env.syslogHead(s)
	case c == '[':
		return env.named(s, podPrefix(s))
	case c-'0' <= 9:
		return env.isoHead(s)
	case c|0x20-'a' <= 25:
		if n := env.shortHead(s); n > 0 {
			return n
		}
	}
	return env.named(s, composePrefix(s))
}

// named notes that the first n bytes of s name the source.
func (env *envelope) named(s string, n int) int {
	env.name += s[:n]
	return n
}

// unwrapJSON reads a record of Docker's json-file driver.
func unwrapJSON(line string) (envelope, bool) {
	var rec struct {
		Log    *string   `json:"log"`
		Stream string    `json:"stream"`
		Time   time.Time `json:"time"`
	}
	if json.Unmarshal([]byte(line), &rec) != nil || rec.Log == nil {
		return envelope{}, false
	}
	body := strings.TrimSuffix(*rec.Log, "\n")
	return envelope{body: body, at: rec.Time}, true
}

// colours is the length of one ESC [ … m, and the spaces after it.
func colours(s string) int {
	if !strings.HasPrefix(s, "\x1b[") {
		return 0
	}
	i := 2
	for i < len(s) && (s[i]-'0' <= 9 || s[i] == ';') {
		i++
	}
	if i == len(s) || s[i] != 'm' {
		return 0
	}
	return skipSpaces(s, i+1)
}

func skipSpaces(s string, i int) int {
	for i < len(s) && s[i] == ' ' {
		i++
	}
	return i
}

// composePrefix is the length of `nginx-1  | ` (docker compose), colours included.
func composePrefix(s string) int {
	i := nameEnd(s, 0)
	if i == 0 {
		return 0
	}
	i = skipSpaces(s, i)
	if i == len(s) || s[i] != '|' {
		return 0
	}
	i++
	if n := colours(s[i:]); n > 0 {
		return i + n
	}
	if i < len(s) && s[i] == ' ' {
		i++
	}
	return i
}

// nameEnd is where a name of a container, host or tag ends.
func nameEnd(s string, i int) int {
	for i < len(s) {
		c := s[i]
		if c|0x20-'a' > 25 && c-'0' > 9 && c != '-' && c != '_' && c != '.' && c != '/' {
			break
		}
		i++
	}
	return i
}

// podPrefix is the length of `[pod/NAME/CONTAINER] ` (kubectl logs --prefix).
func podPrefix(s string) int {
	if !strings.HasPrefix(s, "[pod/") {
		return 0
	}
	i := nameEnd(s, 1)
	if !strings.HasPrefix(s[i:], "] ") {
		return 0
	}
	return i + 2
}

// isoHead is the length of an RFC 3339 time and what belongs to it: nothing
// (docker logs -t, kubectl --timestamps), `stderr F ` (CRI files), or
// `host tag[pid]: ` (journald short-iso, rsyslog).
func (env *envelope) isoHead(s string) int {
	if len(s) < 21 || s[4] != '-' || s[10] != 'T' {
		return 0
	}
	end := strings.IndexByte(s, ' ')
	if end < 0 || end > len("2006-01-02T15:04:05.000000000+00:00") {
		return 0
	}
	at, err := time.Parse("2006-01-02T15:04:05Z07:00", s[:end])
	if err != nil {
		if at, err = time.Parse("2006-01-02T15:04:05Z0700", s[:end]); err != nil {
			return 0
		}
	}
	env.at = at
	i := end + 1
	for _, stream := range [...]string{"stdout F ", "stderr F ", "stdout P ", "stderr P "} {
		if strings.HasPrefix(s[i:], stream) {
			return i + len(stream)
		}
	}
	return i + env.hostTag(s[i:], true)
}

// shortHead is the length of `Nov 22 09:05:03 host nginx[123]: `.
func (env *envelope) shortHead(s string) int {
	n := shortStamp(s)
	if n == 0 {
		return 0
	}
	t := env.hostTag(s[n:], false)
	if t == 0 {
		return 0
	}
	return n + t
}

// syslogHead is the length of `<PRI>Mon dd hh:mm:ss host tag: `.
// src/core/ngx_syslog.c:ngx_syslog_add_header
func (env *envelope) syslogHead(s string) int {
	_, i := parseNumber(s, 1)
	if i < 0 || i > 4 || i == len(s) || s[i] != '>' {
		return 0
	}
	i++
	n := shortStamp(s[i:])
	if n == 0 {
		return 0
	}
	t := env.hostTag(s[i+n:], false)
	if t == 0 {
		return 0
	}
	env.syslog = true
	return i + n + t
}

// shortStamp is the length of `Mon dd hh:mm:ss ` and a possible fraction.
func shortStamp(s string) int {
	if len(s) < 16 || s[3] != ' ' || s[6] != ' ' || s[9] != ':' || s[12] != ':' ||
		!strings.Contains("JanFebMarAprMayJunJulAugSepOctNovDec", s[:3]) {
		return 0
	}
	if _, bad := pair(s, 13); bad != 0 {
		return 0
	}
	i := 15
	if s[i] == '.' {
		for i++; i < len(s) && s[i]-'0' <= 9; i++ {
		}
	}
	if i == len(s) || s[i] != ' ' {
		return 0
	}
	return i + 1
}

// hostTag is the length of `[host ]tag[pid]: `. Without a pid a syslog daemon
// wrote it, for journald always has one. withHost demands the host, lest the
// first word of a message be taken for a tag.
func (env *envelope) hostTag(s string, withHost bool) int {
	i := nameEnd(s, 0)
	if i == 0 {
		return 0
	}
	if i < len(s) && s[i] == ' ' {
		j := nameEnd(s, i+1)
		if j == i+1 {
			return 0
		}
		i = j
	} else if withHost {
		return 0
	}
	pid := i < len(s) && s[i] == '['
	if pid {
		_, j := parseNumber(s, i+1)
		if j < 0 || j == len(s) || s[j] != ']' {
			return 0
		}
		i = j + 1
	}
	if !strings.HasPrefix(s[i:], ": ") {
		return 0
	}
	env.tagged = true
	env.syslog = env.syslog || !pid
	return env.named(s, i+2)
}
