package nginxconf

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/nginxrun"
)

var differSeed = flag.Uint64("differ.seed", 0, "seed of the differential test; 0 for a new one")

// TestDiffer asks a real nginx and Find, Sent, UpstreamURI and SlashRedirect the
// same, about generated configurations.
func TestDiffer(t *testing.T) {
	if _, err := nginxrun.Binary(); err != nil {
		t.Skip(err)
	}
	seed := *differSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	rounds := uint64(6)
	if testing.Short() {
		rounds = 2
	}
	for i := range rounds {
		t.Run(fmt.Sprintf("seed %d", seed+i), func(t *testing.T) { differ(t, seed+i) })
	}
}

func differ(t *testing.T, seed uint64) {
	echo := httptest.NewServer(http.HandlerFunc(echo))
	defer echo.Close()
	g := &generator{defaults: map[string]bool{}, Rand: rand.New(rand.NewPCG(seed, 1)), echo: echo.Listener.Addr().String()}
	for range g.ports {
		port, err := nginxrun.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		g.ports[slices.Index(g.ports[:], 0)] = port
	}
	text := g.http()
	p, err := nginxrun.Start(t.TempDir(), nginxrun.Config{HTTP: text}, fmt.Sprintf("127.0.0.1:%d", g.ports[0]))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	defer p.Stop()
	w := &world{t: t, lines: confLines(t, p.Dir)}
	w.c = parseClean(t, strings.Join(w.lines, "\n"))
	for range 400 {
		w.compare(g.question())
	}
	t.Logf("%d answers of 400 compared, %d of them proxied, %d redirects", w.compared, w.proxied, w.redirects)
	if w.compared < 200 {
		t.Errorf("only %d answers could be compared", w.compared)
	}
}

func confLines(t *testing.T, dir string) []string {
	text, err := os.ReadFile(filepath.Join(dir, "nginx.conf"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}

// got is what the echo server got.
type got struct {
	URI    string
	Header map[string][]string
}

func echo(w http.ResponseWriter, r *http.Request) {
	h := map[string][]string{}
	if r.Host != "" {
		h["Host"] = []string{r.Host}
	}
	for name, values := range r.Header {
		h[name] = values
	}
	json.NewEncoder(w).Encode(got{r.RequestURI, h})
}

// question is a request and where it is sent.
type question struct {
	addr, host, target string
	header             map[string]string
}

func (q question) String() string {
	return fmt.Sprintf("%s Host %q %s %v", q.addr, q.host, q.target, q.header)
}

// reply is nginx's answer.
type reply struct {
	status   int
	location string // of X-Loc
	body     []byte
}

func (q question) ask(t *testing.T) reply {
	c, err := net.Dial("tcp", q.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	version, head := "1.0", ""
	if q.host != "" {
		version, head = "1.1", "Host: "+q.host+"\r\n"
	}
	for name, value := range q.header {
		head += name + ": " + value + "\r\n"
	}
	fmt.Fprintf(c, "GET %s HTTP/%s\r\n%s\r\n", q.target, version, head)
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("%s: %v", q, err)
	}
	return reply{r.StatusCode, r.Header.Get("X-Loc"), body}
}

// world holds our answers against nginx's.
type world struct {
	t                            *testing.T
	c                            *Config
	lines                        []string
	compared, proxied, redirects int
}

var idInLine = regexp.MustCompile(`X-Loc (\d+) `)

func (w *world) idOf(l *Location) string {
	m := idInLine.FindStringSubmatch(w.lines[l.Place.Line-1])
	if m == nil {
		return ""
	}
	return m[1]
}

func (w *world) compare(q question) {
	want := q.ask(w.t)
	a, ok := w.c.Find(Query{Addr: q.addr, Host: q.host, Target: q.target})
	switch {
	case !ok:
		w.t.Errorf("%s: nothing listens, nginx answers %d", q, want.status)
		return
	case want.status == 400 && strings.Contains(string(want.body), "<center>nginx"):
		if !slices.Contains(a.Notes, "nginx refuses the target with 400") {
			w.t.Errorf("%s: nginx refuses with 400, not we: %v", q, a.Notes)
		}
		return
	case slices.ContainsFunc(a.Notes, func(n string) bool { return strings.Contains(n, " may ") }):
		return
	}
	w.compared++
	l := a.Location
	around := l
	if l.Match == MatchIf {
		around = l.Parent
	}
	if id := w.idOf(around); id != want.location {
		w.t.Errorf("%s: nginx chooses %s, we %s (%s, line %d: %s), notes %v", q, want.location, id, l.Pattern, l.Place.Line, w.lines[l.Place.Line-1], a.Notes)
		return
	}
	if redirect := l.SlashRedirect(q.target); redirect != (want.status == 301) {
		w.t.Errorf("%s: nginx says %d, our redirect %v", q, want.status, redirect)
	}
	if want.status == 301 {
		w.redirects++
	}
	w.compareUpstream(q, want, l)
}

func (w *world) compareUpstream(q question, want reply, l *Location) {
	var g got
	if json.Unmarshal(want.body, &g) != nil || g.URI == "" {
		return
	}
	w.proxied++
	if _, sure := l.Server.parse(q.target); !sure {
		return
	}
	if uri, ok := l.UpstreamURI(q.target); !ok || uri != g.URI {
		w.t.Errorf("%s: nginx sends %s, we say %q %v (line %d: %s)", q, g.URI, uri, ok, l.Place.Line, w.lines[l.Place.Line-1])
	}
	r := Request{Header: map[string]string{}, Scheme: "http", Host: q.host, Target: q.target}
	for name, value := range q.header {
		r.Header[strings.ToLower(name)] = value
	}
	for _, name := range []string{"Host", "Connection", "Upgrade", "X-A", "X-B", "X-C", "X-Client", "Te"} {
		values, known, _ := l.Sent(name, r)
		for i := range values { // the echo server trims them
			values[i] = strings.TrimSpace(values[i])
		}
		if known && !slices.Equal(values, g.Header[name]) {
			w.t.Errorf("%s: nginx sends %s %q, we say %q (line %d: %s)", q, name, g.Header[name], values, l.Place.Line, w.lines[l.Place.Line-1])
		}
	}
}
