package redact

import "strings"

// scanner goes once over a text, stops at the few bytes that can announce a secret, and copies only when it has
// something to replace. Its work is linear in the length of the text whatever the text holds.
type scanner struct {
	rewriter
	r      *Redactor
	target bool // the text is one request target: blanks and quotes are part of values

	jwtTried int // no run of token characters that begins before this offset is a JWT
	word     word
}

// found is a part of the text and what stands in its place. The zero value is nothing found.
type found struct {
	start, end int
	with       string
}

// announces marks the bytes at which the scanner looks closer.
var announces = [256]bool{'=': true, '%': true, ':': true, 'e': true, 'b': true, 'B': true}

func (r *Redactor) scan(s string, target bool) string {
	if r == nil {
		return s
	}
	i := nextAnnounced(s, 0)
	if i == len(s) {
		return s
	}
	sc := scanner{rewriter: rewriter{s: s}, r: r, target: target}
	for ; i < len(s); i = nextAnnounced(s, i) {
		f := sc.look(i)
		if f.end <= i {
			i++
			continue
		}
		sc.replace(f.start, f.end, f.with)
		i = f.end
	}
	return sc.result()
}

// nextAnnounced returns the offset, i or later, at which the scanner has to look closer, len(s) if there is none. The
// letters are frequent, and announce something only together: eyJ, bearer.
func nextAnnounced(s string, i int) int {
	for ; i < len(s); i++ {
		if !announces[s[i]] {
			continue
		}
		switch s[i] {
		case 'e':
			if i+1 < len(s) && s[i+1] == 'y' {
				return i
			}
		case 'b', 'B':
			if i+1 < len(s) && lower(s[i+1]) == 'e' {
				return i
			}
		default:
			return i
		}
	}
	return i
}

func (sc *scanner) look(i int) found {
	switch sc.s[i] {
	case '=':
		return sc.pair(i, i+1)
	case '%':
		if c, ok := percentByte(sc.s, i); ok && c == '=' {
			return sc.encodedPair(i, i+3)
		}
	case ':':
		return sc.colon(i)
	case 'e':
		return sc.jwt(i)
	case 'b', 'B':
		return sc.bearer(i)
	}
	return found{}
}

func (sc *scanner) colon(i int) found {
	if strings.HasPrefix(sc.s[i:], "://") {
		return sc.userinfo(i + 3)
	}
	if f := sc.member(i); f.end > 0 {
		return f
	}
	return sc.quotedHeader(i)
}

// secret is the find for a whole value.
func (sc *scanner) secret(start, end int) found {
	return found{start, end, sc.r.mark(sc.s[start:end])}
}

// userinfo looks at the authority of a URL, which begins at start (RFC 3986 §3.2): everything to its last @ goes.
func (sc *scanner) userinfo(start int) found {
	end := start
	for end < len(sc.s) && !isAny(sc.s[end], "/?# \t\r\n\"'`<>") {
		end++
	}
	at := strings.LastIndexByte(sc.s[start:end], '@')
	if at <= 0 {
		return found{}
	}
	return sc.secret(start, start+at)
}

// jwt looks at a run of base64url with at least two dots that begins with {" encoded: RFC 7519 §3.
func (sc *scanner) jwt(i int) found {
	if i < sc.jwtTried || !strings.HasPrefix(sc.s[i:], "eyJ") {
		return found{}
	}
	end, dots := i, 0
	for end < len(sc.s) && (isAlnum(sc.s[end]) || isAny(sc.s[end], "-_.")) {
		if sc.s[end] == '.' {
			dots++
		}
		end++
	}
	if dots < 2 {
		sc.jwtTried = end // later starts in this run have no more dots
		return found{}
	}
	return sc.secret(i, end)
}

// bearer looks at credentials after the word Bearer (RFC 6750 §2.1) anywhere in a text.
func (sc *scanner) bearer(i int) found {
	const name = "bearer"
	if len(sc.s)-i <= len(name) || !strings.EqualFold(sc.s[i:i+len(name)], name) {
		return found{}
	}
	start := skipBlanks(sc.s, i+len(name))
	if start == i+len(name) {
		return found{}
	}
	end := sc.valueEnd(start, valueRule{})
	if plainWords[strings.ToLower(strings.TrimRight(sc.s[start:end], ".:!?)"))] || strings.Contains(sc.s[start:end], `="`) {
		return found{}
	}
	return sc.secret(start, end)
}

// plainWords follow "bearer" in sentences; so does a challenge (realm="…"). None of them is a credential.
var plainWords = map[string]bool{
	"": true, "token": true, "tokens": true, "auth": true, "authentication": true, "authorization": true, "scheme": true,
	"is": true, "was": true, "not": true, "missing": true, "required": true, "expired": true, "invalid": true, "error": true,
}

// skipBlanks returns the offset of what follows the blanks at i, plain or as a query holds them.
func skipBlanks(s string, i int) int {
	for i < len(s) {
		if c, ok := percentByte(s, i); ok && c == ' ' {
			i += 3
		} else if isAny(s[i], " \t+") {
			i++
		} else {
			break
		}
	}
	return i
}

func isAny(c byte, set string) bool { return strings.IndexByte(set, c) >= 0 }
