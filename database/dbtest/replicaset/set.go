// Package replicaset stands between drivers and a document server. It presents
// the server as the primary of a replica set of one member, so that drivers retry
// writes; it can step down; and it counts the commands of each application.
//
// What it remembers of writes, to not do a retried one twice, ends with the
// process.
package replicaset

import (
	"context"
	"net"
	"sync"
	"time"
)

// Set is a replica set of one member. It is safe for concurrent use.
type Set struct {
	name    string
	dial    func(context.Context) (net.Conn, error)
	retries *retries

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	down   time.Time // until then it is no primary
	counts map[string]map[string]int64
	done   func(command string) // of Answering
}

// New returns a set with that name in front of the server that dial connects to.
// Without a name it is presented as it is, which is a standalone server.
func New(name string, dial func(context.Context) (net.Conn, error)) *Set {
	return &Set{name: name, dial: dial, retries: newRetries(), conns: map[net.Conn]struct{}{}, counts: map[string]map[string]int64{}}
}

// Serve answers the connections that ln accepts until ctx ends, and closes ln and
// them. Drivers are told that the member is at the address me, which is where they
// go on to; empty: the address of ln. More than one listener may be served.
func (s *Set) Serve(ctx context.Context, ln net.Listener, me string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	if me == "" {
		me = ln.Addr().String()
	}
	var connections sync.WaitGroup
	defer connections.Wait()
	for {
		client, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			cancel()
			return err
		}
		connections.Go(func() { s.serve(ctx, client, me) })
	}
}

func (s *Set) serve(ctx context.Context, client net.Conn, me string) {
	server, err := s.dial(ctx)
	if err != nil {
		_ = client.Close()
		return
	}
	s.mu.Lock()
	s.conns[client] = struct{}{}
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
	c := &conn{set: s, client: client, server: server, me: me}
	c.serve()
	stop()
	_, _ = client.Close(), server.Close()
	s.mu.Lock()
	delete(s.conns, client)
	s.mu.Unlock()
}

// StepDown makes the member a secondary for so long, and closes all connections.
// A write under way is done or not, as after any lost connection.
func (s *Set) StepDown(pause time.Duration) { s.stepDown(pause, nil) }

// stepDown is StepDown for a client that waits for its answer.
func (s *Set) stepDown(pause time.Duration, asks net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = time.Now().Add(pause)
	for c := range s.conns {
		if c != asks {
			_ = c.Close()
		}
	}
}

// Answering has do called after each command of clients that was carried out,
// before its answer is sent: a StepDown there loses the answer.
func (s *Set) Answering(do func(command string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = do
}

func (s *Set) answering(command string) {
	s.mu.Lock()
	do := s.done
	s.mu.Unlock()
	if do != nil {
		do(command)
	}
}

func (s *Set) primary() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !time.Now().Before(s.down)
}

func (s *Set) count(app, command string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts[app] == nil {
		s.counts[app] = map[string]int64{}
	}
	s.counts[app][command]++
}

// Counts returns how many commands of each name the clients of each application
// have sent. An application is what the client's URI names appName.
func (s *Set) Counts() map[string]map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]map[string]int64{}
	for app, commands := range s.counts {
		all[app] = map[string]int64{}
		for name, n := range commands {
			all[app][name] = n
		}
	}
	return all
}
