package tap

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// SpecOption is a flag of `wstap tap` that belongs to one tap: its value is
// NAME:VALUE, or VALUE for all taps. Of a flag without a value, it is NAME, or
// nothing for all.
type SpecOption struct {
	Flag, Usage string
	Switch      bool // it takes no value
	set         func(*Spec, string)
}

// SpecOptions are all of them.
func SpecOptions() []SpecOption { return slices.Clone(specOptions) }

var specOptions = []SpecOption{
	{"tls-cert", "speak TLS to clients with this certificate FILE (PEM; read again when it changes)", false, func(s *Spec, v string) { s.TLS.CertFile = v }},
	{"tls-key", "key FILE of --tls-cert (PEM)", false, func(s *Spec, v string) { s.TLS.KeyFile = v }},
	{"tls-self-signed", "speak TLS to clients with a certificate made now, for tests", true, func(s *Spec, _ string) { s.TLS.SelfSigned = true }},
	{"upstream-ca", "trust the issuers in this FILE (PEM) for an https upstream (default: the system's)", false, func(s *Spec, v string) { s.TLS.UpstreamCA = v }},
	{"insecure", "do not verify the certificate of an https upstream", true, func(s *Spec, _ string) { s.TLS.Insecure = true }},
	{"rewrite-host", "ask the upstream by its own name: rewrite Host, and Origin if it names the old one", true, func(s *Spec, _ string) { s.RewriteHost = true }},
	{"proxy-protocol", "send a PROXY protocol header (v2) first, so that nginx knows the clients' addresses", true, func(s *Spec, _ string) { s.SendProxy = true }},
	{"accept-proxy-protocol", "expect a PROXY protocol header (v1 or v2) from clients", true, func(s *Spec, _ string) { s.AcceptProxy = true }},
}

// SetOptions applies the values of a flag to the taps they name. An error says
// which value, and what is possible.
func SetOptions(specs []Spec, flag string, values []string) error {
	i := slices.IndexFunc(specOptions, func(o SpecOption) bool { return o.Flag == flag })
	if i < 0 {
		return fmt.Errorf("--%s is no option of a tap", flag)
	}
	for _, value := range values {
		if err := specOptions[i].apply(specs, value); err != nil {
			return fmt.Errorf("--%s %q: %w", flag, value, err)
		}
	}
	return nil
}

// AllTaps is the value of a switch that was given without one.
const AllTaps = "all"

func (o SpecOption) apply(specs []Spec, value string) error {
	name, rest, named := strings.Cut(value, ":")
	if o.Switch {
		name, rest, named = value, "", value != AllTaps
	} else if named = named && hasName(specs, name); !named {
		rest = value // the colon is the value's own
	}
	switch {
	case named && !hasName(specs, name):
		return fmt.Errorf("no tap of that name; there are %s", namesOf(specs))
	case !o.Switch && rest == "":
		return errors.New("the value is empty")
	}
	for i := range specs {
		if !named || specs[i].Name == name {
			o.set(&specs[i], rest)
		}
	}
	return nil
}

func hasName(specs []Spec, name string) bool {
	return slices.ContainsFunc(specs, func(s Spec) bool { return s.Name == name })
}

func namesOf(specs []Spec) string {
	var names []string
	for _, s := range specs {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

// CheckOptions finds options that do not go together, or with the tap they are for.
func CheckOptions(specs []Spec) error {
	for _, s := range specs {
		if err := s.checkOptions(); err != nil {
			return fmt.Errorf("tap %s: %w", s.Name, err)
		}
	}
	return nil
}

func (s Spec) checkOptions() error {
	switch t := s.TLS; {
	case t.CertFile != "" && t.KeyFile == "":
		return errors.New("--tls-cert needs --tls-key")
	case t.KeyFile != "" && t.CertFile == "":
		return errors.New("--tls-key needs --tls-cert")
	case t.CertFile != "" && t.SelfSigned:
		return errors.New("--tls-cert and --tls-self-signed: choose one")
	case t.UpstreamCA != "" && !s.Upstream.TLS:
		return errors.New("--upstream-ca is for an https:// upstream, and this one is plain")
	case t.Insecure && !s.Upstream.TLS:
		return errors.New("--insecure is for an https:// upstream, and this one is plain")
	case t.Insecure && t.UpstreamCA != "":
		return errors.New("--upstream-ca and --insecure: choose one")
	case s.RewriteHost && s.Upstream.Network == "unix":
		return errors.New("--rewrite-host: a unix socket has no name to ask for")
	}
	return nil
}

// Notes are what a reader must know of a tap as long as it is up.
func (s *Server) Notes() (notes []string) {
	add := func(t *tap, format string, args ...any) {
		notes = append(notes, "tap "+t.spec.Name+": "+fmt.Sprintf(format, args...))
	}
	for _, t := range s.taps {
		if t.note != "" {
			add(t, "%s", t.note)
		}
		if t.spec.TLS.Insecure {
			add(t, "the upstream's certificate is not verified (--insecure)")
		}
		if t.spec.SendProxy {
			add(t, "a PROXY protocol header goes before the first byte (--proxy-protocol)")
		}
		if t.spec.RewriteHost {
			add(t, "requests are changed: Host becomes %s (--rewrite-host)", t.spec.upstreamName())
		}
	}
	return notes
}
