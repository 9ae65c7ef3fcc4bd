package nginxconf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// parser reads the main file and what it includes, within limits.
type parser struct {
	open   func(name string) (io.ReadCloser, error)
	glob   func(pattern string) ([]string, error)
	prefix string // folder of the main file

	files     []string
	seen      map[string]bool // names in files
	reading   []string        // from the main file down to the one being read
	bytes     int
	opened    int
	kept      int
	full      bool // a limit was reached
	problems  []Problem
	unknown   map[string]bool // directives said to be unknown
	generated bool            // ingress-nginx's marks are in the text
}

func newParser(main string, o Options) *parser {
	return &parser{
		open: o.Open, glob: o.Glob, prefix: path.Dir(main),
		seen: map[string]bool{}, unknown: map[string]bool{},
	}
}

func (p *parser) problem(at Place, text string) { p.problemOf(Unsure, at, text) }

func (p *parser) problemOf(k ProblemKind, at Place, text string) {
	p.add(Problem{Place: at, Text: text, Kind: k})
}

func (p *parser) fatal(at Place, text string) { p.add(Problem{Place: at, Text: text, Fatal: true}) }

func (p *parser) add(x Problem) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, x)
	}
}

// room counts a directive to keep.
func (p *parser) room() bool {
	p.kept++
	if p.kept > maxDirectives && !p.full {
		p.full = true
		p.fatal(Place{File: p.reading[len(p.reading)-1]}, fmt.Sprintf("more than %d directives: the rest is not read", maxDirectives))
	}
	return !p.full
}

// main reads the main file.
func (p *parser) main(name string) ([]*directive, error) {
	text, err := p.text(name)
	if err != nil {
		return nil, fmt.Errorf("nginxconf: %w", err)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, fmt.Errorf("nginxconf: %s is empty", name)
	}
	tree := p.parse(name, text, "", 0)
	if len(tree) == 0 {
		return nil, nothingRead(name, p.problems)
	}
	return tree, nil
}

// nothingRead says why a file with text gave no directive.
func nothingRead(name string, problems []Problem) error {
	for _, x := range problems {
		if x.Fatal {
			return fmt.Errorf("nginxconf: %s: %s", x.Place, x.Text)
		}
	}
	return fmt.Errorf("nginxconf: %s holds no directive", name)
}

// text is what a file holds.
func (p *parser) text(name string) ([]byte, error) {
	switch {
	case p.opened >= maxFiles:
		p.full = true
		return nil, fmt.Errorf("more than %d files are included", maxFiles)
	case p.bytes >= maxBytes:
		p.full = true
		return nil, fmt.Errorf("all files together have more than %d MiB", maxBytes>>20)
	}
	p.opened++
	r, err := p.open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, int64(maxBytes-p.bytes)+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if p.bytes += len(text); p.bytes > maxBytes {
		p.full = true
		return nil, fmt.Errorf("all files together have more than %d MiB", maxBytes>>20)
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, fmt.Errorf("%s is no text: it has zero bytes", name)
	}
	return text, nil
}

// parse makes the directives of a file that stands in the block parent.
func (p *parser) parse(name string, text []byte, parent string, depth int) []*directive {
	if !p.seen[name] {
		p.seen[name] = true
		p.files = append(p.files, name)
	}
	p.generated = p.generated || isIngressText(text)
	p.reading = append(p.reading, name)
	tree := newFileReader(p, name, text, depth).read(parent)
	p.reading = p.reading[:len(p.reading)-1]
	return tree
}

// include is what an include directive brings in; one that fails stays in its
// place, so that a map knows it is not complete.
func (p *parser) include(d *directive, parent string, depth int) (out []*directive) {
	if len(d.args) != 1 {
		p.problem(d.place, "include needs one file or pattern")
		return []*directive{d}
	}
	names, err := p.included(d.arg(0))
	if err != nil {
		p.problem(d.place, fmt.Sprintf("include %s: %v", d.arg(0), err))
		return []*directive{d}
	}
	for _, name := range names {
		if p.full {
			break
		}
		tree, err := p.includeFile(name, parent, depth)
		if err != nil {
			p.problem(d.place, fmt.Sprintf("include %s: %v", d.arg(0), err))
			out = append(out, d)
		}
		out = append(out, tree...)
	}
	return out
}

// included are the files that an include names: relative to the folder of the
// main file, wherever it stands (ngx_conf_file.c:ngx_conf_include).
func (p *parser) included(pattern string) ([]string, error) {
	if !path.IsAbs(pattern) {
		pattern = path.Join(p.prefix, pattern)
	}
	if !strings.ContainsAny(pattern, "*?[") {
		return []string{pattern}, nil
	}
	if p.glob == nil {
		return nil, errors.New("patterns cannot be looked up here")
	}
	names, err := p.glob(pattern)
	names = slices.Clone(names)
	slices.Sort(names)
	return names, err
}

func (p *parser) includeFile(name, parent string, depth int) ([]*directive, error) {
	if slices.Contains(p.reading, name) {
		return nil, fmt.Errorf("%s includes itself (%s → %s)", name, strings.Join(p.reading, " → "), name)
	}
	if len(p.reading) > maxInclude {
		return nil, fmt.Errorf("more than %d files within each other", maxInclude)
	}
	text, err := p.text(name)
	if err != nil {
		return nil, err
	}
	return p.parse(name, text, parent, depth), nil
}

// lookOver says what is odd in a directive whatever it means.
func (p *parser) lookOver(d *directive) {
	for _, a := range d.args {
		if strings.Contains(a, "{{") && !strings.HasSuffix(d.name, "_by_lua_block") {
			p.problem(d.place, fmt.Sprintf("%q in %q looks like the placeholder of a template", a, d.name))
		}
	}
	if !knownDirective(d.name) && !p.unknown[d.name] {
		p.unknown[d.name] = true
		p.problemOf(UnknownDirective, d.place, fmt.Sprintf("unknown directive %q: of a module that is not known here, or misspelt; what it does is not taken into account", d.name))
	}
}

// catalogues are crossplane's lists of directives.
var catalogues = []crossplane.MatchFunc{
	crossplane.MatchOssLatest, crossplane.MatchNginxPlusLatest, crossplane.MatchLuaLatest,
	crossplane.MatchHeadersMoreLatest, crossplane.MatchNjsLatest, crossplane.MatchGeoip2Latest,
	crossplane.MatchOtelLatest, crossplane.MatchOss124,
}

// newer are directives that came after crossplane's lists.
var newer = map[string]bool{
	"tunnel_pass": true, "precontent_by_lua_block": true, "proxy_ssl_verify_by_lua_block": true, "include": true,
}

func knownDirective(name string) bool {
	if newer[name] {
		return true
	}
	for _, has := range catalogues {
		if _, ok := has(name); ok {
			return true
		}
	}
	return false
}
