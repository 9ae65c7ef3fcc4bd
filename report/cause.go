package report

import "github.com/wstap/wstap/monitor"

// causes is one line on each cause: what it means for somebody who has just
// been woken by it.
var causes = map[monitor.Cause]string{
	monitor.CauseTapShutdown:     "wstap itself was stopped and ended what was open",
	monitor.CauseLingering:       "closed cleanly, but nobody closed TCP until nginx's idle timer did: a false idle alarm",
	monitor.CauseCloseHandshake:  "a peer said it was done: the close code says why",
	monitor.CauseProxyShutdown:   "an nginx worker left: a reload, a deploy or a stop cut its tunnels",
	monitor.CauseSlowConsumer:    "the receiver did not read until nginx gave up (send_timeout)",
	monitor.CauseClientReset:     "the client's side reset TCP: a crash, a closed tab, or something between",
	monitor.CauseServerReset:     "the server reset TCP: a crash, a restart, or bytes left unread",
	monitor.CauseIdleTimeout:     "no byte either way for the idle limit: ping, or raise proxy_read_timeout",
	monitor.CauseLifetimeLimit:   "a hop allows connections only this age: clients must reconnect",
	monitor.CausePeerVanished:    "the peer no longer answered on the network: a lost route, power or NAT entry",
	monitor.CauseClientFIN:       "the client's side closed TCP without a close frame",
	monitor.CauseServerFIN:       "the server's side closed TCP without a close frame",
	monitor.CauseTLSFailed:       "TLS could not be agreed on",
	monitor.CauseConnectFailed:   "the tap could not reach the server behind it",
	monitor.CauseRefused:         "the answer to the upgrade was no 101",
	monitor.CauseHandshakeFailed: "the upgrade request was never answered",
	monitor.CauseUnknown:         "nothing that was seen explains it",
}

// CauseWords is one line on what a cause means, "" for one this version does
// not know.
func CauseWords(c monitor.Cause) string { return causes[c] }
