package nginxconf

import (
	"cmp"
	"slices"
	"strings"
)

// Load reads the configuration in the file named main, with its includes. The
// error is for a main file that cannot be opened, or that holds nothing at all
// that could be read; all else is a Problem of the Config. Relative includes
// are looked up in the folder of main, as nginx does in its configuration
// prefix.
func Load(main string, o Options) (*Config, error) {
	p := newParser(main, o)
	tree, err := p.main(main)
	if err != nil {
		return nil, err
	}
	return resolve(p, tree, o), nil
}

// resolver makes a Config of a tree.
type resolver struct {
	*parser
	c       *Config
	count   int         // of locations
	streams []*Upstream // groups of stream, a namespace of their own
}

func resolve(p *parser, tree []*directive, o Options) *Config {
	r := &resolver{parser: p, c: &Config{Files: p.files, IngressNGINX: p.generated, assigned: map[string]bool{}}}
	if o.Version != "" {
		v, ok := ParseVersion(o.Version)
		if !ok {
			p.problem(Place{}, "version "+o.Version+" is not understood: defaults of before 1.29.7 are used")
		}
		r.c.Version = v
	}
	r.mainLevel(r.whole(tree))
	r.c.Problems = inOrder(r.problems, r.files)
	return r.c
}

// whole is tree as a whole configuration: a file that is meant to be included
// in http is read as if it were.
func (r *resolver) whole(tree []*directive) []*directive {
	if first(tree, "http") != nil || first(tree, "stream") != nil {
		return tree
	}
	if d := first(tree, "location"); d != nil {
		r.problemOf(Fragment, d.place, "no server block around this: read as if it were included in one")
		tree = []*directive{{name: "server", place: d.place, isBlock: true, block: tree}}
	} else if first(tree, "server") == nil && first(tree, "upstream") == nil && first(tree, "map") == nil {
		r.problem(Place{File: r.files[0]}, "there is no http and no stream block")
		return tree
	} else {
		r.problemOf(Fragment, tree[0].place, "no http block around this: read as if it were included in one")
	}
	return []*directive{{name: "http", place: tree[0].place, isBlock: true, block: tree}}
}

// mainLevel is what stands outside of all blocks.
func (r *resolver) mainLevel(tree []*directive) {
	c := r.c
	c.WorkerProcesses = Value[string]{V: "1"}
	c.WorkerConnections = Value[int]{V: 512}
	for _, d := range tree {
		switch d.name {
		case "worker_processes":
			c.WorkerProcesses = wordsOf(d)
		case "worker_shutdown_timeout":
			c.WorkerShutdownTimeout = timeOf(d)
		case "error_log":
			c.ErrorLogs = append(c.ErrorLogs, errorLogOf(d))
		case "events":
			if n := first(d.block, "worker_connections"); n != nil {
				c.WorkerConnections = numberOf(n)
			}
		}
	}
	if !slices.ContainsFunc(c.ErrorLogs, ErrorLog.isFile) {
		c.ErrorLogs = append(c.ErrorLogs, ErrorLog{Level: "error"})
	}
	for _, d := range tree {
		switch d.name {
		case "http":
			r.http(d.block)
		case "stream":
			r.stream(d.block)
		}
	}
}

// isFile says that it is neither syslog nor memory. If the main level has no
// file, nginx adds its built-in one (ngx_log.c:ngx_log_open_default).
func (e ErrorLog) isFile() bool {
	return !strings.HasPrefix(e.File, "syslog:") && !strings.HasPrefix(e.File, "memory:")
}

// inOrder sorts problems by the order in which their files were read, and by line.
func inOrder(problems []Problem, files []string) []Problem {
	rank := map[string]int{}
	for i, name := range files {
		rank[name] = i
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(rank[a.Place.File], rank[b.Place.File]), cmp.Compare(a.Place.Line, b.Place.Line))
	})
	return problems
}

// http resolves an http block: first what servers refer to, then the servers,
// then the passes whose URL has variables, which need the maps.
func (r *resolver) http(block []*directive) {
	base := defaults(r.c.Version)
	base.ErrorLogs = r.c.ErrorLogs
	base = inner(base, block)
	for _, d := range block {
		switch {
		case d.name == "upstream" && d.isBlock:
			r.c.Upstreams = append(r.c.Upstreams, r.upstream(d))
		case d.name == "map" && d.isBlock:
			r.c.Maps = append(r.c.Maps, r.mapOf(d))
		}
	}
	for _, d := range block {
		if d.name == "server" && d.isBlock {
			r.c.Servers = append(r.c.Servers, r.server(d, base))
		}
	}
	r.makeSockets()
	r.c.openEverywhere()
	for l := range r.c.EachLocation {
		if l.Pass != nil && l.Pass.Variables {
			r.settle(l)
		}
	}
}

// EachLocation yields every location of every server, nested and if ones
// included, and the servers' own levels.
func (c *Config) EachLocation(yield func(*Location) bool) {
	for _, s := range c.Servers {
		if !yield(s.Root) || !eachOf(s.Locations, yield) {
			return
		}
	}
}

func eachOf(ls []*Location, yield func(*Location) bool) bool {
	for _, l := range ls {
		if !yield(l) || !eachOf(l.Locations, yield) {
			return false
		}
	}
	return true
}
