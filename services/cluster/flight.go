package cluster

import (
	"context"
	"errors"
	"sync"

	"github.com/kubeorch/core/models"
)

// flights lets checks of the same cluster that come at the same time
// share one. The zero value is ready for use.
type flights struct {
	mu   sync.Mutex
	byID map[string]*pendingCheck
}

// pendingCheck is a check that goes on. What it found is read after done.
type pendingCheck struct {
	done chan struct{}
	found
}

// found is the outcome of a check.
type found struct {
	cluster   models.Cluster
	described bool // metadata was asked for, too
	stored    bool
	err       error
}

// errFlightBroke is what others see of a check that ended in a panic.
var errFlightBroke = errors.New("the check of the cluster broke off")

// do runs check, or waits for one of the same cluster that goes on already and
// takes its outcome if it covers what is asked for.
func (f *flights) do(ctx context.Context, c models.Cluster, describe bool, check func() found) found {
	for {
		flight, first := f.join(c.ID)
		if first {
			return f.fly(c.ID, flight, check)
		}
		select {
		case <-flight.done:
		case <-ctx.Done():
			return found{cluster: c, err: ctx.Err()}
		}
		if flight.covers(c, describe) {
			return flight.found
		}
	}
}

func (f *flights) join(id string) (flight *pendingCheck, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if flight = f.byID[id]; flight != nil {
		return flight, false
	}
	if f.byID == nil {
		f.byID = make(map[string]*pendingCheck)
	}
	flight = &pendingCheck{done: make(chan struct{}), found: found{err: errFlightBroke}}
	f.byID[id] = flight
	return flight, true
}

func (f *flights) fly(id string, flight *pendingCheck, check func() found) found {
	defer func() {
		f.mu.Lock()
		delete(f.byID, id)
		f.mu.Unlock()
		close(flight.done)
	}()
	flight.found = check()
	return flight.found
}

// covers reports whether the outcome is also that of a check of c that begins
// now. One that was given up on says nothing.
func (f found) covers(c models.Cluster, describe bool) bool {
	return f.err == nil && f.cluster.CredentialVersion >= c.CredentialVersion && (f.described || !describe)
}
