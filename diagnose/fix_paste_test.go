package diagnose

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What a user does with a fix, done by a machine: each section of it goes into
// the block that its comment names.

// node is a directive, with a block or without.
type node struct {
	words []string // as written, quotes included
	block bool
	kids  []*node
}

// parseNodes reads what is between braces, and returns what follows.
func parseNodes(tokens []string) (nodes []*node, after []string) {
	for n := new(node); len(tokens) > 0; {
		tok := tokens[0]
		tokens = tokens[1:]
		switch tok {
		case ";":
		case "{":
			n.block = true
			n.kids, tokens = parseNodes(tokens)
		case "}":
			return nodes, tokens
		default:
			n.words = append(n.words, tok)
			continue
		}
		nodes = append(nodes, n)
		n = new(node)
	}
	return nodes, nil
}

var token = regexp.MustCompile(`(?m)#.*$|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[;{}]|(?:\$\{\w+\}|\\.|[^\s;{}"'#])(?:\$\{\w+\}|\\.|[^\s;{}])*`)

func parseText(text string) []*node {
	tokens := slices.DeleteFunc(token.FindAllString(text, -1), func(s string) bool { return strings.HasPrefix(s, "#") })
	nodes, _ := parseNodes(tokens)
	return nodes
}

func renderNodes(b *strings.Builder, nodes []*node, indent string) {
	for _, n := range nodes {
		b.WriteString(indent + strings.Join(n.words, " "))
		if !n.block {
			b.WriteString(";\n")
			continue
		}
		b.WriteString(" {\n")
		renderNodes(b, n.kids, indent+"    ")
		b.WriteString(indent + "}\n")
	}
}

func textOf(nodes []*node) string {
	var b strings.Builder
	renderNodes(&b, nodes, "")
	return b.String()
}

// section is the part of a fix for one block; "" is the top level.
type section struct {
	block string
	nodes []*node
}

var sectionHead = regexp.MustCompile(`^# (?:in (.+) \{ \}|(at the top level)):$`)

func sectionsOf(t *testing.T, fix string) (out []section) {
	var heads []string
	var texts []string
	for line := range strings.Lines(fix) {
		if m := sectionHead.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			heads, texts = append(heads, m[1]), append(texts, "")
			continue
		}
		if len(heads) == 0 {
			t.Fatalf("a fix does not begin with where it goes:\n%s", fix)
		}
		texts[len(texts)-1] += line
	}
	for i, h := range heads {
		out = append(out, section{h, parseText(texts[i])})
	}
	return out
}

// pasted is a configuration after a fix.
func pasted(t *testing.T, conf, fix string) string {
	t.Helper()
	root := &node{block: true, kids: parseText(conf)}
	for _, s := range sectionsOf(t, fix) {
		at := root
		if s.block != "" {
			at = blockNamed(root, s.block)
		}
		if at == nil && s.block == "events" {
			at = &node{words: []string{"events"}, block: true}
			root.kids = slices.Insert(root.kids, 0, at)
		}
		if at == nil {
			t.Fatalf("there is no %s { } to paste into:\n%s", s.block, conf)
		}
		replace(at, s.nodes)
	}
	return textOf(root.kids)
}

func blockNamed(n *node, name string) *node {
	for _, k := range n.kids {
		if !k.block {
			continue
		}
		if strings.Join(k.words, " ") == name {
			return k
		}
		if in := blockNamed(k, name); in != nil {
			return in
		}
	}
	return nil
}

// replace puts nodes where those that they replace were, else at the beginning,
// as ip_hash has to come before keepalive and a map before nothing.
func replace(at *node, nodes []*node) {
	var fresh []*node
	for _, n := range nodes {
		i := slices.IndexFunc(at.kids, func(k *node) bool { return sameSetting(k, n) })
		if i < 0 {
			fresh = append(fresh, n)
			continue
		}
		at.kids = slices.DeleteFunc(at.kids, func(k *node) bool { return sameSetting(k, n) })
		at.kids = slices.Insert(at.kids, i, n)
	}
	at.kids = append(fresh, at.kids...)
}

// sameSetting: of one name; headers by their name, maps by their variable,
// locations by their pattern.
func sameSetting(a, b *node) bool {
	key := func(n *node) string {
		switch n.words[0] {
		case "proxy_set_header":
			return strings.ToLower(n.words[0] + " " + n.words[1])
		case "map":
			return "map " + n.words[2]
		case "location":
			return strings.Join(n.words, " ")
		}
		return n.words[0]
	}
	return key(a) == key(b)
}

func TestPaste(t *testing.T) {
	conf := "http { server { location /ws/ { proxy_set_header Upgrade \"\"; proxy_pass http://x; } } }"
	fix := "# in location /ws/ { }:\nproxy_set_header upgrade $http_upgrade;\n# a remark\n# in http { }:\nmap $a ${b} { '' x; }\n# at the top level:\nworker_processes 2;"
	want := "worker_processes 2;\nhttp {\n    map $a ${b} {\n        '' x;\n    }\n    server {\n        location /ws/ {\n" +
		"            proxy_set_header upgrade $http_upgrade;\n            proxy_pass http://x;\n        }\n    }\n}\n"
	if got := pasted(t, conf, fix); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
