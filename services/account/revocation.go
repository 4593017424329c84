package account

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/kubeorch/core/models"
)

// RevokeTopic is the topic of the messages that Sessions sends and Hear takes.
const RevokeTopic = "revoke"

// peers are the other servers on the database.
type peers interface {
	// Alone reports that no other server can be serving requests right now.
	Alone() bool
	// Send tells the others something, if there are any. It does not block. A
	// message may be lost while the database is away.
	Send(topic, key string, data []byte)
}

// noPeers stands for the others of a server that can have none.
type noPeers struct{}

// Alone implements peers.
func (noPeers) Alone() bool { return true }

// Send implements peers.
func (noPeers) Send(string, string, []byte) {}

// revocation says whose identities have changed: those of an account, those of
// some sessions, or that of an API token. It travels between servers, so it holds
// ids and nothing that opens a door.
type revocation struct {
	UserID       string   `json:"user,omitempty"`
	SessionsOnly bool     `json:"sessionsOnly,omitempty"` // of the account; its API tokens go on
	Keep         string   `json:"keep,omitempty"`         // a session of the account that goes on, with SessionsOnly
	SessionIDs   []string `json:"sessions,omitempty"`
	TokenID      string   `json:"token,omitempty"`
	Reload       bool     `json:"reload,omitempty"` // nothing has ended, only changed
}

func (r revocation) matches(id models.Identity) bool {
	switch {
	case r.UserID != "":
		return id.UserID == r.UserID && (!r.SessionsOnly || id.SessionID != "" && id.SessionID != r.Keep)
	case r.TokenID != "":
		return id.TokenID == r.TokenID
	}
	return id.SessionID != "" && slices.Contains(r.SessionIDs, id.SessionID)
}

// revoke makes r take effect on all servers.
func (s *Sessions) revoke(r revocation) {
	s.apply(r)
	if data, err := json.Marshal(r); err == nil { // it cannot fail
		s.peers.Send(RevokeTopic, "", data)
	}
}

// apply makes r take effect on this server.
func (s *Sessions) apply(r revocation) {
	s.known.drop(r.matches)
	if !r.Reload {
		s.live.end(r.matches)
	}
}

// Hear takes the message of another server about what that has ended, and ends
// what is open for it here. A message of another form has everything rechecked. It
// does not block.
func (s *Sessions) Hear(_ string, data []byte) {
	var r revocation
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	if err := in.Decode(&r); err != nil || r.UserID == "" && r.TokenID == "" && len(r.SessionIDs) == 0 {
		s.Recheck()
		return
	}
	s.apply(r)
}

// Recheck has everything that is open checked soon, because messages of other
// servers may have been lost. It does not block.
func (s *Sessions) Recheck() {
	s.known.drop(func(models.Identity) bool { return true })
	select {
	case s.lost <- struct{}{}:
	default: // it is about to happen anyway
	}
}
