package nginxconf

// Load reads the configuration in the file named main, with its includes. The
// error is for a main file that cannot be opened, or that holds nothing at all
// that could be read; all else is a Problem of the Config. Relative includes
// are looked up in the folder of main, as nginx does in its configuration
// prefix.
func Load(main string, o Options) (*Config, error) { panic("to be written") }

// ParseDump reads the output of nginx -T: every file after a line
// "# configuration file NAME:".
func ParseDump(text []byte, o Options) (*Config, error) { panic("to be written") }

// IsDump says that text looks like the output of nginx -T.
func IsDump(text []byte) bool { panic("to be written") }

// ParseVersion reads "1.29.7", "nginx/1.22.1" or "nginx version: nginx/1.22.1 (…)".
func ParseVersion(s string) (Version, bool) { panic("to be written") }

// Find says which server and location nginx chooses for q (src/http/
// ngx_http_request.c:ngx_http_find_virtual_server, ngx_http_core_module.c:
// ngx_http_core_find_location); false if nothing listens at q.Addr.
func (c *Config) Find(q Query) (Answer, bool) { panic("to be written") }

// EachLocation yields every location of every server, nested and if ones
// included, and the servers' own levels.
func (c *Config) EachLocation(yield func(*Location) bool) { panic("to be written") }

// PassingTo are the locations whose proxy_pass leads to addr ("127.0.0.1:9000",
// "unix:/path"); "localhost" and the loopback addresses are the same.
func (c *Config) PassingTo(addr string) []*Location { panic("to be written") }

// ListeningAt are the servers with a listen that takes connections to addr.
func (c *Config) ListeningAt(addr string) []*Server { panic("to be written") }

// UpstreamURI is the request target that nginx sends to the server for target
// when l is chosen: the location's prefix replaced by Pass.URI (px:create_request).
// False if it cannot be known (variables, regex location, rewrite).
func (l *Location) UpstreamURI(target string) (string, bool) { panic("to be written") }

// SlashRedirect says that nginx answers target itself with a 301 to target and
// a slash (a prefix location with proxy_pass that ends in a slash, or an exact
// one; ngx_http_core_module.c:ngx_http_core_find_config_phase).
func (l *Location) SlashRedirect(target string) bool { panic("to be written") }

// Request is what the values of proxy_set_header may depend on.
type Request struct {
	Header map[string]string // by lower-case name
	Scheme string            // "http" or "https"
	Host   string
	Target string
}

// Sent is the value of a header as nginx sends it to the server for r: by
// proxy_set_header, else nginx's default (Host: $proxy_host, Connection: close
// before 1.29.7), else passed on from the client unless it is hop-by-hop. Empty:
// not sent. Several: it is sent several times. known is false where a
// variable's value cannot be known. place is of the directive, zero for a default.
func (l *Location) Sent(name string, r Request) (values []string, known bool, place Place) {
	panic("to be written")
}

// Expand replaces the variables of s as they are for r in l: $http_*, $host,
// $http_host, $proxy_host, $server_port, $scheme, $request_uri, $uri, $arg_*,
// maps, set. known is false if one of them is not known.
func (l *Location) Expand(s string, r Request) (value string, known bool) { panic("to be written") }
