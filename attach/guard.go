package attach

import (
	"net/netip"
	"sync"
	"time"
)

// bucket allows a number of things a second, and some at once.
type bucket struct {
	rate, burst float64
	spent       float64
	at          time.Time
}

// take says whether one more is allowed.
func (b *bucket) take(now time.Time) bool {
	b.refill(now)
	if b.spent+1 > b.burst {
		return false
	}
	b.spent++
	return true
}

// empty says that nothing more is allowed now.
func (b *bucket) empty(now time.Time) bool {
	b.refill(now)
	return b.spent+1 > b.burst
}

func (b *bucket) refill(now time.Time) {
	if !b.at.IsZero() {
		b.spent = max(b.spent-max(now.Sub(b.at), 0).Seconds()*b.rate, 0)
	}
	b.at = now
}

// A peer may give so many wrong tokens at once, and one more in so much time.
const (
	triesAtOnce  = 10
	triesASecond = 0.2
	// peersKept bounds the peers remembered; a crowd of others shares one count.
	peersKept = 1024
)

// guard remembers who gave wrong tokens.
type guard struct {
	mu     sync.Mutex
	peers  map[netip.Prefix]*bucket
	others bucket
	last   string // the newest peer that gave one
	lastAt time.Time
}

// blocked says that a peer is not heard at present.
func (g *guard) blocked(peer netip.Addr, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.peers[network(peer)]
	if b == nil {
		return len(g.peers) >= peersKept && g.others.empty(now)
	}
	return b.empty(now)
}

// failed counts a wrong token.
func (g *guard) failed(peer netip.Addr, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last, g.lastAt = peer.String(), now
	key := network(peer)
	b := g.peers[key]
	if b == nil {
		b = g.room()
		if b != &g.others {
			g.peers[key] = b
		}
	}
	b.take(now)
}

func (g *guard) room() *bucket {
	if g.peers == nil {
		g.peers = map[netip.Prefix]*bucket{}
		g.others = bucket{rate: triesASecond * triesAtOnce, burst: triesAtOnce * triesAtOnce}
	}
	if len(g.peers) >= peersKept {
		return &g.others
	}
	return &bucket{rate: triesASecond, burst: triesAtOnce}
}

// network is what counts as one peer: of IPv6 a whole /64.
func network(peer netip.Addr) netip.Prefix {
	peer = peer.Unmap().WithZone("")
	bits := peer.BitLen()
	if peer.Is6() {
		bits = 64
	}
	p, _ := peer.Prefix(bits) // zero for the zero address
	return p
}

// tidy forgets who has been quiet for long enough.
func (g *guard) tidy(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, b := range g.peers {
		if b.refill(now); b.spent == 0 {
			delete(g.peers, key)
		}
	}
}

// newest is the newest peer with a wrong token, within d.
func (g *guard) newest(now time.Time, d time.Duration) (peer string, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last, g.last != "" && now.Sub(g.lastAt) < d
}
