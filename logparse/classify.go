package logparse

import "strings"

// rule is a row ready for matching: its words cut at the holes.
type rule struct {
	Known
	parts []string
}

// ruleset finds rules by two bytes of a message: the first, and the one after
// "client ", for very many begin so. floating ones begin with a hole.
type ruleset struct {
	first    [256]*[256][]*rule
	floating []*rule
}

const second = len("client ")

var rules = compile(rows)

func compile(rows []Known) *ruleset {
	set := &ruleset{}
	for _, k := range rows {
		r := &rule{Known: k, parts: strings.Split(k.Words, "%")}
		p := r.parts[0]
		if p == "" {
			set.floating = append(set.floating, r)
			continue
		}
		if set.first[p[0]] == nil {
			set.first[p[0]] = &[256][]*rule{}
		}
		for c := range set.first[p[0]] {
			if len(p) <= second || int(p[second]) == c {
				set.first[p[0]][c] = append(set.first[p[0]][c], r)
			}
		}
	}
	return set
}

// candidates gives the rules that may fit text, which is not empty, in order.
func (set *ruleset) candidates(text string) []*rule {
	by := set.first[text[0]]
	switch {
	case by == nil:
		return nil
	case len(text) > second:
		return by[text[second]]
	}
	return by[0] // too short for any but those that are in all lists
}

// pure finds the rule whose fixed words, and nothing else, stand at the
// beginning of text, and where they end.
func (set *ruleset) pure(text string) (r *rule, end int) {
	if text == "" {
		return nil, 0
	}
	for _, r := range set.candidates(text) {
		if n := len(r.Words); r.Pure && n <= len(text) && boundary(text, n) && text[:n] == r.Words {
			return r, n
		}
	}
	return nil, 0
}

func boundary(text string, i int) bool { return i == len(text) || text[i] == ' ' || text[i] == ',' }

// match finds the rule for a message cut free of its context, nil if there is none.
func (set *ruleset) match(message string) *rule {
	if message == "" {
		return nil
	}
	for _, r := range set.candidates(message) {
		if r.fits(message) {
			return r
		}
	}
	for _, r := range set.floating {
		if r.fits(message) {
			return r
		}
	}
	return nil
}

func (r *rule) fits(message string) bool {
	n := len(r.parts[0])
	if n > len(message) || n > 0 && message[n-1] != r.parts[0][n-1] || message[:n] != r.parts[0] {
		return false
	}
	if r.Pure {
		return boundary(message, n)
	}
	rest := message[n:]
	for _, p := range r.parts[1:] {
		i := strings.Index(rest, p)
		if i < 0 {
			return false
		}
		rest = rest[i+len(p):]
	}
	return !r.ends || strings.HasSuffix(message, r.parts[len(r.parts)-1])
}

// kindOf names the kind of a message that fits r.
func kindOf(r *rule, level Level, message string) Kind {
	switch {
	case level == LevelDebug:
		return KindDebug
	case r != nil:
		return r.Kind
	case strings.HasPrefix(message, `open() "`): // so long that nginx cut the rest away
		return KindOpenFailed
	case level == LevelEmerg && endsInFileLine(message):
		return KindConfigError
	case level == LevelWarn && endsInFileLine(message):
		return KindConfigWarning
	}
	return KindOther
}

// endsInFileLine recognises " in FILE:LINE" (src/core/ngx_conf_file.c:ngx_conf_log_error).
func endsInFileLine(s string) bool {
	t := strings.TrimRight(s, "0123456789")
	return len(t) < len(s) && strings.HasSuffix(t, ":") && strings.Contains(t, " in ")
}
