package redact

import "strings"

// rewriter replaces parts of a text, from its beginning to its end, and copies it only if there is something to replace.
type rewriter struct {
	s    string
	out  strings.Builder
	done int // s[:done] is in out, or out is empty
}

// replace puts with in the place of s[start:end].
func (w *rewriter) replace(start, end int, with string) {
	if w.s[start:end] == with {
		return
	}
	if w.out.Len() == 0 {
		w.out.Grow(len(w.s) + markLen)
	}
	w.out.WriteString(w.s[w.done:start])
	w.out.WriteString(with)
	w.done = end
}

func (w *rewriter) result() string {
	if w.done == 0 { // nothing that is replaced ends at 0
		return w.s
	}
	w.out.WriteString(w.s[w.done:])
	if w.out.Cap()-w.out.Len() > 2*markLen+w.out.Len()/8 { // long secrets: who keeps the text must not keep their room
		return strings.Clone(w.out.String())
	}
	return w.out.String()
}

// trim returns where in s[start:end] the part begins and ends that is left without the blanks around it.
func trim(s string, start, end int) (int, int) {
	for start < end && isBlank(s[start]) {
		start++
	}
	for end > start && isBlank(s[end-1]) {
		end--
	}
	return start, end
}

// indexFrom returns where c is in s from start on, the end of s if it is not.
func indexFrom(s string, start int, c byte) int {
	if i := strings.IndexByte(s[start:], c); i >= 0 {
		return start + i
	}
	return len(s)
}
