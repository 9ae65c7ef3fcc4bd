package nginxconf

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator makes a configuration and questions about it. Each server and each
// location stands in a line of its own with its number.
type generator struct {
	*rand.Rand
	echo     string
	defaults map[string]bool // addresses that have a default_server
	ports    [3]int          // at one address; at two, one of them the wildcard; at the wildcard
	last     int             // number given
}

// pick is one of a list.
func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

// some are up to n of a list, each once.
func some[T any](g *generator, n int, list []T) (out []T) {
	for _, i := range g.Perm(len(list))[:g.IntN(min(n, len(list))+1)] {
		out = append(out, list[i])
	}
	return out
}

func (g *generator) id() string {
	g.last++
	return fmt.Sprintf("add_header X-Loc %d always; ", g.last)
}

func (g *generator) http() string {
	var b strings.Builder
	fmt.Fprintf(&b, "upstream group { server %s; }\n", g.echo)
	b.WriteString("map $http_upgrade $connection_upgrade { default upgrade; '' close; }\n")
	b.WriteString("map $uri $kind { default none; /a/b exact; ~^/a/(?<tail>.+)$ \"tail $tail\"; ~*\\.PHP$ php; }\n")
	b.WriteString("map $host $known { hostnames; default no; *.example.org sub; .example.net both; }\n")
	b.WriteString(g.headers(2))
	for range 4 + g.IntN(8) {
		g.server(&b)
	}
	// The wildcard has a server, $a and $rest exist, and each port is open.
	fmt.Fprintf(&b, "server { %slisten %d; listen 127.0.0.1:%d; server_name ~^last(?<rest>)$; set $a last; }\n", g.id(), g.ports[1], g.ports[0])
	return b.String()
}

var names = []string{
	"example.org", "www.example.org", "*.example.org", ".example.net", "www.example.*", "www.*", "*.www.example.org",
	`~^w+\.example\.(?<tld>\w+)$`, `~^(.+)\.example\.net$`, `~EXAMPLE`, "_", `""`, "127.0.0.1", "a.b.example.org",
}

func (g *generator) server(b *strings.Builder) {
	fmt.Fprintf(b, "server { %s", g.id())
	for i := range 1 + g.IntN(2) {
		listen := g.listen(i)
		if key := strings.TrimPrefix(strings.ReplaceAll(listen, "0.0.0.0:", ""), "*:"); !g.defaults[key] && g.IntN(4) == 0 {
			g.defaults[key] = true
			listen += " default_server"
		}
		fmt.Fprintf(b, "listen %s; ", listen)
	}
	if list := some(g, 3, names); len(list) > 0 {
		fmt.Fprintf(b, "server_name %s; ", strings.Join(list, " "))
	}
	b.WriteString(g.headers(3))
	b.WriteString(pick(g, "", "", "", "", "merge_slashes off; "))
	b.WriteString(pick(g, "", "", "", "set $a outer; ", "rewrite ^/srv/(.*)$ /a/$1; ", "rewrite ^/brk/(.*)$ /a/$1 break; ",
		`if ($host = www.example.org) { set $a www; } `, "rewrite ^/q/(.*)$ /$1?k=$1; rewrite ^/a/srv$ /ab? last; "))
	b.WriteString("\n")
	g.level(b, some(g, 14, patterns), 0)
	b.WriteString("}\n")
}

func (g *generator) listen(i int) string {
	one, two, any := g.ports[0], g.ports[1], g.ports[2]
	if i == 0 {
		return pick(g, fmt.Sprintf("127.0.0.1:%d", one), fmt.Sprintf("127.0.0.1:%d", two))
	}
	return pick(g, fmt.Sprintf("*:%d", two), fmt.Sprintf("%d", any), fmt.Sprintf("0.0.0.0:%d", any))
}

var patterns = []string{
	"/", "/a", "/a/", "/a/b", "/a/b/", "/ab", "/ab/", "/A/", "/a b/", "/b/", "/b//c",
	"= /", "= /a", "= /a/", "= /a/b", "= /b/", "=/ab", "^~ /a/b/", "^~ /b", "^~/ab/", "^~ /a/",
	`~ \.php$`, `~ ^/a`, `~* ^/A/(.*)$`, `~ ^/b/(?<rest>.*)$`, `~ "^/a{1,2}/"`, `~*\.PHP$`, `~ ^/(x|b)/b$`, `~ b`,
}

var regexes = []string{`~ b$`, `~ x`, `~* \.php$`, `~ ^/a/b/`, `~ ^/a/(\w+)$`, `~ ^/b`}

// level writes locations, none twice.
func (g *generator) level(b *strings.Builder, patterns []string, depth int) {
	seen := map[string]bool{}
	for _, p := range patterns {
		key := strings.TrimSpace(strings.TrimPrefix(p, "^~"))
		if !seen[key] && !seen[strings.ReplaceAll(key, " ", "")] {
			g.location(b, p, depth)
		}
		seen[key], seen[strings.ReplaceAll(key, " ", "")] = true, true
	}
}

// location writes a location and what nginx allows within it.
func (g *generator) location(b *strings.Builder, pattern string, depth int) {
	m, name := matchOf(&directive{name: "location", args: strings.Fields(strings.ReplaceAll(pattern, " b/", "\x00b/"))})
	name = strings.ReplaceAll(name, "\x00", " ")
	shown := strings.Replace(pattern, "/a b/", `"/a b/"`, 1)
	fmt.Fprintf(b, "%slocation %s { %s%s%s\n", strings.Repeat("  ", depth+1), shown, g.id(), g.headers(3), g.content(m))
	if depth < 2 && m != MatchExact && g.IntN(3) == 0 {
		within := some(g, 2, regexes)
		if !strings.Contains(name, " ") && (m == MatchPrefix || m == MatchPrefixFirst) {
			for _, p := range some(g, 3, []string{"b", "b/", "/x", "c/", "x.php"}) {
				within = append(within, pick(g, "", "= ", "^~ ")+name+p)
			}
		}
		g.level(b, within, depth+1)
	}
	fmt.Fprintf(b, "%s}\n", strings.Repeat("  ", depth+1))
}

// headers are some proxy_set_header.
func (g *generator) headers(n int) string {
	var b strings.Builder
	for _, h := range some(g, n, []string{
		"Upgrade $http_upgrade", "Connection $connection_upgrade", `Connection "upgrade"`, "Host $host", "Host $http_host",
		`X-A ""`, "X-A $request_uri", "X-A $uri", "X-B $scheme://$host$request_uri", "X-B $args", "X-B ${arg_x}-$kind", "X-C $known",
		"X-C $proxy_host", "X-C $http_x_client", "X-Client fixed", "X-A $server_name", "X-B $a", "X-C $is_args$args", "X-C $1-$rest",
	}) {
		fmt.Fprintf(&b, "proxy_set_header %s; ", h)
	}
	// One Host only: the echo server refuses two.
	if text := b.String(); strings.Count(text, "r Host ") < 2 {
		return text
	}
	return ""
}

// content is what answers in a location.
func (g *generator) content(m Match) string {
	if g.IntN(5) == 0 {
		return `return 200 "here"; `
	}
	steps := pick(g, "", "", "", "", "set $a inner; ", "set $a $http_x_client; set $a $a-$a; ", "rewrite ^/a/(.*)$ /r/$1 break; ",
		"rewrite ^/b/(.*)$ /ab/$1 last; ", "rewrite /b$ /new?n=1 break; ", "if ($http_upgrade = websocket) { set $a ws; } ",
		"if ($http_upgrade ~* ^(web)) { set $a $1; } ", "if ($args) { set $a args; } ", `if ($uri !~ b) { return 200 "x"; } `,
		"rewrite ^/a/b/(.*)$ /ab/$1? break; ", "if ($uri ~ /b) { proxy_pass http://group; } ",
		"if ($arg_x = 1) { set $a $arg_x; proxy_pass http://"+g.echo+"; } ")
	urls := []string{"http://" + g.echo, "http://group"}
	if m == MatchExact || m == MatchPrefix || m == MatchPrefixFirst {
		for _, uri := range []string{"/", "/u", "/u/", "/u?k=v", "/u%20v/"} {
			urls = append(urls, "http://"+g.echo+uri, "http://group"+uri)
		}
	}
	urls = append(urls, "http://group/v$request_uri", "http://$b", "http://"+g.echo+"$uri")
	url := pick(g, urls...)
	if strings.Contains(url, "$b") {
		return steps + "set $b " + g.echo + "; proxy_pass " + url + "; "
	}
	return steps + "proxy_pass " + url + "; "
}

// question is a request that may meet much of the configuration.
func (g *generator) question() question {
	q := question{
		addr: fmt.Sprintf("127.0.0.1:%d", g.ports[g.IntN(2)]),
		host: pick(g, "example.org", "www.example.org", "WWW.Example.ORG", "www.example.org:81", "a.b.example.org", "x.www.example.org",
			"example.net", "x.example.net", "www.example.com", "www.else", "www.example.org.", "other", "", "127.0.0.1", "wwww.example.io"),
		header: map[string]string{},
	}
	for range g.IntN(5) {
		q.target += pick(g, "/", "/a", "/a/", "/b", "/b/", "/ab", "b", "/A", ".php", "/x", "/..", "/.", "//", "/%61", "/%2e%2e", "%2F", "%20",
			"/a%20b/", "%3f", "%23", "/srv/", "/brk/", "/q/", "/a/b", "/a/b/c", "+", "%25", "/...", "/c%C3%A9", ";x", "%zz", "%00")
	}
	if !strings.HasPrefix(q.target, "/") {
		q.target = "/" + q.target
	}
	q.target += pick(g, "", "", "", "?x=1", "?", "?X=%20&y=/../", "#f", "?a#b")
	if g.IntN(20) == 0 && q.host != "" {
		q.target = "http://www.example.org:99" + q.target
	}
	if g.IntN(2) == 0 {
		q.header["Upgrade"], q.header["Connection"] = "websocket", pick(g, "Upgrade", "keep-alive, Upgrade")
	}
	if g.IntN(3) == 0 {
		q.header["X-Client"] = "mine"
	}
	if g.IntN(5) == 0 {
		q.header["TE"] = "trailers"
	}
	return q
}
