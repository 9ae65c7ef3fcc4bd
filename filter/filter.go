// Package filter is the language in which connections and log lines are asked
// for: the dashboard's `/`, and --filter of the commands.
//
//	target:/socket state:near idle:>30s code:1006 leg:back client:10.0.0.7 text
//
// Terms are separated by blanks and must all hold. A term is FIELD:VALUE, or a
// text that is looked for in what the list shows. `!` before a term negates it;
// commas separate values of which one must hold; quotes take blanks and commas
// as they are; /re/ is a regular expression (RE2) in place of a text, and
// FIELD:~re in place of a value. Texts match anywhere, and in any case; FIELD:=text
// is the whole of it. [Conns] and [Logs] list the fields.
//
// A [Filter] is made once and used on many values, without allocating.
package filter

import (
	"fmt"
	"strings"
)

// Filter is a parsed text. It may be used by several goroutines.
type Filter[T any] struct {
	terms []term[T]
	text  string
}

type term[T any] struct {
	not  bool
	alts []func(T) bool // one of them must hold
}

// Match says whether v passes.
func (f *Filter[T]) Match(v T) bool {
	for i := range f.terms {
		if f.terms[i].holds(v) == f.terms[i].not {
			return false
		}
	}
	return true
}

func (t *term[T]) holds(v T) bool {
	for _, alt := range t.alts {
		if alt(v) {
			return true
		}
	}
	return false
}

// Empty says that everything passes.
func (f *Filter[T]) Empty() bool { return len(f.terms) == 0 }

// String is the text, with one blank between terms. Parsed, it is the same filter.
func (f *Filter[T]) String() string { return f.text }

// Error says what is wrong with a text, and where: bytes From to To of it.
type Error struct {
	From, To int
	Text     string
}

func (e *Error) Error() string { return e.Text }

// Most bounds the text of a filter, in bytes.
const Most = 1000

// Set is the fields that one kind of value can be asked for.
type Set[T any] struct {
	Fields []Field[T]
	// free calls the function with each text that a term without a field looks
	// at, until it returns true; it returns whether it did.
	free func(v T, found func(string) bool) bool
}

// Kind is what the values of a field are.
type Kind uint8

// The kinds.
const (
	Text     Kind = iota // contained in it, in any case
	Word                 // one of a list
	Number               // 3, >3, <=3, 3-9
	Duration             // 30s, >5m, <1h30m; without an operator: at least
	Size                 // 10k, >1M, in bytes; without an operator: at least
	Address              // 10.0.0.7, 10.0.0.7:443, 10.0.0.0/8, or a part of the text
)

// Field is one thing to ask for.
type Field[T any] struct {
	Name    string
	Kind    Kind
	What    string   // for the help
	Example string   // a value
	Words   []string // of a Word

	text   func(v T) string            // Text, Address
	is     func(v T, word string) bool // Word
	number func(v T) (float64, bool)   // the others; false: the value has none
	// numbers is there instead where a value has several: whether one of them passes.
	numbers func(v T, pass func(float64) bool) bool
}

// Parse makes a filter; an error is an [*Error].
func (s *Set[T]) Parse(text string) (*Filter[T], error) {
	if len(text) > Most {
		return nil, &Error{Most, len(text), fmt.Sprintf("more than %d bytes", Most)}
	}
	f := &Filter[T]{}
	var words []string
	for _, p := range split(text) {
		t, err := s.term(p)
		if err != nil {
			return nil, err
		}
		f.terms = append(f.terms, t)
		words = append(words, text[p.from:p.to])
	}
	f.text = strings.Join(words, " ")
	return f, nil
}

func (s *Set[T]) field(name string) *Field[T] {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return &s.Fields[i]
		}
	}
	return nil
}
