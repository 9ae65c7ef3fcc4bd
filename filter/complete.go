package filter

import (
	"slices"
	"strings"
)

// Completion is a way to go on: the text with one word completed, and what to
// show for it.
type Completion struct {
	Text   string // the whole text
	Cursor int    // in bytes of Text
	Label  string // the word
	What   string // about it
}

// completionsMost bounds what is offered.
const completionsMost = 50

// Complete offers ways to go on at a cursor, in bytes: names of fields, words of
// a field, or values that the caller knows. values may be nil.
func (s *Set[T]) Complete(text string, cursor int, values func(field string) []string) []Completion {
	cursor = min(max(cursor, 0), len(text))
	from := cursor
	for _, p := range split(text) {
		if p.from <= cursor && cursor <= p.to {
			from = p.from
		}
	}
	word := strings.TrimPrefix(text[from:cursor], "!")
	from = cursor - len(word)
	name, value, isField := strings.Cut(word, ":")
	if !isField {
		return s.names(text, from, cursor, word)
	}
	f := s.field(name)
	if f == nil {
		return nil
	}
	if i := strings.LastIndexByte(value, ','); i >= 0 && !strings.Contains(value, `"`) {
		value = value[i+1:]
	}
	return f.completions(text, cursor, value, values)
}

func (s *Set[T]) names(text string, from, cursor int, word string) (out []Completion) {
	for i := range s.Fields {
		f := &s.Fields[i]
		if strings.HasPrefix(f.Name, strings.ToLower(word)) {
			out = append(out, replaced(text, from, cursor, f.Name+":", f.Name+":", f.What))
		}
	}
	return out
}

func (f *Field[T]) completions(text string, cursor int, value string, values func(string) []string) (out []Completion) {
	words := f.Words
	if words == nil && values != nil && (f.Kind == Text || f.Kind == Address || f.Kind == Number) {
		words = slices.Clone(values(f.Name))
		slices.Sort(words)
		words = slices.Compact(words)
	}
	plain := strings.ToLower(strings.TrimPrefix(value, `"`))
	for _, w := range words {
		if strings.Contains(strings.ToLower(w), plain) && len(out) < completionsMost {
			out = append(out, replaced(text, cursor-len(value), cursor, Quote(w)+" ", w, ""))
		}
	}
	if out == nil && value == "" {
		out = append(out, replaced(text, cursor, cursor, f.Example, f.Example, "for example"))
	}
	return out
}

func replaced(text string, from, to int, by, label, what string) Completion {
	rest := text[to:]
	if strings.HasSuffix(by, " ") && strings.HasPrefix(rest, " ") {
		rest = rest[1:]
	}
	return Completion{Text: text[:from] + by + rest, Cursor: from + len(by), Label: label, What: what}
}
