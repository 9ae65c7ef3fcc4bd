package logparse

// Kind says what an entry is about, in nginx's own fixed words.
type Kind string

// The kinds. rows, below, holds the words that each is recognised by.
const (
	KindUnparsed Kind = "unparsed" // no entry of an error log
	KindOther    Kind = "other"    // an entry with unknown words
	KindDebug    Kind = "debug"    // any entry at level debug

	KindUpstreamTimedOut          Kind = "upstream_timed_out"
	KindUpstreamPrematurelyClosed Kind = "upstream_prematurely_closed"
	KindConnectFailed             Kind = "connect_failed"
	KindRecvFailed                Kind = "recv_failed"
	KindSendFailed                Kind = "send_failed"
	KindNoLiveUpstreams           Kind = "no_live_upstreams"
	KindUpstreamDisabled          Kind = "upstream_disabled"
	KindNoValidHeader             Kind = "no_valid_header"
	KindTooBigHeader              Kind = "too_big_header"
	KindInvalidHeader             Kind = "invalid_header"
	KindUpstreamSentInvalid       Kind = "upstream_sent_invalid"
	KindNotResolved               Kind = "not_resolved"
	KindNoResolver                Kind = "no_resolver"
	KindHostNotFound              Kind = "host_not_found"
	KindInvalidUpstream           Kind = "invalid_upstream"
	KindBindFailed                Kind = "bind_failed"
	KindBindRetry                 Kind = "bind_retry"
	KindUpgradeInSubrequest       Kind = "upgrade_in_subrequest"
	KindAuthRequestStatus         Kind = "auth_request_status"
	KindResponseBuffered          Kind = "response_buffered"
	KindFastCGIStderr             Kind = "fastcgi_stderr"

	KindSSLHandshakeFailed        Kind = "ssl_handshake_failed"
	KindSSLReadFailed             Kind = "ssl_read_failed"
	KindSSLWriteFailed            Kind = "ssl_write_failed"
	KindSSLShutdownFailed         Kind = "ssl_shutdown_failed"
	KindPeerClosedSSLHandshake    Kind = "peer_closed_ssl_handshake"
	KindCertificateVerifyFailed   Kind = "certificate_verify_failed"
	KindClientCertificateFailed   Kind = "client_certificate_failed"
	KindCertificateNotLoaded      Kind = "certificate_not_loaded"
	KindClientTimedOut            Kind = "client_timed_out"
	KindClientClosed              Kind = "client_closed"
	KindClientPrematurelyClosed   Kind = "client_prematurely_closed"
	KindClientClosedKeepalive     Kind = "client_closed_keepalive"
	KindPlainHTTPToHTTPS          Kind = "plain_http_to_https"
	KindUnknownPseudoHeader       Kind = "unknown_pseudo_header"
	KindClientSentUpgrade         Kind = "client_sent_upgrade"
	KindClientSentInvalid         Kind = "client_sent_invalid"
	KindBrokenProxyHeader         Kind = "broken_proxy_header"
	KindBodyTooLarge              Kind = "body_too_large"
	KindBodyBuffered              Kind = "body_buffered"
	KindAccessForbidden           Kind = "access_forbidden"
	KindBasicAuthFailed           Kind = "basic_auth_failed"
	KindLimitConn                 Kind = "limit_conn"
	KindLimitReq                  Kind = "limit_req"
	KindDelayingRequest           Kind = "delaying_request"
	KindOpenFailed                Kind = "open_failed"
	KindNotFound                  Kind = "not_found"
	KindDirectoryForbidden        Kind = "directory_forbidden"
	KindRedirectionCycle          Kind = "redirection_cycle"
	KindUninitializedVariable     Kind = "uninitialized_variable"
	KindWorkerConnections         Kind = "worker_connections"
	KindReusingConnections        Kind = "reusing_connections"
	KindWorkerConnectionsTooLarge Kind = "worker_connections_exceed_limit"
	KindAcceptFailed              Kind = "accept_failed"
	KindSocketFailed              Kind = "socket_failed"
	KindNoMemory                  Kind = "no_memory"
	KindWorkerExited              Kind = "worker_exited"
	KindSignalReceived            Kind = "signal_received"
	KindSignalProcess             Kind = "signal_process"
	KindReconfiguring             Kind = "reconfiguring"
	KindReopeningLogs             Kind = "reopening_logs"
	KindChangingBinary            Kind = "changing_binary"
	KindInheritedSockets          Kind = "inherited_sockets"
	KindStartWorker               Kind = "start_worker"
	KindGracefullyShuttingDown    Kind = "gracefully_shutting_down"
	KindExiting                   Kind = "exiting"
	KindExit                      Kind = "exit"
	KindEventMethod               Kind = "event_method"
	KindVersion                   Kind = "version"
	KindOS                        Kind = "os"
	KindRlimit                    Kind = "rlimit"
	KindOpenSocketLeft            Kind = "open_socket_left"
	KindAborting                  Kind = "aborting"
	KindEpollWaitFailed           Kind = "epoll_wait_failed"
	KindConfigError               Kind = "config_error"
	KindConfigWarning             Kind = "config_warning"
	KindCallFailed                Kind = "call_failed"

	KindStreamClientConnected Kind = "stream_client_connected"
	KindStreamProxyConnected  Kind = "stream_proxy_connected"
	KindStreamDisconnected    Kind = "stream_disconnected"
	KindConnectionTimedOut    Kind = "connection_timed_out"
	KindShutdownTimeout       Kind = "shutdown_timeout"
)

// Known is a row of the catalogue: how a message is recognised and what it means.
type Known struct {
	Kind    Kind
	Words   string // nginx's fixed words; % stands for text that varies
	Pure    bool   // nothing but these words: no text chosen by others
	Meaning string // one line for whoever looks at an incident; on one row of the kind
	ends    bool   // the message ends with Words
}

// rows is the one list of kinds, in the order of matching: of two rows that
// fit, the first wins, so longer words stand before their beginnings.
// src/http/ngx_http_upstream.c and facts of the lab name the levels.
var rows = []Known{
	{KindUpstreamTimedOut, "upstream timed out", true, "a proxy_*_timeout ran out; the action says which: connecting, waiting for the response head, or an idle tunnel", false},
	{KindUpstreamPrematurelyClosed, "upstream prematurely closed connection", true, "the backend ended the connection before its response was complete (502 before the head)", false},
	{KindUpstreamPrematurelyClosed, "upstream prematurely closed FastCGI stdout", true, "", false},
	{KindUpstreamPrematurelyClosed, "upstream prematurely closed FastCGI request", true, "", false},
	{KindConnectFailed, "connect() failed", true, "the backend could not be reached; errno says why (111 refused, 113 no route)", false},
	{KindConnectFailed, "connect() to % failed", false, "", true},
	{KindRecvFailed, "recv() failed", true, "reading failed, mostly a reset; level error is the backend's side, info the client's", false},
	{KindRecvFailed, "readv() failed", true, "", false},
	{KindRecvFailed, "recvmsg() failed", true, "", false},
	{KindRecvFailed, "recvfrom() failed", true, "", false},
	{KindSendFailed, "send() failed", true, "writing failed, mostly to a connection already reset; level error is the backend's side, info the client's", false},
	{KindSendFailed, "sendmsg() failed", true, "", false},
	{KindSendFailed, "sendto() failed", true, "", false},
	{KindSendFailed, "sendfile() failed", true, "", false},
	{KindSendFailed, "writev() failed", true, "", false},
	{KindNoLiveUpstreams, "no live upstreams", true, "all servers of the group are disabled, down or full: 502 at once", false},
	{KindUpstreamDisabled, "upstream server temporarily disabled", true, "max_fails reached: this server gets no requests for fail_timeout", false},
	{KindNoValidHeader, "upstream sent no valid HTTP/1.0 header", true, "the backend does not speak HTTP; its bytes went to the client as they are", false},
	{KindTooBigHeader, "upstream sent too big header", true, "the response head is larger than proxy_buffer_size: 502", false},
	{KindInvalidHeader, "upstream sent invalid header", false, "the backend's response head is malformed: 502", false},
	{KindUpstreamSentInvalid, "upstream sent %", false, "the backend's response breaks HTTP rules", false},
	{KindNotResolved, "% could not be resolved", false, "DNS did not give the backend's address: 502", false},
	{KindNoResolver, "no resolver defined to resolve %", false, "proxy_pass has a variable, but there is no resolver directive: 502", false},
	{KindHostNotFound, "host not found in %", false, "a host name in the configuration does not resolve; at start and reload nginx refuses the configuration", false},
	{KindInvalidUpstream, "no port in upstream %", false, "proxy_pass with a variable gave no usable address: 500", false},
	{KindInvalidUpstream, "invalid URL prefix in %", false, "", false},
	{KindInvalidUpstream, "invalid port in upstream %", false, "", false},
	{KindBindFailed, "bind(%) failed", false, "an address could not be taken: for listen it is in use, for proxy_bind it is not on this host", true},
	{KindBindFailed, "bind() to % failed", false, "", true},
	{KindBindFailed, "still could not bind()", true, "", false},
	{KindBindRetry, "try again to bind() after %", false, "a listen address is in use; nginx tries again", false},
	{KindUpgradeInSubrequest, "connection upgrade in subrequest", true, "auth_request or mirror was answered with 101: the connection is dropped", false},
	{KindAuthRequestStatus, "auth request unexpected status: %", false, "the auth_request backend answered neither 2xx, 401 nor 403: 500", false},
	{KindResponseBuffered, "an upstream response is buffered to a temporary file %", false, "the client reads more slowly than the backend writes", false},
	{KindFastCGIStderr, "FastCGI sent in stderr: %", false, "the FastCGI application wrote to its error output", false},

	{KindSSLHandshakeFailed, "SSL_do_handshake() failed", true, "the TLS handshake failed; \"to upstream\" in the action names the backend's side", false},
	{KindSSLReadFailed, "SSL_read() failed", true, "reading from a TLS connection failed", false},
	{KindSSLWriteFailed, "SSL_write() failed", true, "writing to a TLS connection failed, mostly after a reset; level error is the backend's side, info the client's", false},
	{KindSSLShutdownFailed, "SSL_shutdown() failed", true, "a TLS connection was not closed in order", false},
	{KindPeerClosedSSLHandshake, "peer closed connection in SSL handshake", true, "the other side left during the TLS handshake", false},
	{KindCertificateVerifyFailed, "upstream SSL certificate verify error: %", false, "proxy_ssl_verify refused the backend's certificate: 502", false},
	{KindCertificateVerifyFailed, "upstream SSL certificate does not match %", false, "", false},
	{KindClientCertificateFailed, "client SSL certificate verify error: %", false, "ssl_verify_client refused the client's certificate: 400", false},
	{KindClientCertificateFailed, "client sent no required SSL certificate", true, "", false},
	{KindCertificateNotLoaded, "cannot load certificate%", false, "a certificate or key file is missing, unreadable or wrong", false},

	{KindClientTimedOut, "client timed out", true, "the client was too slow: in a tunnel it did not read for send_timeout, before it sent no complete request", false},
	{KindStreamClientConnected, "udp client % connected to %", false, "", false},
	{KindStreamProxyConnected, "proxy % connected to %", false, "a stream session reached its backend", false},
	{KindStreamProxyConnected, "udp proxy % connected to %", false, "", false},
	{KindStreamDisconnected, "client disconnected", true, "a stream session ended; named is who ended first", false},
	{KindStreamDisconnected, "upstream disconnected", true, "", false},
	{KindStreamDisconnected, "udp client disconnected", true, "", false},
	{KindStreamDisconnected, "udp upstream disconnected", true, "", false},
	{KindClientClosed, "client closed connection", true, "a client left before it sent a request; harmless", false},
	{KindClientPrematurelyClosed, "epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too", true, "a client left before it had its answer (499 if the backend was asked)", false},
	{KindClientPrematurelyClosed, "kevent() reported that client prematurely closed connection, so upstream connection is closed too", true, "", false},
	{KindClientPrematurelyClosed, "client prematurely closed connection, so upstream connection is closed too", true, "", false},
	{KindClientPrematurelyClosed, "epoll_wait() reported that client prematurely closed connection", true, "", false},
	{KindClientPrematurelyClosed, "kevent() reported that client prematurely closed connection", true, "", false},
	{KindClientPrematurelyClosed, "client prematurely closed connection", true, "", false},
	{KindPlainHTTPToHTTPS, "client sent plain HTTP request to HTTPS port", true, "ws:// or http:// was used on a TLS port: 400", false},
	{KindUnknownPseudoHeader, "client sent unknown pseudo-header %", false, "with :protocol: WebSocket over HTTP/2, which nginx does not support: 400", false},
	{KindClientSentUpgrade, `client sent "Upgrade" header`, true, "an Upgrade over HTTP/2 or HTTP/3: refused with 400", false},
	{KindClientSentInvalid, "client sent invalid request", true, "the request breaks HTTP rules: 4xx, or a header was dropped", false},
	{KindClientSentInvalid, "client sent invalid method", true, "", false},
	{KindClientSentInvalid, "client sent invalid version", true, "", false},
	{KindClientSentInvalid, "client sent invalid host header", true, "", false},
	{KindClientSentInvalid, "client sent too long URI", true, "", false},
	{KindClientSentInvalid, "client sent too large request", true, "", false},
	{KindClientSentInvalid, "client sent CONNECT method", true, "", false},
	{KindClientSentInvalid, `client sent HTTP/1.1 request without "Host" header`, true, "", false},
	{KindClientSentInvalid, "client sent %", false, "", false},
	{KindClientClosedKeepalive, "client % closed keepalive connection", false, "a client left between requests; harmless", false},
	{KindStreamClientConnected, "client % connected to %", false, "a stream session began", false},
	{KindBrokenProxyHeader, "broken header: %", false, "no PROXY protocol header where listen … proxy_protocol expects one", false},
	{KindBodyTooLarge, "client intended to send too large %body%", false, "the request body exceeds client_max_body_size: 413", false},
	{KindBodyBuffered, "a client request body is buffered to a temporary file %", false, "a request body exceeds client_body_buffer_size; harmless", false},
	{KindAccessForbidden, "access forbidden by rule", true, "a deny directive: 403", false},
	{KindBasicAuthFailed, `user "%" was not found in %`, false, "basic authentication failed: 401", false},
	{KindBasicAuthFailed, `user "%": password mismatch`, false, "", true},
	{KindBasicAuthFailed, "no user/password was provided for basic authentication", true, "", false},
	{KindLimitConn, "limiting connections%", false, "limit_conn refused a connection (503); a tunnel holds its slot for life", false},
	{KindLimitReq, "limiting requests%", false, "limit_req refused a request: 503", false},
	{KindDelayingRequest, "delaying request%", false, "limit_req held a request back", false},
	{KindOpenFailed, `open() "%" failed`, false, "a file could not be opened; errno says why (2 missing, 13 permission, 24 too many open)", true},
	{KindNotFound, `"%" is not found`, false, "a file for a request does not exist: 404", true},
	{KindDirectoryForbidden, `directory index of "%" is forbidden`, false, "a directory without index file, and autoindex is off: 403", true},
	{KindRedirectionCycle, "rewrite or internal redirection cycle%", false, "rewrite, try_files or error_page lead to each other: 500", false},
	{KindUninitializedVariable, `using uninitialized "%" variable`, false, "a variable of the configuration was never set", true},

	{KindReusingConnections, "% worker_connections are not enough, reusing connections", false, "worker_connections nearly exhausted: idle connections are closed to make room", true},
	{KindWorkerConnections, "% worker_connections are not enough", false, "worker_connections exhausted: connections are dropped, requests get 500; a tunnel uses two", true},
	{KindWorkerConnectionsTooLarge, "% worker_connections exceed open file resource limit%", false, "worker_connections is larger than the descriptor limit", false},
	{KindAcceptFailed, "accept4() failed", true, "a connection could not be accepted; errno 24: descriptor limit, new connections wait", false},
	{KindAcceptFailed, "accept() failed", true, "", false},
	{KindSocketFailed, "socket() failed", true, "no descriptor for a connection to the backend: 500", false},
	{KindNoMemory, "malloc(%) failed", false, "out of memory", true},
	{KindNoMemory, "posix_memalign(%) failed", false, "", true},
	{KindNoMemory, "ngx_slab_alloc() failed: no memory%", false, "", false},
	{KindNoMemory, "could not allocate %", false, "", false},
	{KindWorkerExited, "worker process % exited %", false, "a worker ended; \"on signal\" is a crash or kill: all its tunnels fell at once", false},
	{KindWorkerExited, "cache manager process % exited %", false, "", false},
	{KindWorkerExited, "cache loader process % exited %", false, "", false},
	{KindWorkerExited, "unknown process % exited %", false, "", false},
	{KindSignalProcess, "signal process started", true, "nginx -s was run", false},
	{KindSignalReceived, "signal % received%", false, "nginx was told something; the text says what follows", false},
	{KindReconfiguring, "reconfiguring", true, "a reload began: old workers drain, new ones start", false},
	{KindReopeningLogs, "reopening logs", true, "the logs were rotated", false},
	{KindChangingBinary, "changing binary", true, "an upgrade of nginx in place began", false},
	{KindChangingBinary, "start new binary process %", false, "", false},
	{KindInheritedSockets, "using inherited sockets from %", false, "nginx took over the sockets of a process before it", false},
	{KindStartWorker, "start worker process%", false, "a worker started", false},
	{KindStartWorker, "start cache manager process %", false, "", false},
	{KindStartWorker, "start cache loader process %", false, "", false},
	{KindGracefullyShuttingDown, "gracefully shutting down", true, "an old worker takes no new connections; its tunnels live on until worker_shutdown_timeout", false},
	{KindExiting, "exiting", true, "a process is about to end", false},
	{KindExit, "exit", true, "a process ended", false},
	{KindEventMethod, `using the "%" event method`, false, "start or reload", true},
	{KindVersion, "nginx/%", false, "start: the version", false},
	{KindVersion, "built by %", false, "", false},
	{KindOS, "OS: %", false, "start: the operating system", false},
	{KindRlimit, "getrlimit(RLIMIT_NOFILE): %", false, "start: soft and hard limit of descriptors", false},
	{KindOpenSocketLeft, "open socket #% left in connection %", false, "a leaving worker found a connection that should be closed: a leak in nginx or a module", false},
	{KindAborting, "aborting", true, "a worker ends because of a leak (debug_points)", false},
	{KindEpollWaitFailed, "epoll_wait() failed", true, "errno 4: a signal; harmless", false},
	{KindConfigError, "unknown directive %", false, "the configuration is wrong; on reload the old one stays in force", false},
	{KindConfigError, "invalid number of arguments in %", false, "", false},
	{KindConfigError, "unexpected %", false, "", false},
	{KindConfigError, "invalid parameter %", false, "", false},
	{KindConfigWarning, "conflicting server name %", false, "the configuration has a doubtful place", false},
	{KindConfigWarning, `the "%" directive is deprecated%`, false, "", false},
	{KindConfigWarning, "could not build optimal %", false, "", false},

	{KindConnectionTimedOut, "connection timed out", true, "stream: no byte in either direction for proxy_timeout", false},
	{KindShutdownTimeout, "shutdown timeout", true, "stream: worker_shutdown_timeout ended the session", false},
	{KindShutdownTimeout, "disconnected on shutdown", true, "", false},
	{KindCallFailed, "%() % failed", false, "a system call failed; errno says why", true},
	{KindCallFailed, "%() failed", false, "", true},
}

var otherMeanings = map[Kind]string{
	KindUnparsed: "not a line of an nginx error log",
	KindOther:    "words this version does not know",
	KindDebug:    "a line at level debug",
}

// Catalogue lists all kinds with fixed words, in the order of matching.
func Catalogue() []Known { return append([]Known(nil), rows...) }

// Meaning is the one-line explanation of k, "" if there is none.
func (k Kind) Meaning() string {
	for i := range rows {
		if rows[i].Kind == k && rows[i].Meaning != "" {
			return rows[i].Meaning
		}
	}
	return otherMeanings[k]
}
