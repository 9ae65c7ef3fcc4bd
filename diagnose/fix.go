package diagnose

import "strings"

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
