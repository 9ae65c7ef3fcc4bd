package logparse

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestEachRowIsFoundByItsWords(t *testing.T) {
	for _, k := range Catalogue() {
		message := strings.ReplaceAll(k.Words, "%", "7")
		errno := ""
		if k.ends {
			errno = " (2: x)"
		}
		line := at + "[error] 1#1: *4 " + message + errno + ", client: 1.2.3.4, server: a, request: \"GET / HTTP/1.1\""
		e := parse(line)[0]
		if e.Kind != k.Kind {
			t.Errorf("%q is of kind %s, want %s", message, e.Kind, k.Kind)
		}
		if e.Client != "1.2.3.4" || e.Message != message {
			t.Errorf("%q: message %q, client %q", line, e.Message, e.Client)
		}
	}
}

func TestEachKindHasAMeaning(t *testing.T) {
	snake := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	rows := map[Kind]bool{KindUnparsed: true, KindOther: true, KindDebug: true}
	for _, k := range Catalogue() {
		if rows[k.Kind] = true; k.Pure && strings.Contains(k.Words, "%") {
			t.Errorf("%q is pure and has a hole", k.Words)
		}
	}
	constants := kindConstants(t)
	for _, k := range constants {
		if !rows[k] {
			t.Errorf("no row has the kind %s", k)
		}
		if k.Meaning() == "" || !snake.MatchString(string(k)) {
			t.Errorf("kind %q: meaning %q", k, k.Meaning())
		}
		delete(rows, k)
	}
	if len(rows) > 0 {
		t.Errorf("kinds without a constant: %v", rows)
	}
	if m := Kind("no such").Meaning(); m != "" {
		t.Errorf("an unknown kind means %q", m)
	}
}

func kindConstants(t *testing.T) (kinds []Kind) {
	f, err := parser.ParseFile(token.NewFileSet(), "kinds.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Kind") {
			s, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, Kind(s))
		}
		return true
	})
	return kinds
}
