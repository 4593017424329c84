package limit

import "sync"

// Slots limits how much of something each key has at the same time. It is safe
// for concurrent use. The nil Slots does not limit.
type Slots struct {
	most int

	mu    sync.Mutex
	taken map[string]int
}

// NewSlots returns slots of which each key has most, or nil if most is 0.
func NewSlots(most int) *Slots {
	if most == 0 {
		return nil
	}
	return &Slots{most: most, taken: map[string]int{}}
}

// Take takes a slot of key, if it has one left. release gives the slot back and
// must be called once.
func (s *Slots) Take(key string) (release func(), ok bool) {
	if s == nil {
		return func() {}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[key] >= s.most {
		return nil, false
	}
	s.taken[key]++
	return func() { s.release(key) }, true
}

func (s *Slots) release(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[key]--; s.taken[key] == 0 {
		delete(s.taken, key) // so that memory is bounded by what is taken
	}
}
