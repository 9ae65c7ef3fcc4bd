package diagnose

import (
	"fmt"
	"strings"
	"unicode"
)

// filled is a format with its arguments, which may be text that clients wrote: a
// line feed or another control character in one would begin a line of its own.
// A format that is nothing but "%s" has text that was made by a rule.
func filled(format string, args []any) string {
	if format == "%s" {
		return fmt.Sprint(args...)
	}
	in := make([]any, len(args))
	for i, a := range args {
		if text, ok := a.(string); ok {
			a = oneLine(text)
		}
		in[i] = a
	}
	return fmt.Sprintf(format, in...)
}

// oneLine is text without what ends a line, or is not to be seen.
func oneLine(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == '\u2028' || c == '\u2029' {
			return '?'
		}
		return c
	}, text)
}

// asPasted makes a fix of several lines safe to paste: what is said beside the
// configuration in it stands in comments. A fix of one line may be a sentence.
func asPasted(text string) string {
	if !strings.Contains(text, "\n") {
		return text
	}
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if isConfiguration(line) {
			out = append(out, line)
		} else {
			out = append(out, asComment(line)...)
		}
	}
	return strings.Join(out, "\n")
}

// isConfiguration says that a line is a comment, or part of a configuration:
// nginx's, or a KEY: VALUE of an annotation or a ConfigMap.
func isConfiguration(line string) bool {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return true
	}
	code, _, _ := strings.Cut(line, " #")
	switch code = strings.TrimSpace(code); code[len(code)-1] {
	case ';', '{', '}':
		return true
	}
	key, _, found := strings.Cut(line, ": ")
	return found && !strings.ContainsAny(key, " \t")
}

// commentWidth is where a comment goes on in a line of its own.
const commentWidth = 96

func asComment(sentence string) (lines []string) {
	line := "#"
	for word := range strings.FieldsSeq(sentence) {
		if len(line) > 1 && len(line)+1+len(word) > commentWidth {
			lines = append(lines, line)
			line = "#"
		}
		line += " " + word
	}
	return append(lines, line)
}
