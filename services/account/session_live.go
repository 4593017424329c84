package account

import (
	"sync"

	"github.com/kubeorch/core/models"
)

// liveSessions knows the credentials that something open, such as a stream,
// depends on. The zero value is ready, and safe for concurrent use.
type liveSessions struct {
	mu   sync.Mutex
	open map[credential]*liveSession
}

// credential is a session or an API token.
type credential struct{ sessionID, tokenID string }

func credentialOf(id models.Identity) credential { return credential{id.SessionID, id.TokenID} }

// liveSession is shared by everything that is open for one credential.
type liveSession struct {
	id    models.Identity
	ended chan struct{}
	holds int
}

// hold has the caller told, by ended, when the credential is good no more.
// release must be called once.
func (l *liveSessions) hold(id models.Identity) (ended <-chan struct{}, release func()) {
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
	s.holds++
	return s.ended, func() { l.release(key, s) }
}

func (l *liveSessions) release(key credential, s *liveSession) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.holds--
	if s.holds == 0 && l.open[key] == s {
		delete(l.open, key)
	}
}

// end tells everything that is open for the credentials that match.
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

// identities returns whose credentials something depends on.
func (l *liveSessions) identities() []models.Identity {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]models.Identity, 0, len(l.open))
	for _, s := range l.open {
		list = append(list, s.id)
	}
	return list
}
