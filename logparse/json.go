package logparse

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends e as one JSON object, without a newline. What the line
// lacks is absent. loc is the zone of Stamp.
func (e *Entry) AppendJSON(b []byte, loc *time.Location) []byte {
	b = append(b, `{"line":`...)
	b = strconv.AppendInt(b, e.Line, 10)
	b = appendTime(b, "time", e.Time(loc))
	if e.Level != LevelUnknown {
		b = appendString(b, "level", e.Level.String())
	}
	b = e.appendNumbers(b)
	if e.Parsed() {
		b = appendString(b, "message", e.Message)
	}
	b = e.appendFields(b)
	b = appendString(b, "kind", string(e.Kind))
	b = e.appendOrigin(b)
	if !utf8.ValidString(e.Raw) {
		b = append(b, `,"raw_base64":"`...)
		b = base64.StdEncoding.AppendEncode(b, []byte(e.Raw))
		b = append(b, '"')
	}
	return append(b, '}')
}

// MarshalJSON is AppendJSON in the local zone.
func (e *Entry) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil, time.Local), nil }

func (e *Entry) appendNumbers(b []byte) []byte {
	if e.Has(HasStamp) {
		b = appendInt(b, "pid", int64(e.PID))
		b = appendInt(b, "tid", int64(e.TID))
	}
	if e.Has(HasConnection) {
		b = appendInt(b, "connection", e.Connection)
	}
	return b
}

func (e *Entry) appendFields(b []byte) []byte {
	if e.Has(HasErrno) {
		b = appendInt(b, "errno", int64(e.Errno))
		b = appendString(b, "errno_text", e.ErrnoText)
	}
	for _, f := range [...]struct {
		has   Fields
		key   string
		value string
	}{
		{HasAction, "action", e.Action},
		{HasClient, "client", e.Client},
		{HasServer, "server", e.Server},
		{HasRequest, "request", e.Request},
		{HasSubrequest, "subrequest", e.Subrequest},
		{HasUpstream, "upstream", e.Upstream},
		{HasHost, "host", e.Host},
		{HasReferrer, "referrer", e.Referrer},
	} {
		if e.Has(f.has) {
			b = appendString(b, f.key, f.value)
		}
	}
	return b
}

func (e *Entry) appendOrigin(b []byte) []byte {
	if e.Flags != 0 {
		b = append(b, `,"flags":[`...)
		for i, s := range e.Flags.Strings() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendQuoted(b, s)
		}
		b = append(b, ']')
	}
	if e.Prefix != "" {
		b = appendString(b, "prefix", e.Prefix)
	}
	b = appendTime(b, "source_time", e.SourceTime)
	if e.File != "" {
		b = appendString(b, "file", e.File)
	}
	return appendString(b, "raw", e.Raw)
}

func appendTime(b []byte, key string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return append(t.AppendFormat(append(appendKey(b, key), '"'), time.RFC3339Nano), '"')
}

func appendInt(b []byte, key string, n int64) []byte {
	return strconv.AppendInt(appendKey(b, key), n, 10)
}

func appendString(b []byte, key, value string) []byte { return appendQuoted(appendKey(b, key), value) }

func appendKey(b []byte, key string) []byte {
	b = append(b, ',', '"')
	b = append(b, key...)
	return append(b, '"', ':')
}

const hex = "0123456789abcdef"

// appendQuoted appends s as a JSON string. Beyond what JSON demands it escapes
// DEL, C1 and the line separators, so that the output may go to a terminal.
// Bytes that are not UTF-8 become U+FFFD.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	begin := 0
	for i := 0; i < len(s); {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		if plain(r, n) {
			i += n
			continue
		}
		b = append(b, s[begin:i]...)
		b = appendEscaped(b, r)
		i += n
		begin = i
	}
	return append(append(b, s[begin:]...), '"')
}

func plain(r rune, n int) bool {
	switch {
	case r < 0x20 || r == '"' || r == '\\':
		return false
	case r < 0x7f:
		return true
	case r < 0xa0 || r == '\u2028' || r == '\u2029':
		return false
	}
	return r != utf8.RuneError || n > 1
}

func appendEscaped(b []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(b, '\\', byte(r))
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	case utf8.RuneError:
		return append(b, "\ufffd"...)
	}
	return append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
