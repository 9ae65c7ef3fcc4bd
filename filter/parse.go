package filter

import (
	"fmt"
	"regexp"
	"strings"
)

// piece is a term as it was written, at bytes from to to of the text.
type piece struct {
	text     string
	from, to int
}

// split takes a text apart at blanks that no quote and no /re/ holds together.
func split(text string) (out []piece) {
	for at := 0; at < len(text); {
		if text[at] == ' ' || text[at] == '\t' {
			at++
			continue
		}
		end := endOfTerm(text, at)
		out = append(out, piece{text[at:end], at, end})
		at = end
	}
	return out
}

// endOfTerm is where the term that begins at from ends. A quote or a regular
// expression that is not closed holds all that follows.
func endOfTerm(text string, from int) int {
	at := from
	if text[at] == '!' {
		at++
	}
	if at < len(text) && text[at] == '/' {
		if end := closing(text, at+1, '/'); end >= 0 && (end+1 == len(text) || text[end+1] == ' ') {
			return end + 1
		}
	}
	for at < len(text) && text[at] != ' ' && text[at] != '\t' {
		if text[at] == '"' {
			end := closing(text, at+1, '"')
			if end < 0 {
				return len(text)
			}
			at = end
		}
		at++
	}
	return at
}

// closing is the place of the next mark that no backslash takes, or -1.
func closing(text string, from int, mark byte) int {
	for i := from; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case mark:
			return i
		}
	}
	return -1
}

func (s *Set[T]) term(p piece) (t term[T], err error) {
	body := p
	if strings.HasPrefix(body.text, "!") {
		t.not = true
		body = body.tail(1)
	}
	if body.text == "" {
		return t, p.fault("! needs a term after it")
	}
	name, _, isField := strings.Cut(body.text, ":")
	switch {
	case isRegexp(body.text):
		re, err := compile(body, body.text[1:len(body.text)-1])
		if err != nil {
			return t, err
		}
		t.alts = append(t.alts, s.anywhere(re.MatchString))
		return t, nil
	case !isField || !isName(name):
		word, err := unquote(body)
		if err != nil {
			return t, err
		}
		t.alts = append(t.alts, s.anywhere(containsFold(word)))
		return t, nil
	}
	f := s.field(name)
	if f == nil {
		return t, s.noField(body, name)
	}
	t.alts, err = f.values(body.tail(len(name) + 1))
	return t, err
}

// anywhere looks at all the texts of a value.
func (s *Set[T]) anywhere(found func(string) bool) func(T) bool {
	return func(v T) bool { return s.free(v, found) }
}

// noField helps who meant another field, or a text with a colon.
func (s *Set[T]) noField(p piece, name string) error {
	var names []string
	for i := range s.Fields {
		names = append(names, s.Fields[i].Name)
	}
	return &Error{p.from, p.from + len(name), fmt.Sprintf("%s is no field; there are %s; for a text with a colon say %q", name, strings.Join(names, ", "), p.text)}
}

// isName says whether what stands before a colon can be meant as a field: not
// the port of an address, not a scheme.
func isName(s string) bool {
	for i := range len(s) {
		if (s[i] < 'a' || s[i] > 'z') && s[i] != '-' && s[i] != '.' {
			return false
		}
	}
	return s != "" && s != "http" && s != "https" && s != "ws" && s != "wss"
}

func isRegexp(s string) bool {
	return len(s) > 2 && s[0] == '/' && closing(s, 1, '/') == len(s)-1
}

func compile(p piece, expr string) (*regexp.Regexp, error) {
	re, err := regexp.Compile("(?i)" + expr)
	if err != nil {
		return nil, p.fault("no regular expression: " + strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return re, nil
}

// values takes apart what stands after the colon.
func (f *Field[T]) values(p piece) (alts []func(T) bool, err error) {
	if strings.HasPrefix(p.text, "~") && (f.Kind == Text || f.Kind == Address) {
		expr, err := unquote(p.tail(1))
		if err != nil {
			return nil, err
		}
		re, err := compile(p, expr)
		if err != nil {
			return nil, err
		}
		return []func(T) bool{func(v T) bool { return re.MatchString(f.text(v)) }}, nil
	}
	for _, part := range commas(p) {
		if strings.HasPrefix(part.text, "=") && f.Kind == Text {
			word, err := unquote(part.tail(1))
			if err != nil {
				return nil, err
			}
			alts = append(alts, func(v T) bool { return strings.EqualFold(f.text(v), word) })
			continue
		}
		if part.text == "" {
			return nil, part.fault(f.Name + ": needs a value, such as " + f.Example)
		}
		alt, err := f.value(part)
		if err != nil {
			return nil, err
		}
		alts = append(alts, alt)
	}
	return alts, nil
}

// commas takes a list apart, at commas outside of quotes.
func commas(p piece) (out []piece) {
	from := 0
	for i := 0; i < len(p.text); i++ {
		switch p.text[i] {
		case '"':
			if end := closing(p.text, i+1, '"'); end >= 0 {
				i = end
			}
		case ',':
			out = append(out, p.part(from, i))
			from = i + 1
		}
	}
	return append(out, p.part(from, len(p.text)))
}

// unquote takes the quotes off a value; a backslash takes the next character as
// it is.
func unquote(p piece) (string, error) {
	if !strings.Contains(p.text, `"`) {
		return p.text, nil
	}
	var b strings.Builder
	in := false
	for i := 0; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '"':
			in = !in
		case c == '\\' && in && i+1 < len(p.text):
			i++
			b.WriteByte(p.text[i])
		default:
			b.WriteByte(c)
		}
	}
	if in {
		return "", p.fault(`a closing " is missing`)
	}
	return b.String(), nil
}

// Quote makes a value of a text, in quotes where it needs them.
func Quote(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t,\"\\~!<>=") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func (p piece) tail(n int) piece         { return p.part(n, len(p.text)) }
func (p piece) part(from, to int) piece  { return piece{p.text[from:to], p.from + from, p.from + to} }
func (p piece) fault(text string) *Error { return &Error{p.from, p.to, text} }
