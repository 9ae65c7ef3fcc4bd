package nginxconf

import (
	"strings"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// luaBlocks are the directives of the Lua module whose block is Lua.
var luaBlocks = []string{
	"init_by_lua_block", "init_worker_by_lua_block", "exit_worker_by_lua_block", "set_by_lua_block",
	"content_by_lua_block", "server_rewrite_by_lua_block", "rewrite_by_lua_block", "access_by_lua_block",
	"precontent_by_lua_block", "header_filter_by_lua_block", "body_filter_by_lua_block", "log_by_lua_block",
	"balancer_by_lua_block", "ssl_client_hello_by_lua_block", "ssl_certificate_by_lua_block",
	"ssl_session_fetch_by_lua_block", "ssl_session_store_by_lua_block", "proxy_ssl_verify_by_lua_block",
}

// luaLexer takes a Lua block as one empty word: what Lua does is not known here.
// crossplane has such a lexer, but it counts braces in Lua's comments and long
// strings.
type luaLexer struct{}

// Lex implements [crossplane.Lexer]. All tokens fit into the channel, so nobody
// has to wait for a reader.
func (luaLexer) Lex(s *crossplane.SubScanner, _ string) <-chan crossplane.NgxToken {
	out := make(chan crossplane.NgxToken, 3)
	defer close(out)
	head, opened := luaHead(s)
	if head = strings.TrimSpace(head); head != "" { // the variable of set_by_lua_block
		out <- crossplane.NgxToken{Value: head, Line: s.Line()}
	}
	if !opened {
		return out
	}
	b := luaBody{s: s}
	if b.skip() {
		out <- crossplane.NgxToken{Value: "", Line: s.Line(), IsQuoted: true}
		out <- crossplane.NgxToken{Value: ";", Line: s.Line()}
	}
	return out
}

// luaHead reads up to the opening brace.
func luaHead(s *crossplane.SubScanner) (head string, opened bool) {
	var b strings.Builder
	for s.Scan() {
		if s.Text() == "{" {
			return b.String(), true
		}
		b.WriteString(s.Text())
	}
	return b.String(), false
}

// luaBody reads Lua up to the brace that closes the block.
type luaBody struct {
	s    *crossplane.SubScanner
	back string // a rune read too far
}

// next is the next rune, "" at the end of the file.
func (b *luaBody) next() string {
	r := b.back
	b.back = ""
	if r == "" && b.s.Scan() {
		r = b.s.Text()
	}
	return r
}

// skip reports whether the closing brace came.
func (b *luaBody) skip() bool {
	for depth := 1; ; {
		switch r := b.next(); r {
		case "":
			return false
		case "{":
			depth++
		case "}":
			if depth--; depth == 0 {
				return true
			}
		case `"`, "'":
			b.quoted(r)
		case "-":
			b.comment()
		case "[":
			b.long()
		}
	}
}

func (b *luaBody) quoted(quote string) {
	for {
		switch b.next() {
		case quote, "":
			return
		case `\`:
			b.next()
		}
	}
}

// comment follows a first "-".
func (b *luaBody) comment() {
	if r := b.next(); r != "-" {
		b.back = r
		return
	}
	r := b.next()
	if r == "[" && b.long() {
		return
	}
	for r != "\n" && r != "" {
		r = b.next()
	}
}

// long reads a long string or comment, [[…]] or [==[…]==], whose first bracket
// was read; false if it is none.
func (b *luaBody) long() bool {
	level := 0
	r := b.next()
	for ; r == "="; r = b.next() {
		level++
	}
	if r != "[" {
		b.back = r
		return false
	}
	end := "]" + strings.Repeat("=", level) + "]"
	for tail := ""; tail != end; {
		if r = b.next(); r == "" {
			return true
		}
		if tail += r; len(tail) > len(end) {
			tail = tail[len(tail)-len(end):]
		}
	}
	return true
}
