package logparse

// head is what stands before the message: `YYYY/MM/DD hh:mm:ss [level] pid#tid: `.
type head struct {
	stamp    Stamp
	level    Level
	pid, tid int
	end      int // where the message begins
}

const stampLen = len("2006/01/02 15:04:05")

// stampMemory knows the last stamp: many lines have the same.
type stampMemory struct {
	text  string
	stamp Stamp
}

// parseHead reads the head of s into h. It is strict: a line that merely looks
// like one is no entry.
func (m *stampMemory) parseHead(s string, h *head) bool {
	if len(s) < stampLen+len(" [info] 1#1: ") || s[stampLen] != ' ' || s[stampLen+1] != '[' {
		return false
	}
	if s[:stampLen] != m.text {
		stamp, ok := parseStamp(s)
		if !ok {
			return false
		}
		m.text, m.stamp = s[:stampLen], stamp
	}
	h.stamp = m.stamp
	return h.parseRest(s)
}

// parseRest reads what follows the stamp.
func (h *head) parseRest(s string) bool {
	i := stampLen + 2
	var n int
	if h.level, n = parseLevel(s[i:]); n == 0 {
		return false
	}
	i += n
	if h.pid, i = parseNumber(s, i); i < 0 || i >= len(s) || s[i] != '#' {
		return false
	}
	if h.tid, i = parseNumber(s, i+1); i < 0 || i >= len(s) || s[i] != ':' {
		return false
	}
	h.end = i + 1
	if h.end < len(s) {
		if s[h.end] != ' ' {
			return false
		}
		h.end++
	}
	return true
}

// parseStamp reads `YYYY/MM/DD hh:mm:ss` at the beginning of s.
func parseStamp(s string) (st Stamp, ok bool) {
	if len(s) < stampLen || s[4] != '/' || s[7] != '/' || s[10] != ' ' || s[13] != ':' || s[16] != ':' {
		return st, false
	}
	century, bad := pair(s, 0)
	year, b := pair(s, 2)
	bad |= b
	month, b := pair(s, 5)
	bad |= b
	day, b := pair(s, 8)
	bad |= b
	hour, b := pair(s, 11)
	bad |= b
	minute, b := pair(s, 14)
	bad |= b
	sec, b := pair(s, 17)
	bad |= b
	if bad != 0 || month-1 > 11 || day-1 > 30 || hour > 23 || minute > 59 || sec > 60 {
		return Stamp{}, false
	}
	return Stamp{int16(century)*100 + int16(year), int8(month), int8(day), int8(hour), int8(minute), int8(sec)}, true
}

// pair reads two digits; bad is not 0 if they are none.
func pair(s string, i int) (n, bad uint) {
	a, b := uint(s[i])-'0', uint(s[i+1])-'0'
	if a > 9 || b > 9 {
		return 0, 1
	}
	return a*10 + b, 0
}

// parseLevel reads `error] ` and gives the length read, 0 if it is no level.
func parseLevel(s string) (Level, int) {
	for i := 4; i < 7 && i+1 < len(s); i++ { // crit … notice
		if s[i] != ']' {
			continue
		}
		if l, ok := LevelByName(s[:i]); ok && s[i+1] == ' ' {
			return l, i + 2
		}
		break
	}
	return LevelUnknown, 0
}

// parseNumber reads digits of s from i on; end is -1 if there is none, or they
// are more than an int32 or so may have.
func parseNumber(s string, i int) (n, end int) {
	begin := i
	for i < len(s) && s[i]-'0' <= 9 {
		n = n*10 + int(s[i]-'0')
		i++
	}
	if i == begin || i-begin > 10 {
		return 0, -1
	}
	return n, i
}

// parseConnection reads `*N ` at the beginning of s and gives the length read.
func parseConnection(s string) (n int64, length int) {
	if s == "" || s[0] != '*' {
		return 0, 0
	}
	i := 1
	for i < len(s) && s[i]-'0' <= 9 {
		n = n*10 + int64(s[i]-'0')
		i++
	}
	if i == 1 || i > 19 || i == len(s) || s[i] != ' ' {
		return 0, 0
	}
	return n, i + 1
}
