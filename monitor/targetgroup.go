package monitor

import (
	"bytes"
	"strings"
)

// targetLongest bounds the length of a group's name.
const targetLongest = 80

// TargetGroup is the path of a request target, with ":id" for each segment that
// looks like the name of one room, user or session: 10,000 targets that differ
// by it are one subject.
func TargetGroup(target string) string {
	return string(AppendTargetGroup(nil, target))
}

// AppendTargetGroup is TargetGroup for who looks a group up: it need not allocate.
func AppendTargetGroup(to []byte, target string) []byte {
	path := TargetPath(target)
	for from := 0; ; {
		end := strings.IndexByte(path[from:], '/')
		last := end < 0
		if last {
			end = len(path) - from
		}
		if s := path[from : from+end]; isID(s) {
			to = append(to, ":id"...)
		} else {
			to = append(to, s...)
		}
		if last {
			break
		}
		to = append(to, '/')
		from += end + 1
	}
	if len(to) > targetLongest {
		to = append(bytes.ToValidUTF8(to[:targetLongest], nil), "…"...)
	}
	return to
}

// TargetPath cuts the query, and the scheme and host of a target in absolute form
// (RFC 9112 §3.2.2).
func TargetPath(target string) string {
	path := target
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	if strings.HasPrefix(path, "/") {
		return path
	}
	if _, after, absolute := strings.Cut(path, "://"); absolute {
		if i := strings.IndexByte(after, '/'); i >= 0 {
			return after[i:]
		}
		return "/"
	}
	return path
}

const (
	hexLeast    = 8  // a shorter run of hex digits may be a word
	randomLeast = 16 // letters of both cases with digits
	longLeast   = 20 // letters of one case with many digits
	serialLeast = 3  // digits after letters without a separator: room042
)

// isID says that a segment of a path looks like an id: a number, a serial
// number after a name, hex digits as in a UUID, random letters and digits, or
// something redacted. A version (v1, v12) is none.
func isID(s string) bool {
	if s == "" {
		return false
	}
	k := lettersOf(s)
	switch {
	case k.digits == 0:
		return k.marked
	case k.marked, k.digits == len(s):
		return true
	case k.hex && len(s) >= hexLeast:
		return true
	case k.upper > 0 && k.lower > 0 && len(s) >= randomLeast:
		return true
	case len(s) >= longLeast && 5*k.digits >= len(s):
		return true
	}
	return isSerial(s)
}

// letterCount is what a segment is made of.
type letterCount struct {
	digits, upper, lower int
	hex                  bool // hex digits and dashes alone
	marked               bool // a redaction's mark stands in it
}

func lettersOf(s string) letterCount {
	k := letterCount{hex: true}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z':
			k.lower++
			k.hex = k.hex && c <= 'f'
		case '0' <= c && c <= '9':
			k.digits++
		case 'A' <= c && c <= 'Z':
			k.upper++
			k.hex = k.hex && c <= 'F'
		case c == '-':
		default:
			k.hex = false
			k.marked = k.marked || c >= 0x80 && strings.HasPrefix(s[i:], "‹redacted:")
		}
	}
	return k
}

// isSerial says that a segment is a name and a number: room-42, user_7, room042.
func isSerial(s string) bool {
	name := strings.TrimRight(s, "0123456789")
	number := len(s) - len(name)
	if number == 0 {
		return false
	}
	if name == "v" || name == "V" {
		return false
	}
	return number >= serialLeast || len(name) > 1 && strings.IndexByte("-_:.~=", name[len(name)-1]) >= 0
}
