package tap

import (
	"fmt"
	"strings"
	"testing"
)

func TestSetOptions(t *testing.T) {
	for _, test := range []struct {
		flag, values string
		want         string // what front and back have
		err          string
	}{
		{flag: "tls-cert", values: "a.pem", want: "a.pem a.pem"},
		{flag: "tls-cert", values: "front:a.pem", want: "a.pem -"},
		{flag: "tls-cert", values: "a.pem back:b.pem", want: "a.pem b.pem"},
		{flag: "tls-cert", values: "c:a.pem", want: "c:a.pem c:a.pem"},
		{flag: "tls-cert", values: "front:", err: "empty"},
		{flag: "insecure", values: "all", want: "insecure insecure"},
		{flag: "insecure", values: "back", want: "- insecure"},
		{flag: "insecure", values: "side", err: `"side": no tap of that name; there are front, back`},
		{flag: "other", values: "x", err: "no option"},
	} {
		specs, err := ParseSpecs([]string{":1=a:1", ":2=b:2"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = SetOptions(specs, test.flag, strings.Fields(test.values))
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("--%s %s: error %v, want one with %s", test.flag, test.values, err, test.err)
			}
			continue
		}
		if got := optionText(specs[0]) + " " + optionText(specs[1]); err != nil || got != test.want {
			t.Errorf("--%s %s: %s, %v, want %s", test.flag, test.values, got, err, test.want)
		}
	}
}

func optionText(s Spec) string {
	switch {
	case s.TLS.CertFile != "":
		return s.TLS.CertFile
	case s.TLS.Insecure:
		return "insecure"
	}
	return "-"
}

func TestCheckOptions(t *testing.T) {
	for _, test := range []struct {
		upstream string
		options  []string // flag=value
		err      string
	}{
		{"a:1", []string{"tls-cert=c", "tls-key=k"}, ""},
		{"a:1", []string{"tls-cert=c"}, "needs --tls-key"},
		{"a:1", []string{"tls-key=k"}, "needs --tls-cert"},
		{"a:1", []string{"tls-cert=c", "tls-key=k", "tls-self-signed=all"}, "choose one"},
		{"a:1", []string{"insecure=all"}, "this one is plain"},
		{"a:1", []string{"upstream-ca=f"}, "this one is plain"},
		{"https://a", []string{"insecure=all"}, ""},
		{"https://a", []string{"insecure=all", "upstream-ca=f"}, "choose one"},
		{"unix:/a", []string{"rewrite-host=all"}, "no name"},
	} {
		specs, err := ParseSpecs([]string{":1=" + test.upstream}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range test.options {
			flag, value, _ := strings.Cut(o, "=")
			if err := SetOptions(specs, flag, []string{value}); err != nil {
				t.Fatal(err)
			}
		}
		err = CheckOptions(specs)
		if got := fmt.Sprint(err); err == nil && test.err != "" || err != nil && (test.err == "" || !strings.Contains(got, test.err)) {
			t.Errorf("%s with %v: %v, want %q", test.upstream, test.options, err, test.err)
		}
	}
}
