package filter

import (
	"strings"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// Log is a log line with the State it is of.
type Log struct {
	S *monitor.State
	*monitor.LogRef
}

// Logs are the fields of log lines.
var Logs = Set[Log]{Fields: []Field[Log]{
	{Name: "level", Kind: Word, What: "that level or a graver one", Example: "error", Words: levelWords(), is: atLeast},
	{Name: "kind", What: "what the line says, of logparse's list", Example: "upstream_timed_out", text: func(l Log) string { return string(l.Entry.Kind) }},
	{Name: "client", Kind: Address, What: "client of the line", Example: "10.0.0.7", text: func(l Log) string { return l.Entry.Client }},
	{Name: "server", What: "server_name of the line", Example: "ws.example.com", text: func(l Log) string { return l.Entry.Server }},
	{Name: "host", What: "Host of the line", Example: "ws.example.com", text: func(l Log) string { return l.Entry.Host }},
	{Name: "request", What: "request line", Example: "/socket", text: func(l Log) string { return l.Entry.Request }},
	{Name: "upstream", What: "upstream of the line", Example: "10.0.0.5", text: func(l Log) string { return l.Entry.Upstream }},
	{Name: "source", What: "the log it came from", Example: "error.log", text: func(l Log) string { return l.Source }},
	{Name: "connection", Kind: Number, What: "nginx's own number, *N", Example: "77", number: func(l Log) (float64, bool) { return float64(l.Entry.Connection), l.Entry.Connection != 0 }},
	{Name: "errno", Kind: Number, What: "error of the system", Example: "110", number: func(l Log) (float64, bool) { return float64(l.Entry.Errno), l.Entry.Errno != 0 }},
	{Name: "conn", Kind: Number, What: "number of a connection it belongs to", Example: "12", numbers: joinedTo},
	{Name: "joined", Kind: Word, What: "belongs to a connection", Example: "yes", Words: []string{"yes", "no", "several"}, is: joined},
}, free: freeOfLog}

func levelWords() (words []string) {
	for l := logparse.LevelDebug; l <= logparse.LevelEmerg; l++ {
		words = append(words, l.String())
	}
	return words
}

func atLeast(l Log, word string) bool {
	return l.Entry.Level >= levels[word]
}

var levels = func() map[string]logparse.Level {
	m := map[string]logparse.Level{}
	for l := logparse.LevelDebug; l <= logparse.LevelEmerg; l++ {
		m[l.String()] = l
	}
	return m
}()

func joined(l Log, word string) bool {
	switch word {
	case "no":
		return len(l.Joined) == 0
	case "several":
		return l.Ambiguous
	}
	return len(l.Joined) > 0
}

// freeOfLog are the texts of a log line; a kind also as the screen writes it.
func freeOfLog(l Log, found func(string) bool) bool {
	kind := string(l.Entry.Kind)
	return found(l.Entry.Raw) || found(kind) || found(strings.ReplaceAll(kind, "_", " "))
}

func joinedTo(l Log, pass func(float64) bool) bool {
	for _, id := range l.Joined {
		if c := l.S.Conn(id); c != nil && pass(float64(c.Seq)) {
			return true
		}
	}
	return false
}
