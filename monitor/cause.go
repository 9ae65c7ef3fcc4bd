package monitor

// Cause of a conn's end. Where several fit, the first of the list wins
// (design §8): what was asked for, then what was said on the wire, then who cut.
type Cause string

const (
	CauseTapShutdown     Cause = "tap_shutdown"
	CauseLingering       Cause = "lingering" // closed cleanly, TCP left open until the timeout
	CauseCloseHandshake  Cause = "close_handshake"
	CauseProxyShutdown   Cause = "proxy_shutdown" // reload, deploy
	CauseSlowConsumer    Cause = "slow_consumer"
	CauseClientReset     Cause = "client_reset"
	CauseServerReset     Cause = "server_reset"
	CauseIdleTimeout     Cause = "idle_timeout"
	CauseLifetimeLimit   Cause = "lifetime_limit"
	CausePeerVanished    Cause = "peer_vanished" // ETIMEDOUT
	CauseClientFIN       Cause = "client_fin"
	CauseServerFIN       Cause = "server_fin"
	CauseTLSFailed       Cause = "tls_failed"
	CauseConnectFailed   Cause = "connect_failed"
	CauseRefused         Cause = "handshake_refused" // a response that is no 101
	CauseHandshakeFailed Cause = "handshake_failed"  // no response
	CauseUnknown         Cause = "unknown"
)

// causes is the one list of causes, in order of precedence, with their words:
// short for a list, and one line for somebody who was just woken by it.
var causes = []struct {
	cause          Cause
	short, meaning string
}{
	{CauseTapShutdown, "wstap stopped", "wstap itself was stopped and ended what was open"},
	{CauseLingering, "lingering TCP", "closed cleanly, but nobody closed TCP until nginx's idle timer did: a false idle alarm, not a drop"},
	{CauseCloseHandshake, "close frame", "a peer said it was done: the close code says why"},
	{CauseProxyShutdown, "nginx shutdown", "an nginx worker left: a reload, a deploy or a stop cut its tunnels"},
	{CauseSlowConsumer, "slow consumer", "the receiver did not read until nginx gave up (send_timeout)"},
	{CauseClientReset, "client reset", "the client's side reset TCP: a crash, a closed tab, or something between"},
	{CauseServerReset, "server reset", "the server reset TCP: a crash, a restart, or bytes left unread"},
	{CauseIdleTimeout, "idle timeout", "no byte either way for the idle limit: ping, or raise proxy_read_timeout"},
	{CauseLifetimeLimit, "lifetime limit", "a hop allows connections only this age, however busy: clients must reconnect"},
	{CausePeerVanished, "peer vanished", "the peer no longer answered on the network: a lost route, power or NAT entry"},
	{CauseClientFIN, "client FIN", "the client's side closed TCP without a close frame"},
	{CauseServerFIN, "server FIN", "the server's side closed TCP without a close frame"},
	{CauseTLSFailed, "TLS failed", "TLS could not be agreed on"},
	{CauseConnectFailed, "connect failed", "the tap could not reach the server behind it"},
	{CauseRefused, "refused", "the answer to the upgrade was no 101"},
	{CauseHandshakeFailed, "no answer", "the upgrade request was never answered"},
	{CauseUnknown, "unknown", "nothing that was seen explains it"},
}

// Causes lists all causes in order of precedence.
func Causes() []Cause {
	cs := make([]Cause, len(causes))
	for i := range causes {
		cs[i] = causes[i].cause
	}
	return cs
}

// Short is a cause in two or three words; an unknown one is shown as it is.
func (c Cause) Short() string {
	for i := range causes {
		if causes[i].cause == c {
			return causes[i].short
		}
	}
	return string(c)
}

// Meaning is one line on what a cause means, "" for one this version does not know.
func (c Cause) Meaning() string {
	for i := range causes {
		if causes[i].cause == c {
			return causes[i].meaning
		}
	}
	return ""
}
