package diagnose

import (
	"slices"
	"strings"
	"time"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// processRules look at nginx's processes: a tunnel lives in one worker, and ends
// with it.
var processRules = []rule{{
	id:        "worker-crash",
	severity:  monitor.SeverityError,
	title:     "A worker of nginx died, and all its tunnels with it",
	reference: "nginx: ngx_process_get_status; signal(7)",
	kinds:     []logparse.Kind{logparse.KindWorkerExited},
	line:      workerCrash,
}, {
	id:        "reload",
	severity:  monitor.SeverityInfo,
	title:     "nginx was reloaded",
	reference: "nginx: worker_shutdown_timeout (core), ngx_worker_process_cycle",
	kinds:     []logparse.Kind{logparse.KindReconfiguring, logparse.KindGracefullyShuttingDown, logparse.KindExit},
	line:      watchReloads,
	done:      reloads,
}, {
	id:        "configuration-refused",
	severity:  monitor.SeverityWarning,
	title:     "nginx refused a configuration: at a reload the old one stays in force",
	reference: "nginx: ngx_init_cycle; nginx -t",
	kinds: []logparse.Kind{
		logparse.KindConfigError, logparse.KindBindFailed, logparse.KindCertificateNotLoaded, logparse.KindOpenFailed, logparse.KindInvalidUpstream,
	},
	line: configurationRefused,
}, {
	id:        "open-socket-left",
	severity:  monitor.SeverityInfo,
	title:     "A leaving worker of nginx found connections that should have been closed",
	reference: "nginx: ngx_worker_process_exit",
	kinds:     []logparse.Kind{logparse.KindOpenSocketLeft, logparse.KindAborting},
	line:      openSocketLeft,
}}

// crashes are the signals that end a worker, and what mostly sends them.
var crashes = []struct{ signal, fix string }{
	{"9", "Somebody killed it (SIGKILL), mostly the kernel for memory: look for \"Out of memory\" in dmesg, and at the container's memory limit. Each tunnel holds two buffers of proxy_buffer_size and its TLS state."},
	{"11", "It crashed (SIGSEGV), mostly in a module that is not nginx's own: look at load_module, update nginx and its modules."},
	{"6", "It aborted itself (SIGABRT): look at the lines before, and at modules that are not nginx's own."},
	{"7", "It lost memory under its hands (SIGBUS): a file it maps was cut, or a disk or the shared memory is full."},
	{"15", "Somebody ended this one worker (SIGTERM). To stop nginx send signals to its master only."},
}

func workerCrash(p *pass, r *monitor.LogRef) {
	e := &r.Entry
	_, signal, killed := strings.Cut(e.Message, " exited on signal ")
	signal, _, _ = strings.Cut(signal, " ")
	if !killed {
		if !strings.Contains(e.Message, "fatal code") {
			return
		}
		if t, first := p.entry("it could not go on, and is not started again", r); first {
			t.fix("The lines before say what it could not do. Correct that, then restart nginx: there is one worker less until then.")
		}
		return
	}
	t, first := p.entry("signal "+signal, r)
	if !first {
		return
	}
	for _, c := range crashes {
		if c.signal == signal {
			t.fix("%s", c.fix)
		}
	}
	t.fix("Find out who sent signal %s to it.", signal)
}

const (
	reloadsWithin = 10 * time.Minute
	reloadsMost   = 5    // reloads within it that are still called single ones
	leavingMost   = 4096 // workers remembered
)

// reloadMemory is what is known of reloads.
type reloadMemory struct {
	last    []monitor.Time // the newest reloads, at most reloadsMost+1
	storm   int            // most reloads within reloadsWithin
	leaving map[int]bool   // workers that are shutting down, by pid
}

func watchReloads(p *pass, r *monitor.LogRef) {
	m := remember[reloadMemory](p)
	switch pid := r.Entry.PID; r.Entry.Kind {
	case logparse.KindGracefullyShuttingDown:
		if m.leaving == nil {
			m.leaving = map[int]bool{}
		}
		if len(m.leaving) < leavingMost {
			m.leaving[pid] = true
		}
	case logparse.KindExit:
		delete(m.leaving, pid)
	default:
		p.entry("", r)
		m.last = append(m.last, r.At)
		if n := len(m.last); n > reloadsMost+1 {
			m.last = slices.Delete(m.last, 0, n-reloadsMost-1)
		}
		if n := len(m.last); n == reloadsMost+1 && r.At.Sub(m.last[0]) <= reloadsWithin {
			m.storm++
		}
	}
}

func reloads(p *pass) {
	if len(p.found) == 0 {
		return
	}
	m, t := remember[reloadMemory](p), p.found[0]
	if m.storm > 0 {
		t.Title = "nginx is reloaded again and again"
		t.grade(monitor.SeverityWarning).say("more than %d reloads within %s", reloadsMost, span(reloadsWithin))
	}
	if n := len(m.leaving); n > 0 {
		t.say("%d old workers have not ended: a worker stays as long as one of its tunnels lives", n)
	}
	t.fix(`# Without worker_shutdown_timeout tunnels live on in the old workers, and the workers with
# them. With it all that are left fall when it is over, busy or not, without a close frame
# (1006).
# at the top level:
worker_shutdown_timeout 1h;`)
}

// configurationRefused: nginx logs at emerg only while it reads a configuration
// or starts. A name that does not resolve is a finding of its own.
func configurationRefused(p *pass, r *monitor.LogRef) {
	e := &r.Entry
	if e.Level != logparse.LevelEmerg || e.Has(logparse.HasRequest) {
		return
	}
	if t, first := p.entry("", r); first {
		t.fix("Correct the place that the line names; nginx -t tests without touching what runs. Until then what was changed is not in force.")
	}
}

func openSocketLeft(p *pass, r *monitor.LogRef) {
	if t, first := p.entry("", r); first {
		t.fix("A leak in nginx or in a module, or a worker that was told to leave at once after it had been leaving gracefully (before 1.25.4 that looked the same). Update nginx and its modules; tunnels that fell then fell by the shutdown.")
	}
}
