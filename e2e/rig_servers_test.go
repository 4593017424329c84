package e2e

import (
	"path/filepath"
	"testing"
)

// servers are several servers on one database, on which Ann and Bob have
// accounts.
type servers struct {
	db  *databaseServer
	all []*server // by number

	secrets []string // what all have in their environment
}

// startServers starts so many servers one after the other. They end with the
// test, before their database. The environment is given as pairs.
func startServers(t *testing.T, count int, env ...string) *servers {
	t.Helper()
	s := newServers(t, count)
	for i := range count {
		s.start(t, i, env...)
	}
	return s
}

// newServers starts the database for so many servers, and none of them.
func newServers(t *testing.T, count int) *servers {
	t.Helper()
	dir := dataDir(t)
	return &servers{
		db:      startDatabase(t, filepath.Join(dir, "db"), count),
		all:     make([]*server, count),
		secrets: []string{"JWT_SECRET", secretIn(t, dir, "jwt.secret"), "ENCRYPTION_KEY", secretIn(t, dir, "encryption.key")},
	}
}

// environment is that of server i. Later pairs win.
func (s *servers) environment(t *testing.T, i int, env ...string) []string {
	t.Helper()
	pairs := append([]string{"MONGO_URI", s.db.uri(i)}, s.secrets...)
	return environment(t.TempDir(), append(pairs, env...)...)
}

// start starts server i, for the first time or again, and waits until it listens.
func (s *servers) start(t *testing.T, i int, env ...string) *server {
	t.Helper()
	s.all[i] = startWith(t, s.environment(t, i, env...))
	return s.all[i]
}

// through returns p at the same server, reached over a link.
func (p *person) through(l *link) *person {
	there := *p.server
	there.url = "http://" + l.address
	return p.on(&there)
}

// link returns a link to the server for its clients.
func (s *server) link(t *testing.T) *link {
	t.Helper()
	return newLink(t, s.url[len("http://"):])
}
