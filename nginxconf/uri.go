package nginxconf

import "strings"

// uri is a request target, taken apart as nginx does.
type uri struct {
	raw    string // the target without scheme and host
	path   string // decoded, "." and ".." resolved, slashes merged
	args   string // after the "?"
	host   string // of an absolute target, else ""
	quoted bool   // raw has a percent sign in its path
	bad    bool   // nginx answers 400
}

// parseURI follows ngx_http_parse.c:ngx_http_parse_complex_uri.
func parseURI(target string, merge bool) uri {
	u := uri{raw: target}
	if scheme, rest, ok := strings.Cut(target, "://"); ok && isScheme(scheme) {
		i := strings.IndexAny(rest, "/?")
		if i < 0 {
			i = len(rest)
		}
		u.host, u.raw = rest[:i], rest[i:]
		if !strings.HasPrefix(u.raw, "/") {
			u.raw = "/" + u.raw
		}
	}
	if !strings.HasPrefix(u.raw, "/") {
		u.bad = true
		return u
	}
	p := pathParser{in: u.raw, merge: merge}
	u.bad = !p.run()
	u.path, u.args, u.quoted = string(p.out), p.args, p.quoted
	return u
}

func isScheme(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789+-.") == ""
}

// pathParser is nginx's state machine: a decoded byte goes through the state in
// which its percent sign stood, so that %2E%2E is "..".
type pathParser struct {
	in     string
	merge  bool
	out    []byte
	args   string
	quoted bool
	state  pathState
}

type pathState uint8

const (
	inName pathState = iota
	afterSlash
	afterDot
	afterDots
)

func (p *pathParser) run() (ok bool) {
	for i := 0; i < len(p.in); i++ {
		c, literal := p.in[i], false
		switch c {
		case '?':
			p.args, _, _ = strings.Cut(p.in[i+1:], "#")
			return p.end()
		case '#':
			return p.end()
		case '%':
			p.quoted = true
			decoded, fine := unhex(p.in[i+1:])
			if !fine || decoded == 0 {
				return false
			}
			c, literal = decoded, decoded == '%' || decoded == '#' || decoded == '?'
			i += 2
		}
		if literal {
			p.out = append(p.out, c)
			p.state = inName
		} else if !p.step(c) {
			return false
		}
	}
	return p.end()
}

// step takes a byte of the path.
func (p *pathParser) step(c byte) (ok bool) {
	switch {
	case c == '/':
		return p.slash()
	case c == '.' && p.state == afterSlash:
		p.state = afterDot
	case c == '.' && p.state == afterDot:
		p.state = afterDots
	default:
		p.state = inName
	}
	p.out = append(p.out, c)
	return true
}

func (p *pathParser) slash() (ok bool) {
	switch p.state {
	case afterDot: // "/./"
		p.out = p.out[:len(p.out)-1]
	case afterDots: // "/x/../"
		if !p.up() {
			return false
		}
	case afterSlash:
		if !p.merge {
			p.out = append(p.out, '/')
		}
	default:
		p.out = append(p.out, '/')
	}
	p.state = afterSlash
	return true
}

// up drops "x/.." from the end of what was written; false above the root.
func (p *pathParser) up() bool {
	i := len(p.out) - len("/..") - 1
	for ; i >= 0; i-- {
		if p.out[i] == '/' {
			p.out = p.out[:i+1]
			return true
		}
	}
	return false
}

// end takes back a last "." or "..".
func (p *pathParser) end() (ok bool) {
	switch p.state {
	case afterDot:
		p.out = p.out[:len(p.out)-1]
	case afterDots:
		return p.up()
	}
	return true
}

func unhex(s string) (byte, bool) {
	if len(s) < 2 {
		return 0, false
	}
	hi, ok1 := hexDigit(s[0])
	lo, ok2 := hexDigit(s[1])
	return hi<<4 | lo, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// What nginx encodes again of what it decoded, besides control bytes, DEL and
// all beyond ASCII (ngx_string.c:ngx_escape_uri).
const (
	escapedInURI  = " \"#%<>?\\^`{|}" // in the path that it sends to the server
	escapedInArgs = " #%&+;?"         // in groups that a rewrite puts into arguments
)

func escape(s, also string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x7f || strings.IndexByte(also, c) >= 0 {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
