package logparse

import "strings"

const while = " while "

// maxTries bounds the search for the fields in a line longer than nginx's; in
// one of 2047 bytes keyClient fits 204 times.
const maxTries = 256

// body parses what follows the head: message, errno, action and fields.
func (e *Entry) body(text string) (fit, *rule) {
	if n, length := parseConnection(text); length > 0 {
		e.Connection, e.Present = n, e.Present|HasConnection
		text = text[length:]
	}
	if r, end := rules.pure(text); r != nil {
		if f := e.pure(text, end); f != misfit {
			e.Kind = kindOf(r, e.Level, e.Message)
			return f, r
		}
		e.Present &= HasStamp | HasConnection
		e.Errno, e.ErrnoText, e.Action = 0, "", ""
		e.clearContext()
	}
	f := e.mixed(text)
	var r *rule
	if e.Level != LevelDebug {
		r = rules.match(e.Message)
	}
	e.Kind = kindOf(r, e.Level, e.Message)
	if e.Kind == KindNotResolved {
		e.unpeelErrno(text)
	}
	return f, r
}

// pure parses a message of nginx's own words, which end at end. Nothing is
// searched for: each part begins where the one before it ended.
func (e *Entry) pure(text string, end int) fit {
	i := end + sslParens(text[end:])
	e.Message = text[:i]
	if i < len(text) && strings.HasPrefix(text[i:], " (") {
		n, f := e.errno(text[i:])
		if f != wholeFit {
			return f
		}
		i += n
	}
	if strings.HasPrefix(text[i:], while) {
		i += len(while)
		n := strings.IndexByte(text[i:], ',')
		if n < 0 {
			n = len(text) - i
		}
		e.Action, e.Present = text[i:i+n], e.Present|HasAction
		i += n
	}
	return e.fields(text[i:])
}

// sslParens is the length of ` (SSL: …)`: OpenSSL's words may themselves hold
// " while " and commas. Not closed, they reach to the end.
func sslParens(s string) int {
	if !strings.HasPrefix(s, " (SSL:") {
		return 0
	}
	for i := 0; i < len(s); i++ {
		if s[i] == ')' && (i+1 == len(s) || s[i+1] == ' ' || s[i+1] == ',') {
			return i + 1
		}
	}
	return len(s)
}

// errno reads ` (N: text)` at the beginning of s. partFit: cut within.
func (e *Entry) errno(s string) (int, fit) {
	n, i := parseNumber(s, len(" ("))
	if i < 0 || i == len(s) {
		if i == len(s) || len(s) == len(" (") {
			return 0, partFit
		}
		return 0, misfit
	}
	if !strings.HasPrefix(s[i:], ": ") {
		return 0, beginning(s[i:], ": ")
	}
	i += len(": ")
	e.Errno, e.Present = n, e.Present|HasErrno
	end := strings.IndexByte(s[i:], ')')
	if end < 0 {
		e.ErrnoText = s[i:]
		return 0, partFit
	}
	e.ErrnoText = s[i : i+end]
	return i + end + 1, wholeFit
}

// fields reads the fields at the beginning of s, if any.
func (e *Entry) fields(s string) fit {
	switch {
	case s == "":
		return wholeFit
	case strings.HasPrefix(s, keyClient):
		return e.parseContext(s, false)
	case strings.HasPrefix(s, keyBytes):
		e.Bytes, e.Present = s[len(", "):], e.Present|HasBytes
		return wholeFit
	case strings.HasPrefix(s, keyResolver):
		e.Rest = s[len(", "):]
		return wholeFit
	}
	for _, k := range [...]string{keyClient, keyBytes, keyResolver, while, " ("} {
		if beginning(s, k) == partFit {
			return partFit
		}
	}
	return misfit
}

// mixed parses a message that may hold text chosen by others, keys of fields
// included. Of all places where the fields may begin, the first from which the
// whole line agrees with the grammar is taken, else the first that agrees as
// far as the line goes.
func (e *Entry) mixed(text string) fit {
	part := -1
	for i, tries := 0, 0; tries < maxTries; i, tries = i+len(keyClient), tries+1 {
		n := strings.Index(text[i:], keyClient)
		if n < 0 {
			break
		}
		i += n
		f := e.parseContext(text[i:], true)
		ok := f != misfit && e.convinces(text[:i], f)
		if ok && f == wholeFit {
			e.peel(text[:i])
			return wholeFit
		}
		e.clearContext()
		if ok && part < 0 {
			part = i
		}
	}
	if part < 0 {
		e.peel(text)
		return wholeFit
	}
	e.peel(text[:part])
	return e.parseContext(text[part:], true)
}

// convinces judges fields that begin after the text before: not within the
// quotes of a file name or a header, unless the quotes cannot be trusted and
// the fields are all there.
func (e *Entry) convinces(before string, f fit) bool {
	if strings.HasSuffix(before, ")") { // errno
		return true
	}
	if strings.HasPrefix(before, `open() "`) {
		return false // errno always follows
	}
	return strings.Count(before, `"`)%2 == 0 || f == wholeFit && e.Has(HasRequest)
}

// peel takes action and errno from the end of s; what remains is the message.
func (e *Entry) peel(s string) {
	if i := lastWhile(s); i > 0 && plausibleAction(s[i+len(while):]) {
		e.Action, e.Present = s[i+len(while):], e.Present|HasAction
		s = s[:i]
	}
	if s != "" && s[len(s)-1] == ')' {
		s = e.peelErrno(s)
	}
	e.Message = s
}

func (e *Entry) peelErrno(s string) string {
	i := strings.LastIndex(s, " (")
	if i <= 0 {
		return s
	}
	if n, f := e.errno(s[i:]); f == wholeFit && i+n == len(s) {
		return s[:i]
	}
	e.Errno, e.ErrnoText, e.Present = 0, "", e.Present&^HasErrno
	return s
}

// lastWhile is strings.LastIndex(s, while), which is slow where there is none.
func lastWhile(s string) int {
	last := -1
	for from := 0; ; {
		i := strings.Index(s[from:], while)
		if i < 0 {
			return last
		}
		last = from + i
		from = last + 1
	}
}

// plausibleAction: actions are a few words of nginx's own.
func plausibleAction(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c|0x20-'a' > 25 && c-'0' > 9 && c != ' ' && c != '/' {
			return false
		}
	}
	return true
}

// unpeelErrno gives the parentheses back to the message: after "could not be
// resolved" they hold a code of DNS, which is no errno.
func (e *Entry) unpeelErrno(text string) {
	if !e.Has(HasErrno) || e.Has(HasAction) {
		return
	}
	i := len(e.Message)
	if n := strings.IndexByte(text[i:], ')'); n >= 0 {
		e.Message = text[:i+n+1]
		e.Errno, e.ErrnoText, e.Present = 0, "", e.Present&^HasErrno
	}
}
