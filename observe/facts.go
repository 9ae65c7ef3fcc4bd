package observe

import (
	"strings"

	"github.com/wstap/wstap/internal/redact"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// requestEvent makes the event of an upgrade request, secrets taken out.
func requestEvent(r *redact.Redactor, head *ws.Head, req *ws.Request) *monitor.Request {
	ev := &monitor.Request{}
	ev.HeadText, ev.HeadCut = headText(r, head)
	in := textOf(head, ev.HeadText)
	ev.Method, ev.Target, ev.Proto = in.part(head.Method), in.part(r.Target(head.Target)), in.part(head.Proto)
	ev.Host, ev.Origin = in.part(req.Host), in.part(r.Text(req.Origin))
	ev.Key, ev.WSVersion = in.part(req.Key), in.part(req.Version)
	ev.Extensions, ev.Upgrade, ev.Connection = in.parts(req.Extensions), in.parts(req.Upgrade), in.parts(req.Connection)
	ev.NgxConn = in.part(head.Get("X-Ngx-Conn"))
	if len(req.Subprotocols) > 0 { // as one list: a secret may follow the name that tells of it
		ev.Subprotocols = in.parts(strings.Split(r.Subprotocols(strings.Join(req.Subprotocols, ", ")), ", "))
	}
	for _, f := range req.Forwarded {
		ev.Forwarded = append(ev.Forwarded, in.find(f.Name+": "+r.Header(f.Name, f.Value)))
	}
	return ev
}

// responseEvent makes the event of the answer to an upgrade request.
func responseEvent(r *redact.Redactor, head *ws.Head, resp *ws.Response) *monitor.Response {
	ev := &monitor.Response{Status: head.Status, AcceptOK: resp.AcceptOK}
	ev.HeadText, ev.HeadCut = headText(r, head)
	in := textOf(head, ev.HeadText)
	ev.Proto, ev.Reason, ev.Accept = in.part(head.Proto), in.part(head.Reason), in.part(resp.Accept)
	ev.Subprotocol, ev.Extensions = in.part(r.Subprotocols(resp.Subprotocol)), in.part(resp.Extensions)
	ev.Upgrade, ev.Connection = in.parts(resp.Upgrade), in.parts(resp.Connection)
	return ev
}

func headText(r *redact.Redactor, head *ws.Head) (string, bool) {
	text := r.Head(head.Raw)
	if len(text) > monitor.MaxHeadText {
		return strings.Clone(text[:monitor.MaxHeadText]), true
	}
	return text, false
}

// text is a HeadText. The events hold their other texts as parts of it where
// they stand in it: it is kept for as long as the conn, and everything else that
// was made while decoding can go.
type text struct {
	string
	raw bool // nothing was taken out: parts of the head are parts of it already
}

func textOf(head *ws.Head, headText string) text { return text{headText, headText == head.Raw} }

// part is s, which stood in the head, as a part of t, or a copy of its own.
func (t text) part(s string) string {
	if t.raw {
		return s
	}
	return t.find(s)
}

// find is part for a text that was made anew.
func (t text) find(s string) string {
	if i := strings.Index(t.string, s); i >= 0 {
		return t.string[i : i+len(s)]
	}
	return strings.Clone(s)
}

func (t text) parts(l []string) []string {
	for i := range l {
		l[i] = t.part(l[i])
	}
	return l
}
