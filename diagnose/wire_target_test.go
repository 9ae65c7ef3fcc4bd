package diagnose

import (
	"strconv"
	"strings"
	"testing"
)

func TestTargetGroup(t *testing.T) {
	for _, row := range []struct{ target, want string }{
		{"/ws", "/ws"},
		{"/ws?token=1", "/ws"},
		{"/ws#x", "/ws"},
		{"/", "/"},
		{"", ""},
		{"*", "*"},
		{"http://ws.test/chat/7?x", "/chat/:id"},
		{"http://ws.test", "/"},
		{"/room/17/chat", "/room/:id/chat"},
		{"/room/17/user/18/", "/room/:id/user/:id/"},
		{"/v2/feed", "/v2/feed"},
		{"/v12/feed", "/v12/feed"},
		{"/api/2024/x", "/api/:id/x"},
		{"/ws1", "/ws1"},
		{"/ws12", "/ws12"},
		{"/room042", "/:id"},
		{"/room-4", "/:id"},
		{"/user_4", "/:id"},
		{"/s/123e4567-e89b-12d3-a456-426614174000/x", "/s/:id/x"},
		{"/s/deadbee1", "/s/:id"},
		{"/s/deadbe1", "/s/deadbe1"},
		{"/facade/effaced", "/facade/effaced"},
		{"/defacedeffaced", "/defacedeffaced"},
		{"/s/Zm9vYmFyYmF6cXV4MQ", "/s/:id"},
		{"/s/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x", "/s/:id"},
		{"/s/Zm9vYmFyYmF6cX1", "/s/Zm9vYmFyYmF6cX1"}, // 15 letters and a digit: 16 would do
		{"/s/Zm9vYmFyYmF6cX12x", "/s/:id"},
		{"/notifications-stream-production", "/notifications-stream-production"},
		{"/s/k3j5h2g9f8d7s6a1p0o4x", "/s/:id"},
		{"/s/k/‹redacted:00ff›/x", "/s/k/:id/x"},
		{"/s/‹redacted:abcd›", "/s/:id"},
		{"/socket.io/", "/socket.io/"},
		{"/" + strings.Repeat("a", 100), "/" + strings.Repeat("a", 79) + "…"},
	} {
		if got := targetGroup(row.target); got != row.want {
			t.Errorf("targetGroup(%q) = %q, want %q", row.target, got, row.want)
		}
	}
}

func TestTargetGroupOfManyTargets(t *testing.T) {
	groups := map[string]bool{}
	for _, form := range []func(i int) string{
		func(i int) string { return "/room/" + strconv.Itoa(i) },
		func(i int) string { return "/room-" + strconv.Itoa(i) + "/ws?user=" + strconv.Itoa(i) },
	} {
		for i := range 10_000 {
			groups[targetGroup(form(i))] = true
		}
	}
	if len(groups) != 2 {
		t.Errorf("20,000 targets of two forms make %d groups", len(groups))
	}
}

func TestAppendGroupAllocatesNothing(t *testing.T) {
	buffer := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() { appendGroup(buffer, "/app/v1/room-17/ws?session=1234") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
