package diagnose

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// capacityRules look at what nginx ran out of.
var capacityRules = []rule{{
	id:        "worker-connections",
	severity:  monitor.SeverityError,
	title:     "nginx has no connections left",
	reference: "nginx: worker_connections (core), ngx_get_connection; a tunnel uses two",
	kinds:     []logparse.Kind{logparse.KindWorkerConnections, logparse.KindReusingConnections, logparse.KindWorkerConnectionsTooLarge},
	line:      workerConnections,
}, {
	id:        "too-many-files",
	severity:  monitor.SeverityError,
	title:     "nginx has no file descriptors left",
	reference: "nginx: worker_rlimit_nofile (core); a tunnel uses two",
	kinds: []logparse.Kind{
		logparse.KindAcceptFailed, logparse.KindSocketFailed, logparse.KindOpenFailed, logparse.KindConnectFailed, logparse.KindCallFailed,
	},
	line: tooManyFiles,
}}

// connectionsLeast is what the fix sets at least; nginx's default is 512.
const connectionsLeast = 4096

func workerConnections(p *pass, r *monitor.LogRef) {
	e := &r.Entry
	number, _, _ := strings.Cut(e.Message, " ")
	switch e.Kind {
	case logparse.KindWorkerConnectionsTooLarge:
		if t, first := p.entry("more than there are descriptors", r); first {
			t.grade(monitor.SeverityWarning).fix("%s", connectionsFix(number, 1))
		}
	case logparse.KindReusingConnections:
		if t, first := p.entry("it closes idle ones to make room", r); first {
			t.grade(monitor.SeverityWarning).fix("%s", connectionsFix(number, 4))
		}
	default:
		t, first := p.entry("", r)
		if first {
			t.say("a tunnel takes two connections of its worker: %s are room for half as many tunnels", number)
			t.fix("%s", connectionsFix(number, 4))
		}
	}
}

// connectionsFix raises worker_connections by a factor, with descriptors to match.
func connectionsFix(number string, factor int) string {
	n, _ := strconv.Atoi(number)
	n = max(n*factor, connectionsLeast)
	return fmt.Sprintf("# in events { }:\nworker_connections %d;\n# at the top level:\nworker_rlimit_nofile %d;", n, 2*n)
}

func tooManyFiles(p *pass, r *monitor.LogRef) {
	if r.Entry.Errno != 24 && r.Entry.Errno != 23 { // EMFILE, ENFILE
		return
	}
	subject := ""
	if r.Entry.Errno == 23 {
		subject = "in the whole system"
	}
	t, first := p.entry(subject, r)
	switch {
	case !first:
	case r.Entry.Errno == 23:
		t.fix("sysctl -w fs.file-max=2000000, and the same line in /etc/sysctl.d/")
	default:
		t.say("a worker that cannot accept leaves new clients waiting until a descriptor is free")
		t.fix("# Under systemd the unit's LimitNOFILE= must not be lower, in Docker --ulimit nofile=65536:65536.\n# at the top level:\nworker_rlimit_nofile 65536;")
	}
}
