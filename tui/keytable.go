package tui

import "strings"

// KeyTable is the key table as Markdown, for the README.
func KeyTable() string {
	var b strings.Builder
	b.WriteString("| | keys | |\n|---|---|---|\n")
	for _, g := range helpGroups {
		title := g.title
		for i := range bindings {
			k := &bindings[i]
			if k.group != g.group {
				continue
			}
			b.WriteString("| " + title + " | `" + strings.Join(k.keys, "` `") + "` | " + k.help + " |\n")
			title = ""
		}
	}
	return b.String()
}
