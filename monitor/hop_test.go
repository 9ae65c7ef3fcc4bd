package monitor

import (
	"regexp"
	"slices"
	"testing"
	"time"
)

func TestHops(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[string]bool{}
	for _, h := range Hops() {
		if !kebab.MatchString(h.Name) || seen[h.Name] || h.Title == "" {
			t.Errorf("%+v: bad or repeated name, or no title", h)
		}
		seen[h.Name] = true
		if h.Idle == 0 && h.Lifetime == 0 && h.Note == "" {
			t.Errorf("%s: neither a limit nor a word on why there is none", h.Name)
		}
		if got, ok := HopByName(h.Name); !ok || got != h {
			t.Errorf("%s: HopByName gives %+v, %v", h.Name, got, ok)
		}
	}
	if _, ok := HopByName("nginxx"); ok {
		t.Error("finds a hop that is none")
	}
}

func TestHopsNear(t *testing.T) {
	tests := []struct {
		d    time.Duration
		kind LimitKind
		want []string
	}{
		{54600 * time.Millisecond, Idle, nil},
		{55 * time.Second, Idle, []string{"heroku"}},
		{59640 * time.Millisecond, Idle, nil},
		{59700 * time.Millisecond, Idle, []string{"nginx", "ingress-nginx", "kong", "apache", "aws-alb", "aws-clb"}},
		{60510 * time.Millisecond, Idle, nil},
		{100 * time.Second, Idle, []string{"cloudflare"}},
		{300 * time.Second, Idle, []string{"envoy", "azure-frontdoor"}},
		{350 * time.Second, Idle, []string{"aws-nlb"}},
		{30 * time.Second, Idle, nil},
		{30 * time.Second, Lifetime, []string{"gcp-alb"}},
		{2 * time.Hour, Lifetime, []string{"aws-apigateway"}},
		{0, Idle, nil},
		{0, Lifetime, nil},
	}
	for _, tt := range tests {
		var got []string
		for _, h := range HopsNear(tt.d, tt.kind) {
			got = append(got, h.Name)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s at %s: %v, want %v", tt.kind, tt.d, got, tt.want)
		}
	}
}

func TestHopLimits(t *testing.T) {
	for name, want := range map[string]int{"aws-alb": 1, "gcp-alb": 1, "aws-apigateway": 2, "haproxy": 0} {
		h, _ := HopByName(name)
		evs := h.Limits(Header{At: testStart, Tap: testTap})
		if len(evs) != want {
			t.Errorf("%s: %d limits, want %d", name, len(evs), want)
		}
		for _, ev := range evs {
			if ev.Source != "hop "+name || ev.Value.Std() != h.limit(ev.Kind) || ev.Value == 0 || ev.Tap != testTap {
				t.Errorf("%s: %+v", name, ev)
			}
		}
	}
}
