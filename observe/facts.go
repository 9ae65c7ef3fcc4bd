package observe

import (
	"strings"

	"github.com/wstap/wstap/internal/redact"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// The events hold their texts as parts of HeadText where they stand in it: the
// head is kept for as long as the conn, and everything else that was made while
// decoding can go.

// requestEvent makes the event of an upgrade request, secrets taken out.
func requestEvent(r *redact.Redactor, head *ws.Head, req *ws.Request) *monitor.Request {
	ev := &monitor.Request{}
	ev.HeadText, ev.HeadCut = headText(r, head)
	in := ev.HeadText
	ev.Method, ev.Target, ev.Proto = partOf(in, head.Method), partOf(in, r.Target(head.Target)), partOf(in, head.Proto)
	ev.Host, ev.Origin = partOf(in, req.Host), partOf(in, r.Text(req.Origin))
	ev.Key, ev.WSVersion = partOf(in, req.Key), partOf(in, req.Version)
	ev.Extensions, ev.Upgrade, ev.Connection = partsOf(in, req.Extensions), partsOf(in, req.Upgrade), partsOf(in, req.Connection)
	ev.NgxConn = partOf(in, head.Get("X-Ngx-Conn"))
	if len(req.Subprotocols) > 0 { // as one list: a secret may follow the name that tells of it
		ev.Subprotocols = partsOf(in, strings.Split(r.Subprotocols(strings.Join(req.Subprotocols, ", ")), ", "))
	}
	for _, f := range req.Forwarded {
		ev.Forwarded = append(ev.Forwarded, partOf(in, f.Name+": "+r.Header(f.Name, f.Value)))
	}
	return ev
}

// responseEvent makes the event of the answer to an upgrade request.
func responseEvent(r *redact.Redactor, head *ws.Head, resp *ws.Response) *monitor.Response {
	ev := &monitor.Response{Status: head.Status, AcceptOK: resp.AcceptOK}
	ev.HeadText, ev.HeadCut = headText(r, head)
	in := ev.HeadText
	ev.Proto, ev.Reason, ev.Accept = partOf(in, head.Proto), partOf(in, head.Reason), partOf(in, resp.Accept)
	ev.Subprotocol, ev.Extensions = partOf(in, r.Subprotocols(resp.Subprotocol)), partOf(in, resp.Extensions)
	ev.Upgrade, ev.Connection = partsOf(in, resp.Upgrade), partsOf(in, resp.Connection)
	return ev
}

// partOf is s as a part of text, or a copy of its own.
func partOf(text, s string) string {
	if i := strings.Index(text, s); i >= 0 {
		return text[i : i+len(s)]
	}
	return strings.Clone(s)
}

func partsOf(text string, l []string) []string {
	for i := range l {
		l[i] = partOf(text, l[i])
	}
	return l
}

func headText(r *redact.Redactor, head *ws.Head) (string, bool) {
	b := r.Head(head.Raw)
	if len(b) > monitor.MaxHeadText {
		return string(b[:monitor.MaxHeadText]), true
	}
	return string(b), false
}
