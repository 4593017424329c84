package replicaset

import (
	"container/list"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
)

const (
	// maxSessions bounds the sessions that are remembered. A driver has one for each
	// operation under way.
	maxSessions = 10_000
	// maxRemembered bounds the answers that are remembered, in bytes.
	maxRemembered = 32 << 20
)

// retries remembers the last write of each session, so that a retried one is not
// done twice. The sessions that were not used for longest are forgotten first.
type retries struct {
	mu       sync.Mutex
	sessions map[string]*list.Element
	used     *list.List // of *session, the last used in front
	bytes    int        // of all answers
}

// session is a client's session, which has one write at a time.
type session struct {
	id      string
	writing sync.Mutex // held while a write of the session is done
	number  int64      // of the last write
	answer  bson.Raw   // to it; nil: it failed
}

func newRetries() *retries { return &retries{sessions: map[string]*list.Element{}, used: list.New()} }

// do calls write for a write's first attempt and returns its answer. Another
// attempt waits for the first one and gets the same answer.
func (r *retries) do(id string, number int64, write func() (bson.Raw, error)) (bson.Raw, error) {
	s := r.session(id)
	s.writing.Lock()
	defer s.writing.Unlock()
	switch {
	case number < s.number:
		return bson.Marshal(failure(codeTransactionTooOld, "TransactionTooOld", "a newer write of this session has begun"))
	case number == s.number && s.answer != nil:
		return s.answer, nil
	}
	answer, err := write()
	if err != nil {
		return nil, err
	}
	remembered := answer
	if !succeeded(answer) {
		remembered = nil
	}
	r.remember(s, number, remembered)
	return answer, nil
}

func (r *retries) session(id string) *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.sessions[id]; ok {
		r.used.MoveToFront(e)
		return e.Value.(*session)
	}
	s := &session{id: id}
	r.sessions[id] = r.used.PushFront(s)
	return s
}

func (r *retries) remember(s *session, number int64, answer bson.Raw) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.sessions[s.id]; known {
		r.bytes += len(answer) - len(s.answer)
	}
	s.number, s.answer = number, answer
	for r.used.Len() > maxSessions || r.bytes > maxRemembered {
		oldest := r.used.Remove(r.used.Back()).(*session)
		delete(r.sessions, oldest.id)
		r.bytes -= len(oldest.answer)
	}
}
