package filter

import "strings"

// Table is the fields as Markdown, for the documentation.
func (s *Set[T]) Table() string {
	var b strings.Builder
	b.WriteString("| field | | for example |\n|---|---|---|\n")
	for i := range s.Fields {
		f := &s.Fields[i]
		what := f.What
		if f.Kind == Word {
			what += ": " + strings.Join(f.Words, ", ")
		}
		b.WriteString("| `" + f.Name + "` | " + what + " | `" + f.Name + ":" + f.Example + "` |\n")
	}
	return b.String()
}
