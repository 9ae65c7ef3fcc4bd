package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
	"github.com/wstap/wstap/report"
)

type checkOptions struct {
	json    bool
	version string
	failOn  string
}

func checkCommand() *cobra.Command {
	var o checkOptions
	c := &cobra.Command{
		Use:   "check nginx.conf|-",
		Short: "what an nginx configuration does to WebSockets, and what to paste",
		Long: `Reads an nginx configuration with its includes, or the output of nginx -T (a file, or - for
standard input), and says what it does to WebSockets: headers that do not arrive, timeouts, paths,
limits, each with file, line and the lines to paste.

It is no judge of validity (nginx -t is), and sees no variable whose value only a request gives.`,
		Example: `  wstap check /etc/nginx/nginx.conf
  ssh web1 nginx -T 2>/dev/null | wstap check -
  kubectl exec deploy/ingress-nginx-controller -- nginx -T | wstap check - --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runCheck(c.OutOrStdout(), args[0], o) },
	}
	c.Flags().BoolVar(&o.json, "json", false, "one JSON object, version 1")
	c.Flags().StringVar(&o.version, "nginx-version", "", "version of nginx, which selects its defaults (default: before 1.29.7)")
	c.Flags().StringVar(&o.failOn, "fail-on", string(monitor.SeverityWarning), "exit code 1 from this severity on: error, warning, info or never")
	return c
}

func runCheck(out io.Writer, file string, o checkOptions) error {
	failOn, err := severityOf(o.failOn)
	if err != nil {
		return err
	}
	c, err := readConf(file, o.version)
	if err != nil {
		return err
	}
	fs := diagnose.Check(c)
	print := report.Findings
	if o.json {
		print = report.CheckJSON
	}
	if err := print(out, fs, report.Options{Source: file, Width: outputWidth(out), Color: colorful(out)}); err != nil {
		return err
	}
	if err := unreadPart(c); err != nil {
		return err
	}
	return judged(fs, failOn)
}

// unreadPart is the error for a configuration of which only a part was read.
func unreadPart(c *nginxconf.Config) error {
	i := slices.IndexFunc(c.Problems, func(p nginxconf.Problem) bool { return p.Fatal })
	if i < 0 {
		return nil
	}
	p := c.Problems[i]
	return partial{fmt.Errorf("%s: %s; what could be read was checked", p.Place, p.Text)}
}

// never is the severity that no finding has.
const never monitor.Severity = "never"

func severityOf(name string) (monitor.Severity, error) {
	s := monitor.Severity(name)
	if s != never && !slices.Contains(monitor.Severities, s) {
		return "", usagef("--fail-on %q: want error, warning, info or never", name)
	}
	return s, nil
}

// errJudged ends a command whose input was judged badly: what there is to say
// has been printed as its result.
var errJudged = errors.New("judged")

// judged is errJudged if a finding is as grave as failOn.
func judged(fs []diagnose.Finding, failOn monitor.Severity) error {
	if failOn != never && slices.ContainsFunc(fs, func(f diagnose.Finding) bool { return f.Severity.AtLeast(failOn) }) {
		return partial{errJudged}
	}
	return nil
}
