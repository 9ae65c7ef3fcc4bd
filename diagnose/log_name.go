package diagnose

import (
	"strings"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// nameRules look at how nginx finds the addresses of servers.
var nameRules = []rule{{
	id:        "host-not-found",
	severity:  monitor.SeverityError,
	title:     "The name of a server does not resolve",
	reference: "nginx: resolver, proxy_pass; ngx_http_upstream_resolve_handler, ngx_inet_resolve_host",
	kinds:     []logparse.Kind{logparse.KindHostNotFound, logparse.KindNotResolved},
	line:      hostNotFound,
}, {
	id:        "resolver-trouble",
	severity:  monitor.SeverityError,
	title:     "nginx cannot ask for the addresses of servers",
	reference: "nginx: resolver, resolver_timeout (ngx_http_core_module)",
	kinds: []logparse.Kind{
		logparse.KindNoResolver, logparse.KindNotResolved, logparse.KindSendFailed, logparse.KindRecvFailed, logparse.KindConnectFailed,
	},
	line: resolverTrouble,
}}

// notFound is nginx's own code of DNS for a name that does not exist (NGX_RESOLVE_NXDOMAIN).
const notFound = "could not be resolved (3:"

func hostNotFound(p *pass, r *monitor.LogRef) {
	e := &r.Entry
	if e.Kind == logparse.KindNotResolved {
		if !strings.Contains(e.Message, notFound) {
			return
		}
		name := unresolvedName(e)
		if t, first := p.entry(name, r); first {
			t.fix("%s", runtimeNameFix(name))
		}
		return
	}
	name := quotedName(e.Message)
	t, first := p.entry(name, r)
	if !first {
		return
	}
	if e.Level == logparse.LevelEmerg {
		t.say("nginx refuses such a configuration: it does not start, and at a reload the old one stays in force")
	}
	host, _, _ := strings.Cut(name, ":")
	if !isPlainName(host) {
		t.fix("%s", strangeName)
		return
	}
	t.fix("%s", "# "+nameAdvice(host)+filled(`
# To let nginx start without it, and see it move: a name in a variable is looked up
# while nginx runs.
# in the location { } that passes to it:
%s
set $backend %s;
proxy_pass http://$backend;`, []any{resolverLine(host), name}))
}

// runtimeNameFix is for a name that nginx asks the resolver for.
func runtimeNameFix(name string) string {
	if !isPlainName(name) {
		return strangeName
	}
	return "# " + nameAdvice(name) + `
# nginx asks the servers of its resolver directive alone, and never looks into
# /etc/hosts or at the search domains of /etc/resolv.conf.
# in http { }:
` + resolverLine(name)
}

// isPlainName says that a name begins as host names do (RFC 1123 §2.1). Where
// proxy_pass has $host a client chose it, and "-f" or "@x" is no name to paste into
// a command.
func isPlainName(name string) bool {
	return name != "" && (isLetter(name[0]) || name[0] >= '0' && name[0] <= '9')
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// strangeName is the fix for what is no name of a host.
const strangeName = "This is no name of a host. Where proxy_pass has $host or another variable that clients fill, they choose it: take the name from a map of the names you serve instead."

// nameAdvice says what to look at first, by the shape of a name: the services of
// Docker have one word, those of Kubernetes a dotted name in the cluster's domain.
func nameAdvice(name string) string {
	switch {
	case isClusterName(name):
		return "Is there a service of this name, in this namespace? (kubectl get service -A)"
	case !strings.Contains(name, "."):
		return "In Docker: is the container up, and in one network with nginx? (docker network inspect)\n" +
			"# In Kubernetes: write the full name, " + name + ".NAMESPACE.svc.cluster.local"
	}
	return "Is the name right? (dig " + name + ")"
}

func resolverLine(name string) string {
	switch {
	case isClusterName(name):
		return "resolver kube-dns.kube-system.svc.cluster.local valid=10s; # or the address of that service"
	case !strings.Contains(name, "."):
		return "resolver 127.0.0.11 valid=10s; # Docker's; in Kubernetes the address of the service kube-dns"
	}
	return "resolver 9.9.9.9 valid=30s; # your own name server here: see /etc/resolv.conf"
}

func isClusterName(name string) bool {
	return strings.HasSuffix(name, ".svc") || strings.HasSuffix(strings.TrimSuffix(name, "."), ".cluster.local")
}

func unresolvedName(e *logparse.Entry) string {
	name, _, _ := strings.Cut(e.Message, " could not be resolved")
	return pasteable(name)
}

// quotedName is what the first quotes of a message hold.
func quotedName(message string) string {
	_, rest, _ := strings.Cut(message, `"`)
	name, _, _ := strings.Cut(rest, `"`)
	return pasteable(name)
}

func resolverTrouble(p *pass, r *monitor.LogRef) {
	switch e := &r.Entry; {
	case e.Kind == logparse.KindNoResolver:
		noResolver(p, r)
	case e.Kind == logparse.KindNotResolved:
		if strings.Contains(e.Message, notFound) {
			return
		}
		name := unresolvedName(e)
		if t, first := p.entry(name, r); first && !isPlainName(name) {
			t.fix("%s", strangeName)
		} else if first {
			t.fix("# The name server did not give an address: is it the right one, can nginx reach it?\n# Try it: dig @NAMESERVER %s\n# in http { }:\n%s", name, resolverLine(name))
		}
	case e.Action == "resolving":
		addr := pasteable(strings.TrimPrefix(e.Rest, "resolver: "))
		if t, first := p.entry("name server "+addr, r); first {
			t.fix("# The name server %s does not answer. Name one that does (see /etc/resolv.conf),\n# in http { }:\nresolver ADDRESS valid=10s;", addr)
		}
	}
}

func noResolver(p *pass, r *monitor.LogRef) {
	name := pasteable(strings.TrimPrefix(r.Entry.Message, "no resolver defined to resolve "))
	if t, first := p.entry(name, r); first {
		t.fix("# proxy_pass has a variable: nginx looks the name up while it runs, and has nobody to ask.\n# in http { }:\n%s", resolverLine(name))
	}
}
