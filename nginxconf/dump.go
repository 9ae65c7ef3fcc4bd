package nginxconf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// dumpMark begins a file in the output of nginx -T (nginx.c:main).
const dumpMark = "# configuration file "

// markedFile is the name in a line that begins a file.
func markedFile(line []byte) (string, bool) {
	rest, ok := strings.CutPrefix(strings.TrimRight(string(line), "\r"), dumpMark)
	if !ok {
		return "", false
	}
	name, ok := strings.CutSuffix(rest, ":")
	return name, ok && name != ""
}

// IsDump says that text looks like the output of nginx -T: before the first
// file stands nothing that could be of a configuration.
func IsDump(text []byte) bool {
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, "\r\n")
		if name, ok := markedFile(line); ok {
			return path.IsAbs(name)
		}
		if s := bytes.TrimSpace(line); len(s) > 0 && bytes.IndexByte([]byte(";{}#"), s[len(s)-1]) >= 0 {
			return false
		}
	}
	return false
}

// ParseDump reads the output of nginx -T: every file after a line
// "# configuration file NAME:". The first is the main file; what stands before
// it (nginx's own messages) is passed over.
func ParseDump(text []byte, o Options) (*Config, error) {
	names, files := splitDump(text)
	if names == nil {
		return nil, errors.New(`nginxconf: this is no output of nginx -T: no line "# configuration file NAME:"`)
	}
	o.Open = func(name string) (io.ReadCloser, error) {
		body, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("%s is not in this output of nginx -T", name)
		}
		return io.NopCloser(bytes.NewReader(body)), nil
	}
	o.Glob = func(pattern string) (out []string, err error) {
		for _, name := range names {
			ok, err := path.Match(pattern, name)
			if err != nil {
				return nil, err
			}
			if ok {
				out = append(out, name)
			}
		}
		return out, nil
	}
	return Load(names[0], o)
}

// splitDump cuts the output into files. nginx prints a file once however often
// it is included; of one that comes again, the first is kept.
func splitDump(text []byte) (names []string, files map[string][]byte) {
	files = map[string][]byte{}
	name, start, at := "", 0, 0
	end := func(upto int) {
		if _, again := files[name]; name != "" && !again {
			names = append(names, name)
			files[name] = text[start:upto]
		}
	}
	for line := range bytes.Lines(text) {
		if n, ok := markedFile(bytes.TrimRight(line, "\n")); ok {
			end(at)
			name, start = n, at+len(line)
		}
		at += len(line)
	}
	end(len(text))
	return names, files
}
