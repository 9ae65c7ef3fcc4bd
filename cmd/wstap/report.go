package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/feed"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/report"
)

func reportCommand() *cobra.Command {
	var o reportOptions
	c := &cobra.Command{
		Use:   "report FILE ...",
		Short: "a recording as text or JSON",
		Args:  needs("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			return runReport(c.OutOrStdout(), c.ErrOrStderr(), args, o)
		},
	}
	c.Flags().BoolVar(&o.json, "json", false, "one JSON object, version 1")
	c.Flags().BoolVar(&o.all, "all", false, "every unusual connection, not only the first of each cause")
	c.Flags().StringVar(&o.filter, "filter", "", filterHelp)
	c.Flags().StringVar(&o.failOn, "fail-on", string(never), "exit code 1 if a finding that is listed has this severity or a graver one: error, warning, info")
	c.Flags().StringVar(&o.nginxConf, "nginx-conf", "", "nginx.conf, or the output of nginx -T, to judge the recording by (default: as it was while recording)")
	c.Flags().StringVar(&o.nginxVersion, "nginx-version", "", "version of nginx, which selects its defaults")
	return c
}

type reportOptions struct {
	json, all               bool
	filter, failOn          string
	nginxConf, nginxVersion string
}

// reportBounds keep every conn of all but the largest recordings: a report is
// about all of them, and says how many it is not about. At some 2 KiB each
// they fit a laptop.
var reportBounds = monitor.Bounds{Conns: 1_000_000, Closed: 1_000_000, Logs: 1_000_000}

func runReport(out, errOut io.Writer, files []string, opts reportOptions) error {
	failOn, err := severityOf(opts.failOn)
	if err != nil {
		return err
	}
	keep, err := parseConnFilter(opts.filter)
	if err != nil {
		return err
	}
	if err := noneTwice(files); err != nil {
		return err
	}
	look, err := opts.look()
	if err != nil {
		return err
	}
	r, err := capture.Open(files...)
	if err != nil {
		return err
	}
	defer r.Close()
	s, err := feed.Load(r, r.Info().To, reportBounds)
	if err != nil {
		err = partial{err}
	} else {
		err = damage(r)
	}
	print := report.Text
	if opts.json {
		print = report.JSON
	}
	o := report.Options{Source: strings.Join(files, " "), Color: colorful(out), All: opts.all, Findings: diagnose.Run(s, look)}
	keep.apply(&o, s)
	if e := print(out, s, o); e != nil {
		return e
	}
	if err == nil && !r.Info().Complete {
		fmt.Fprintf(errOut, "wstap: %s: not closed: it is being recorded still, or its recorder was killed and the last second may be missing\n", o.Source)
	}
	if err == nil {
		err = judged(o.Findings, failOn)
	}
	return err
}

// look is what the rules may look at beside the recording.
func (o *reportOptions) look() (d diagnose.Options, err error) {
	if o.nginxConf == "" {
		return d, nil
	}
	if d.Conf, err = readConf(o.nginxConf, o.nginxVersion); err != nil {
		return d, fmt.Errorf("--nginx-conf: %w", err)
	}
	return d, nil
}

// noneTwice refuses one recording given twice: it would be counted twice.
func noneTwice(files []string) error {
	var seen []os.FileInfo
	for _, name := range files {
		fi, err := os.Stat(name)
		if err != nil {
			continue // Open says it better
		}
		for i, other := range seen {
			if os.SameFile(fi, other) {
				return usagef("%s and %s are one file", files[i], name)
			}
		}
		seen = append(seen, fi)
	}
	return nil
}

// damage is the error for a recording that was only partly readable. A
// recording that just was not closed is whole up to its last second.
func damage(r *capture.Reader) error {
	d := r.Info().Damage
	if len(d) == 0 {
		return nil
	}
	more := ""
	if len(d) > 1 {
		more = fmt.Sprintf(" (and %d more places)", len(d)-1)
	}
	return partial{fmt.Errorf("%s: damaged at byte %d: %s%s; what is readable was used", d[0].File, d[0].Offset, d[0].Text, more)}
}
