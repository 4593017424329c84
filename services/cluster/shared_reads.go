package cluster

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/panics"
)

// sharedReadTime bounds a read that several callers wait for.
const sharedReadTime = 10 * time.Second

// sharedReads lets callers that wait at the same time share the next read. A read that
// has begun before a call does not answer it: something may have changed since. The zero
// value is ready for use.
type sharedReads struct {
	waiting singleflight.Group // reads that have not begun, by key

	mu      sync.Mutex
	reading map[string]chan struct{} // by key; closed when the read has ended
}

// do returns what a read that begins after the call finds. When ctx ends before, it
// returns the error of ctx.
func (s *sharedReads) do(ctx context.Context, key string, read func(context.Context) ([]byte, error)) ([]byte, error) {
	next := s.waiting.DoChan(key, func() (any, error) {
		ended := s.begin(key)
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.reading, key)
			close(ended)
		}()
		s.waiting.Forget(key) // who comes from here on waits for the next one
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sharedReadTime)
		defer cancel()
		var found []byte
		err := panics.ToError(func() (err error) { found, err = read(ctx); return err })
		return found, err
	})
	select {
	case r := <-next:
		found, _ := r.Val.([]byte)
		return found, r.Err
	case <-ctx.Done():
		msg := "the request ended before the clusters were read"
		return nil, &models.Error{Op: "cluster.sharedReads.do", Kind: models.Unavailable, Msg: msg, Err: ctx.Err()}
	}
}

// begin waits until nothing is read for key and returns what is closed at the end.
func (s *sharedReads) begin(key string) (ended chan struct{}) {
	for {
		s.mu.Lock()
		before := s.reading[key]
		if before == nil {
			if s.reading == nil {
				s.reading = map[string]chan struct{}{}
			}
			ended = make(chan struct{})
			s.reading[key] = ended
			s.mu.Unlock()
			return ended
		}
		s.mu.Unlock()
		<-before
	}
}
