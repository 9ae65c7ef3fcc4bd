package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wstap/wstap/tui"
)

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestPreferences(t *testing.T) {
	looks := screenLooks{file: writeConfig(t, `
columns = ["target", "fate"]
times = "utc"
mouse = false
background = "light"
[keys]
quit = ["Q"]
[theme]
near = "bold yellow"
[close-codes]
4001 = "session expired"
`)}
	var o tui.Options
	if err := looks.apply(&o); err != nil {
		t.Fatal(err)
	}
	c := o.Config
	if len(c.Columns) != 2 || c.Times != tui.TimeUTC || !c.NoMouse || !o.Light || o.Dark || c.Keys["quit"][0] != "Q" || c.Theme["near"] != "bold yellow" || c.Codes[4001] != "session expired" || o.Save == nil {
		t.Errorf("%+v", o)
	}
	looks.dark = true
	if err := looks.apply(&o); err != nil || o.Light || !o.Dark {
		t.Errorf("a flag does not win over the file: %v", err)
	}
}

func TestPreferencesAtTheUsualPlace(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	if p, err := readPreferences(""); err != nil || p.Times != "" {
		t.Errorf("no file: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "wstap"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "wstap", "config.toml"), []byte(`times = "ago"`), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := readPreferences(""); err != nil || p.Times != "ago" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestWrongPreferences(t *testing.T) {
	for text, want := range map[string]string{
		`columns = ["colour"]`:              `"colour" is none of mark, number`,
		`columns = 3`:                       "columns",
		`times = "noon"`:                    `"noon" is none of local`,
		`background = "grey"`:               "neither light nor dark",
		"[keys]\nquit = [\"j\"]":            `"j" is both`,
		"[theme]\nnear = \"mauve\"":         `"mauve" is none of`,
		"[close-codes]\n1000 = \"fine\"":    "no code from 3000 to 4999",
		"[close-codes]\nabc = \"fine\"":     "no code from 3000 to 4999",
		`colums = ["target"]`:               `"colums" is no setting`,
		"\x00\x1b[31m":                      "config.toml",
		strings.Repeat("# long\n", 200_000): "this is no configuration",
	} {
		_, err := readPreferences(writeConfig(t, text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
	if _, err := readPreferences(filepath.Join(t.TempDir(), "none.toml")); err == nil {
		t.Error("a named file that is not there is no error")
	}
}

func TestSaveView(t *testing.T) {
	t.Chdir(t.TempDir())
	path, err := saveView("findings.md", func(w io.Writer) error {
		_, err := w.Write([]byte("text"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(path)
	if err != nil || fi.Mode().Perm() != 0o600 || !strings.HasSuffix(path, "-findings.md") || !filepath.IsAbs(path) {
		t.Errorf("%s: %v, %v", path, fi, err)
	}
}

// TestPreferencesOfTheReadme: the file that the README shows is one.
func TestPreferencesOfTheReadme(t *testing.T) {
	_, text, ok := strings.Cut(readme(t), "```toml\n")
	text, _, end := strings.Cut(text, "```")
	if !ok || !end {
		t.Fatal("the README shows no configuration")
	}
	if _, err := readPreferences(writeConfig(t, text)); err != nil {
		t.Error(err)
	}
}
