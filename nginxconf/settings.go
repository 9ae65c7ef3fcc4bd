package nginxconf

import (
	"slices"
	"strings"
	"time"
)

// defaults are nginx's own settings in a version.
func defaults(v Version) Settings {
	minute := Value[time.Duration]{V: time.Minute}
	version := "1.0"
	if v.ModernProxy() {
		version = "1.1"
	}
	return Settings{
		ProxyReadTimeout: minute, ProxySendTimeout: minute, ProxyConnectTimeout: minute, SendTimeout: minute,
		ProxyHTTPVersion:  Value[string]{V: version},
		ProxyBufferSize:   Value[int]{V: 4096},
		ProxyBuffering:    Value[bool]{V: true},
		ProxyNextUpstream: Value[string]{V: "error timeout"},
		passHeaders:       true,
		slashes:           merged,
	}
}

// scalars are the settings that a directive of an inner level replaces.
var scalars = map[string]func(*Settings, *directive){
	"proxy_read_timeout":         func(s *Settings, d *directive) { s.ProxyReadTimeout = timeOf(d) },
	"proxy_send_timeout":         func(s *Settings, d *directive) { s.ProxySendTimeout = timeOf(d) },
	"proxy_connect_timeout":      func(s *Settings, d *directive) { s.ProxyConnectTimeout = timeOf(d) },
	"send_timeout":               func(s *Settings, d *directive) { s.SendTimeout = timeOf(d) },
	"proxy_http_version":         func(s *Settings, d *directive) { s.ProxyHTTPVersion = wordsOf(d) },
	"proxy_buffer_size":          func(s *Settings, d *directive) { s.ProxyBufferSize = sizeOf(d) },
	"proxy_buffering":            func(s *Settings, d *directive) { s.ProxyBuffering = flagOf(d) },
	"proxy_socket_keepalive":     func(s *Settings, d *directive) { s.ProxySocketKeepalive = flagOf(d) },
	"reset_timedout_connection":  func(s *Settings, d *directive) { s.ResetTimedout = flagOf(d) },
	"http2":                      func(s *Settings, d *directive) { s.HTTP2 = flagOf(d) },
	"proxy_next_upstream":        func(s *Settings, d *directive) { s.ProxyNextUpstream = wordsOf(d) },
	"resolver":                   func(s *Settings, d *directive) { s.resolver = d.place },
	"underscores_in_headers":     func(s *Settings, d *directive) { s.underscores = flagOf(d).V },
	"proxy_pass_request_headers": func(s *Settings, d *directive) { s.passHeaders = d.arg(0) != "off" },
	"auth_request":               func(s *Settings, d *directive) { s.authRequest = unlessOff(d) },
	"auth_basic":                 func(s *Settings, d *directive) { s.authBasic = unlessOff(d) },
	"ignore_invalid_headers":     func(s *Settings, d *directive) { s.invalidHeaders = d.arg(0) == "off" },
	"merge_slashes":              func(s *Settings, d *directive) { s.slashes = slashesOf(d) },
}

func slashesOf(d *directive) slashes {
	if d.arg(0) == "off" {
		return kept
	}
	return merged
}

// unlessOff is the place of a directive that turns something on.
func unlessOff(d *directive) Place {
	if d.arg(0) == "off" {
		return Place{}
	}
	return d.place
}

// lists are the settings of which one directive at a level drops all inherited.
type lists struct {
	setHeaders                          []Header
	errorLogs                           []ErrorLog
	limitConn, limitReq, access, realIP []Place
}

func (own *lists) add(d *directive) {
	switch d.name {
	case "proxy_set_header":
		own.setHeaders = append(own.setHeaders, Header{Name: d.arg(0), Value: d.arg(1), Place: d.place})
	case "error_log":
		own.errorLogs = append(own.errorLogs, errorLogOf(d))
	case "limit_conn":
		own.limitConn = append(own.limitConn, d.place)
	case "limit_req":
		own.limitReq = append(own.limitReq, d.place)
	case "allow", "deny":
		own.access = append(own.access, d.place)
	case "set_real_ip_from":
		own.realIP = append(own.realIP, d.place)
	}
}

func errorLogOf(d *directive) ErrorLog {
	level := d.arg(1)
	if level == "" {
		level = "error"
	}
	return ErrorLog{File: d.arg(0), Level: level, Place: d.place}
}

// inner are the settings of a block within one that has outer.
func inner(outer Settings, block []*directive) Settings {
	s := outer
	var own lists
	for _, d := range block {
		if set := scalars[d.name]; set != nil {
			set(&s, d)
		} else {
			own.add(d)
		}
	}
	s.take(own)
	return s
}

// take replaces the lists that a level has of its own.
func (s *Settings) take(own lists) {
	if own.setHeaders != nil {
		s.LostHeaders = lost(slices.Concat(s.SetHeaders, s.LostHeaders), own.setHeaders)
		s.SetHeaders = own.setHeaders
	}
	replace(&s.ErrorLogs, own.errorLogs)
	replace(&s.LimitConn, own.limitConn)
	replace(&s.LimitReq, own.limitReq)
	replace(&s.Access, own.access)
	replace(&s.RealIP, own.realIP)
	s.Auth = nil
	for _, at := range []Place{s.authRequest, s.authBasic} {
		if !at.IsZero() {
			s.Auth = append(s.Auth, at)
		}
	}
}

func replace[T any](inherited *[]T, own []T) {
	if own != nil {
		*inherited = own
	}
}

// lost are the headers of outer that own does not repeat, each once.
func lost(outer, own []Header) (out []Header) {
	for _, h := range outer {
		same := func(o Header) bool { return strings.EqualFold(o.Name, h.Name) }
		if !slices.ContainsFunc(own, same) && !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}
