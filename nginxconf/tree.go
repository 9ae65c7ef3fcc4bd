package nginxconf

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// directive is one directive with its block. Includes are replaced by what they
// include; one that could not be read stays, as a leaf.
type directive struct {
	name    string
	args    []string
	place   Place
	isBlock bool
	block   []*directive
}

// arg is the i-th argument, "" if there is none.
func (d *directive) arg(i int) string {
	if i < len(d.args) {
		return d.args[i]
	}
	return ""
}

// first is the first directive of a name in a block, or nil.
func first(block []*directive, name string) *directive {
	for _, d := range block {
		if d.name == name {
			return d
		}
	}
	return nil
}

// dull are blocks whose rows answer nothing here and may be many.
var dull = map[string]bool{"types": true, "geo": true, "charset_map": true, "split_clients": true, "match": true}

// fileReader makes the directives of one file. The lexer is crossplane's; the
// tree is ours, because crossplane's parser loses a whole file at its first
// error, reads a file that is included twice only once, nests without a bound,
// and leaves the lexer's goroutine waiting when it stops early.
type fileReader struct {
	p      *parser
	name   string
	text   []byte
	depth  int // blocks around the include
	tokens <-chan crossplane.NgxToken
	broken bool // a fatal Problem: nothing more is read
}

func newFileReader(p *parser, name string, text []byte, depth int) *fileReader {
	if rest, ok := bytes.CutPrefix(text, []byte("\ufeff")); ok {
		p.problemOf(Refused, Place{name, 1}, "begins with a byte order mark, which nginx refuses")
		text = rest
	}
	// crossplane's lexer swallows a brace that touches the name of a Lua directive.
	text = bytes.ReplaceAll(text, []byte("_by_lua_block{"), []byte("_by_lua_block {"))
	return &fileReader{p: p, name: name, text: text, depth: depth}
}

// read returns when the lexer has ended.
func (f *fileReader) read(parent string) []*directive {
	tokens := crossplane.LexWithOptions(bytes.NewReader(f.text), crossplane.LexOptions{
		Lexers: []crossplane.RegisterLexer{crossplane.LexWithLexer(luaLexer{}, luaBlocks...)},
	})
	f.tokens = tokens
	out := f.block(parent, f.depth)
	for range tokens { // what was not wanted, so that the lexer can end
	}
	return out
}

// next is the next token that is no comment.
func (f *fileReader) next() (t crossplane.NgxToken, ok bool) {
	for !f.broken {
		t, ok = <-f.tokens
		switch {
		case !ok:
			return t, false
		case t.Error != nil:
			f.fatal(lexLine(t), lexText(t.Error))
		case t.IsQuoted || !strings.HasPrefix(t.Value, "#"):
			return t, true
		}
	}
	return t, false
}

func lexLine(t crossplane.NgxToken) int {
	var e *crossplane.ParseError
	if errors.As(t.Error, &e) && e.Line != nil {
		return *e.Line
	}
	return t.Line
}

func lexText(err error) string {
	var e *crossplane.ParseError
	if errors.As(err, &e) {
		return e.What
	}
	return err.Error()
}

// fatal ends the reading of this file.
func (f *fileReader) fatal(line int, text string) {
	if mark := templateMark(f.line(line)); mark != "" {
		text += fmt.Sprintf(": this is a template (%s), not yet a configuration; render it first", mark)
	}
	f.p.fatal(Place{f.name, line}, text)
	f.broken = true
}

// line is the text of a line.
func (f *fileReader) line(n int) []byte {
	rest := f.text
	for ; n > 1; n-- {
		_, after, ok := bytes.Cut(rest, []byte("\n"))
		if !ok {
			return nil
		}
		rest = after
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	return line
}

// templateMark is the mark of a template language in text, or "".
func templateMark(text []byte) string {
	for _, mark := range []string{"{{", "{%", "<%"} {
		if bytes.Contains(text, []byte(mark)) {
			return mark
		}
	}
	return ""
}

// block reads directives up to the closing brace or the end of the file.
func (f *fileReader) block(parent string, depth int) (out []*directive) {
	for {
		t, ok := f.next()
		switch {
		case !ok || isMark(t, "}"):
			return out
		case isMark(t, "{") || isMark(t, ";"):
			f.fatal(t.Line, fmt.Sprintf("unexpected %q", t.Value))
			return out
		}
		d := &directive{name: unescape(t.Value), place: Place{f.name, t.Line}}
		end := f.args(d)
		switch end {
		case "{":
			if depth >= maxBlocks {
				f.fatal(t.Line, fmt.Sprintf("more than %d blocks within each other", maxBlocks))
				return out
			}
			d.isBlock, d.block = true, f.block(d.name, depth+1)
		case "":
			return out
		}
		out = f.keep(out, parent, d, depth)
		if end == "}" {
			return out
		}
	}
}

// args reads the arguments of d and says what ended them: ";", "{", "}", or ""
// for a fault.
func (f *fileReader) args(d *directive) (end string) {
	for {
		t, ok := f.next()
		switch {
		case !ok:
			if !f.broken {
				f.fatal(d.place.Line, fmt.Sprintf(`the file ends within %q, expecting ";" or "}"`, d.name))
			}
			return ""
		case isMark(t, ";") || isMark(t, "{"):
			return t.Value
		case isMark(t, "}"):
			f.p.problemOf(Refused, d.place, fmt.Sprintf(`%q is not terminated by ";"`, d.name))
			return t.Value
		}
		if t.Line > d.place.Line && !t.IsQuoted && startsDirective(t.Value) {
			f.p.problemOf(Refused, d.place, fmt.Sprintf(`%q seems not to be terminated by ";": %q follows in line %d`, d.name, t.Value, t.Line))
		}
		d.args = append(d.args, unescape(t.Value))
	}
}

// startsDirective says that a word in a new line is more likely a directive
// after a forgotten semicolon than an argument.
func startsDirective(word string) bool {
	switch word {
	case "listen", "location", "server", "return":
		return true
	}
	return strings.Contains(word, "_") && knownDirective(word)
}

// isMark says that t is one of nginx's own marks and not a quoted word.
func isMark(t crossplane.NgxToken, mark string) bool { return !t.IsQuoted && t.Value == mark }

// unescape does what nginx does to a word (ngx_conf_file.c:ngx_conf_read_token).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return escapes.Replace(s)
}

var escapes = strings.NewReplacer(`\"`, `"`, `\'`, `'`, `\\`, `\`, `\t`, "\t", `\r`, "\r", `\n`, "\n")

// keep appends d, or what it includes.
func (f *fileReader) keep(out []*directive, parent string, d *directive, depth int) []*directive {
	switch {
	case dull[parent]:
		return out
	case d.name == "include" && !d.isBlock:
		return append(out, f.p.include(d, parent, depth)...)
	case !f.p.room():
		f.broken = true // but the blocks around are kept
	}
	if !isTable(parent) {
		f.p.lookOver(d)
	}
	return append(out, d)
}

// isTable says that a block holds rows, not directives.
func isTable(name string) bool { return name == "map" }
