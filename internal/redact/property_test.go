package redact

import (
	"strings"
	"testing"
	"time"
)

// errorLine is how nginx would log a request for target.
func errorLine(target string) string {
	return `2026/11/22 10:00:00 [info] 7#7: *3 upstream timed out (110: Connection timed out) while proxying upgraded ` +
		`connection, client: 10.0.0.7, server: demo, request: "GET ` + target + ` HTTP/1.1", upstream: ` +
		`"http://127.0.0.1:1` + target + `", host: "h:80"`
}

// Log lines are joined to requests after redaction, so both must show a target in the same way.
func TestTargetAndTextAgree(t *testing.T) {
	r := New(testKey)
	for _, c := range targetCases {
		if strings.ContainsAny(c.in, "\" ") || !strings.HasPrefix(c.in, "/") {
			continue // nginx refuses blanks; a quote before punctuation ends a value in a log
		}
		if got, want := r.Text(errorLine(c.in)), errorLine(r.Target(c.in)); got != want {
			t.Errorf("%s:\nText   %q\nTarget %q", c.name, got, want)
		}
	}
}

func TestEqualSecretsStayEqual(t *testing.T) {
	a, b := New(testKey), New([]byte("another key"))
	mark := strings.TrimPrefix(a.Target("/?token=abc"), "/?token=")
	for _, got := range []string{
		strings.TrimPrefix(a.Header("Authorization", "Bearer abc"), "Bearer "),
		strings.TrimPrefix(a.Subprotocols("bearer, abc"), "bearer, "),
		strings.TrimPrefix(a.Text("Bearer abc"), "Bearer "),
		a.Header("X-Token", "abc"),
	} {
		if got != mark {
			t.Errorf("got %s, want %s as for the query", got, mark)
		}
	}
	if a.Target("/?token=abd") == a.Target("/?token=abc") || b.Target("/?token=abc") == a.Target("/?token=abc") {
		t.Error("another value or another key gives the same mark")
	}
}

func TestNilRedactorChangesNothing(t *testing.T) {
	var r *Redactor
	const s = "/?token=abc"
	if r.Target(s) != s || r.Text(s) != s || r.Header("Authorization", s) != s || r.Subprotocols("bearer, x") != "bearer, x" ||
		r.Head(headIn) != headIn {
		t.Error("a nil Redactor changed its input")
	}
}

func TestIdempotent(t *testing.T) {
	r := New(testKey)
	for _, c := range append(targetCases, textCases...) {
		checkIdempotent(t, r, c.in)
	}
	for _, c := range headerCases {
		once := r.Header(c.header, c.in)
		if again := r.Header(c.header, once); again != once {
			t.Errorf("Header %s: %q, then %q", c.header, once, again)
		}
	}
	for _, c := range subprotocolCases {
		checkIdempotent(t, r, c.in)
	}
	checkIdempotent(t, r, headIn)
}

func checkIdempotent(t *testing.T, r *Redactor, in string) {
	t.Helper()
	for name, f := range map[string]func(string) string{
		"Target": r.Target, "Text": r.Text, "Subprotocols": r.Subprotocols,
		"Cookie": func(s string) string { return r.Header("Cookie", s) },
		"Auth":   func(s string) string { return r.Header("Authorization", s) },
		"Head":   func(s string) string { return r.Head(s) },
	} {
		once := f(in)
		if again := f(once); again != once {
			t.Errorf("%s(%q)\nonce  %q\ntwice %q", name, in, once, again)
		}
	}
}

func TestNothingToRedactDoesNotAllocate(t *testing.T) {
	r := New(testKey)
	line := errorLine("/ws?room=1&user=2")
	if n := testing.AllocsPerRun(100, func() { r.Text(line); r.Target("/ws?room=1") }); n != 0 {
		t.Errorf("a line without secrets allocates %v times, want 0", n)
	}
}

// Hostile input must not cost its square: each of these is linear work for the scanner.
func TestHostileInputIsLinear(t *testing.T) {
	r := New(testKey)
	for _, unit := range []string{
		"=", "eyJ", "a=", "token=;", "/;sid=a", "bearer ", `"token":`, `"token":{`, "token=\\", "\\", "://", "://@", "%3D", `":`, ";", "token=a;", `token="`, ",\"", "a", "?", "'",
	} {
		in := "/x?token=" + strings.Repeat(unit, 1<<18/len(unit))
		start := time.Now()
		r.Text(in)
		r.Text(in[len("/x?token="):])
		r.Target(in)
		r.Head(in)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("256 KiB of %q took %v", unit, took)
		}
	}
}

func FuzzNoPanicAndIdempotent(f *testing.F) {
	for _, c := range append(targetCases, textCases...) {
		f.Add(c.in)
	}
	for _, c := range subprotocolCases {
		f.Add(c.in)
	}
	f.Add(headIn)
	f.Fuzz(func(t *testing.T, in string) { checkIdempotent(t, New(testKey), in) })
}

const planted = "Pl4ntedS3cretV4lue"

var plantedKeys = []string{"token", "access_token", "AUTH", "x-api-key", "sid", "my.jwt", "passw%6frd"}

// A secret under a sensitive key never survives, whatever stands around it. The surroundings cannot begin or end
// with what would make the key or the value another one.
func FuzzPlantedSecret(f *testing.F) {
	f.Add("/ws?", "&x=1", uint8(0))
	f.Add("/ws?a=b;", ";c=d", uint8(1))
	f.Add(`{"url":"/ws?`, `"}`, uint8(2))
	for _, c := range textCases {
		f.Add(c.in+"&", "&"+c.in, uint8(3))
	}
	f.Fuzz(func(t *testing.T, before, after string, n uint8) {
		if strings.Contains(before+after, planted) {
			t.Skip()
		}
		r, key := New(testKey), plantedKeys[int(n)%len(plantedKeys)]
		pair := key + "=" + planted
		head := "GET /" + noLines(before) + "?" + pair + noLines(after) + " HTTP/1.1\r\nX-Token: " + planted + "\r\nCookie: a=" + planted + "\r\n\r\n"
		for _, got := range []string{
			r.Target(before + "&" + pair + after), r.Target(before + ";" + pair + after), r.Text(before + "?" + pair + after),
			r.Text(before + " " + pair + after), r.Text(errorLine("/" + before + "?" + pair + after)), r.Head(head),
			r.Header("X-Token", before+planted+after), r.Header("Cookie", "a="+planted),
		} {
			if strings.Contains(got, planted) {
				t.Errorf("the secret survived in %q", got)
			}
		}
	})
}

// noLines takes out what would end the start line of a head.
func noLines(s string) string {
	return strings.NewReplacer("\r", "", "\n", "").Replace(s)
}

func BenchmarkText(b *testing.B) {
	r := New(testKey)
	for name, line := range map[string]string{"clean": errorLine("/ws?room=1"), "token": errorLine("/ws?token=abcdef")} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				r.Text(line)
			}
		})
	}
}
