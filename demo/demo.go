// Package demo is a small world of WebSockets on loopback: a server with different temperaments, a stand-in reverse
// proxy that ends idle tunnels and writes an error log as nginx does, and a crowd of clients. It lets wstap be
// tried, shown and tested where no nginx is installed.
//
// Start the server, the proxy in front of it and the crowd in front of that; taps go in between:
//
//	d := &demo.Demo{Log: logFile}
//	server, err := d.StartServer(ctx)
//	proxy, err := d.StartProxy(ctx, server)
//	err = d.RunCrowd(ctx, proxy)
//	d.Wait()
//
// Everything listens on 127.0.0.1 and ends when ctx does. The proxy is a model of nginx's tunnels and of nothing
// else: it is not for traffic that anyone needs.
package demo

import (
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultIdleTimeout = 8 * time.Second
	defaultClients     = 24
)

// Demo holds the settings of one small world; the zero value works. Set the fields before the first call.
type Demo struct {
	IdleTimeout time.Duration // after this long without a byte in either direction the proxy ends a tunnel; 8 s if 0
	Seed        uint64        // of everything random: which clients come, when, and what they do
	Clients     int           // how many clients are there at once; 24 if 0
	Log         io.Writer     // gets the proxy's error log, one Write a line, never two at once; nil discards it

	running sync.WaitGroup // the server and the proxy, which end with the context they were started with

	logMu       sync.Mutex
	connections atomic.Uint64 // nginx's *N: client and upstream connections count together
}

// Wait returns when the server and the proxy have ended and nothing of them is left running. They end with their
// context.
func (d *Demo) Wait() { d.running.Wait() }

func (d *Demo) idleTimeout() time.Duration {
	if d.IdleTimeout <= 0 {
		return defaultIdleTimeout
	}
	return d.IdleTimeout
}

func (d *Demo) clients() int {
	if d.Clients <= 0 {
		return defaultClients
	}
	return d.Clients
}

// dice returns the random numbers of one participant, so that none depends on how the others are scheduled.
func (d *Demo) dice(role, n uint64) *dice {
	return &dice{rand.New(rand.NewPCG(d.Seed, role<<32|n))}
}

// The roles that have dice of their own.
const (
	roleServer = iota + 1
	roleClient
)

// dice belongs to one goroutine.
type dice struct{ *rand.Rand }

// between returns a duration from lo up to hi.
func (d *dice) between(lo, hi time.Duration) time.Duration {
	if hi <= lo {
		return lo
	}
	return lo + time.Duration(d.Int64N(int64(hi-lo)))
}

func pick[T any](d *dice, from []T) T { return from[d.IntN(len(from))] }
