package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/spf13/pflag"

	"github.com/wstap/wstap/report"
	"github.com/wstap/wstap/tui"
	"github.com/wstap/wstap/ws"
)

// preferences are the configuration file, TOML. Flags win over it.
type preferences struct {
	Columns    []string            `toml:"columns"`
	Times      string              `toml:"times"`
	Mouse      *bool               `toml:"mouse"`
	Background string              `toml:"background"`
	Keys       map[string][]string `toml:"keys"`
	Theme      map[string]string   `toml:"theme"`
	CloseCodes map[string]string   `toml:"close-codes"`
}

// configMost bounds the file: a device or a log given by mistake is refused.
const configMost = 1 << 20

// looks are the preferences of a dashboard, from flags and the file.
type screenLooks struct {
	file        string
	noColor     bool
	light, dark bool

	prefs *preferences // once loaded
}

func (l *screenLooks) flags(f *pflag.FlagSet) {
	f.StringVar(&l.file, "config", "", "configuration file (default: wstap/config.toml in $XDG_CONFIG_HOME or ~/.config)")
	f.BoolVar(&l.noColor, "no-color", false, "no colours (also: NO_COLOR)")
	f.BoolVar(&l.light, "light", false, "colours for a light background, whatever the terminal says")
	f.BoolVar(&l.dark, "dark", false, "colours for a dark background, whatever the terminal says")
}

// load reads the file, so that what is wrong with it is said before anything
// is started.
func (l *screenLooks) load() error {
	switch {
	case l.prefs != nil:
		return nil
	case l.light && l.dark:
		return usagef("--light and --dark exclude each other")
	}
	p, err := readPreferences(l.file)
	if err == nil {
		l.prefs = &p
	}
	return err
}

// apply puts everything into the options of a dashboard.
func (l *screenLooks) apply(o *tui.Options) error {
	if err := l.load(); err != nil {
		return err
	}
	p := l.prefs
	o.NoColor, o.Light, o.Dark = l.noColor, l.light, l.dark
	if !l.light && !l.dark {
		o.Light, o.Dark = p.Background == "light", p.Background == "dark"
	}
	o.Config, o.Save, o.ConnJSON, o.Copy = p.config(), saveView, report.ConnJSON, clipboard(os.Getenv)
	return nil
}

// readPreferences reads the named file, or the one at the usual place, which
// need not be there.
func readPreferences(name string) (p preferences, err error) {
	usual := name == ""
	if usual {
		dir, err := os.UserConfigDir()
		if err != nil {
			return p, nil // no home, no preferences
		}
		name = filepath.Join(dir, "wstap", "config.toml")
	}
	text, err := readAtMost(name, configMost)
	switch {
	case usual && errors.Is(err, fs.ErrNotExist):
		return p, nil
	case err != nil:
		return p, fmt.Errorf("--config: %w", err)
	}
	meta, err := toml.Decode(text, &p)
	if err != nil {
		return p, usagef("%s: %v", name, err)
	}
	if extra := meta.Undecoded(); len(extra) > 0 {
		return p, usagef("%s: %q is no setting: there are columns, times, mouse, background, [keys], [theme], [close-codes]", name, extra[0].String())
	}
	if err := p.check(); err != nil {
		return p, usagef("%s: %v", name, err)
	}
	return p, nil
}

func readAtMost(name string, most int64) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s: more than %s: this is no configuration", name, sizeText(most))
	}
	return string(text), err
}

func (p *preferences) check() error {
	for _, c := range p.Columns {
		if !slices.Contains(tui.ColumnNames(), c) {
			return fmt.Errorf("columns: %q is none of %s", c, strings.Join(tui.ColumnNames(), ", "))
		}
	}
	if p.Times != "" && !slices.Contains(tui.TimeModeNames(), p.Times) {
		return fmt.Errorf("times: %q is none of %s", p.Times, strings.Join(tui.TimeModeNames(), ", "))
	}
	if !slices.Contains([]string{"", "light", "dark"}, p.Background) {
		return fmt.Errorf("background: %q is neither light nor dark", p.Background)
	}
	if err := tui.CheckKeys(p.Keys); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	if err := tui.CheckTheme(p.Theme); err != nil {
		return fmt.Errorf("theme: %w", err)
	}
	for code := range p.CloseCodes {
		if n, err := strconv.ParseUint(code, 10, 16); err != nil || n < 3000 || n > 4999 {
			return fmt.Errorf("close-codes: %q is no code from 3000 to 4999, which are the ones without a common name", code)
		}
	}
	return nil
}

// config is what the dashboard takes of checked preferences.
func (p *preferences) config() tui.Config {
	c := tui.Config{Columns: p.Columns, Keys: p.Keys, Theme: p.Theme, Codes: p.codes(), NoMouse: p.Mouse != nil && !*p.Mouse}
	c.Times = tui.TimeMode(max(slices.Index(tui.TimeModeNames(), p.Times), 0))
	return c
}

// codes are the names of the application's own close codes.
func (p *preferences) codes() map[ws.CloseCode]string {
	names := make(map[ws.CloseCode]string, len(p.CloseCodes))
	for code, name := range p.CloseCodes {
		n, _ := strconv.ParseUint(code, 10, 16)
		names[ws.CloseCode(n)] = name
	}
	return names
}

// saveView writes what a screen lists to a new file in the working folder, or,
// where that cannot be written to, in the temporary one. Mode 0600: it has
// addresses and targets in it.
func saveView(name string, write func(io.Writer) error) (path string, err error) {
	base := "wstap-" + time.Now().Format("20060102-150405") + "-" + name
	for _, dir := range []string{".", os.TempDir()} {
		path = filepath.Join(dir, base)
		var f *os.File
		if f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			continue
		}
		err = errors.Join(write(f), f.Close())
		if abs, e := filepath.Abs(path); e == nil {
			path = abs
		}
		return path, err
	}
	return "", err
}
