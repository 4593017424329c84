package account

import (
	"sync"

	"github.com/kubeorch/core/models"
)

// liveSessions knows the credentials that open streams and terminals depend on. The zero value is ready, and safe for concurrent use.
type liveSessions struct {
	mu   sync.Mutex
	open map[credential]*liveSession
}

// credential is a session or an API token.
type credential struct{ sessionID, tokenID string }

func credentialOf(id models.Identity) credential { return credential{id.SessionID, id.TokenID} }

// liveSession is shared by all streams and terminals of one credential.
type liveSession struct {
	id     models.Identity
	ended  chan struct{}
	guards int
}

// guard returns a channel that is closed when the credential ends. release must be
// called once.
func (l *liveSessions) guard(id models.Identity) (ended <-chan struct{}, release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := credentialOf(id)
	s := l.open[key]
	if s == nil {
		s = &liveSession{id: id, ended: make(chan struct{})}
		if l.open == nil {
			l.open = make(map[credential]*liveSession)
		}
		l.open[key] = s
	}
	s.guards++
	return s.ended, func() { l.release(key, s) }
}

func (l *liveSessions) release(key credential, s *liveSession) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.guards--
	if s.guards == 0 && l.open[key] == s {
		delete(l.open, key)
	}
}

// end closes the channels of the credentials that match.
func (l *liveSessions) end(match func(models.Identity) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, s := range l.open {
		if match(s.id) {
			close(s.ended)
			delete(l.open, key)
		}
	}
}

// identities returns the identities behind the credentials in use.
func (l *liveSessions) identities() []models.Identity {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]models.Identity, 0, len(l.open))
	for _, s := range l.open {
		list = append(list, s.id)
	}
	return list
}
