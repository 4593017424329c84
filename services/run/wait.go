package run

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// The pauses between two looks at the nodes of a run that waits. Each look lists
	// their objects.
	firstLook = 250 * time.Millisecond
	lastLook  = 3 * time.Second

	// waitLogEvery is the least time between two lines about what a run waits for.
	waitLogEvery = 5 * time.Second

	// namedNodes is how many nodes a text about a wait names.
	namedNodes = 5
)

// awaitHealth returns when all nodes of a run are healthy at the same time, with an
// error when the time for that is over or a node can never be.
func (e *Executor) awaitHealth(ctx context.Context, s *session) error {
	if s.phase.Phase != models.PhaseWait {
		until := e.now().Add(time.Duration(s.run.WaitSeconds) * time.Second)
		if err := e.enter(ctx, s, models.RunPhase{Phase: models.PhaseWait, WaitUntil: &until}); err != nil {
			return err
		}
	}
	t, err := e.openTarget(ctx, s)
	if err != nil {
		return err
	}
	all := ctx
	ctx, stop := context.WithTimeout(ctx, s.phase.WaitUntil.Sub(e.now()))
	defer stop()
	w := waiting{session: s, nodes: awaitedNodes(s.plan)}
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		w.look(ctx, t)
		switch {
		case all.Err() != nil:
			return context.Cause(all)
		case len(w.unhealthy) == 0:
			s.logf("all nodes are healthy")
			return nil
		case w.never() || ctx.Err() != nil:
			return w.fail()
		}
		w.tell()
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// waiting is a run that waits for its nodes.
type waiting struct {
	*session

	nodes     []awaited
	unhealthy []unhealthy // as of the last look that could tell
	told      time.Time
	toldText  string
}

// unhealthy is a node that is not healthy yet, and why.
type unhealthy struct {
	nodeID, why string
	never       bool // it cannot become healthy
}

// look finds out which nodes are not healthy. While the cluster does not answer none
// of them is known to be.
func (w *waiting) look(ctx context.Context, t clusterTarget) {
	found, err := observe(ctx, t, w.nodes)
	switch {
	case err == nil:
		w.unhealthy = found
	case len(w.unhealthy) == 0 || ctx.Err() == nil: // at the end of the time, the last reason says more
		why := w.clean(models.MessageOf(clusterFailure(err)))
		w.unhealthy = nil
		for _, n := range w.nodes {
			w.unhealthy = append(w.unhealthy, unhealthy{nodeID: n.step.NodeID, why: why})
		}
	}
}

func (w *waiting) never() bool {
	for _, n := range w.unhealthy {
		if n.never {
			return true
		}
	}
	return false
}

// String names some of the nodes and why they are not healthy.
func (w *waiting) String() string {
	var parts []string
	for i, n := range w.unhealthy {
		if i == namedNodes {
			parts = append(parts, fmt.Sprintf("and %d more", len(w.unhealthy)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("node %q: %s", n.nodeID, n.why))
	}
	return strings.Join(parts, "; ")
}

// tell logs what the run waits for, when that has changed.
func (w *waiting) tell() {
	text := fmt.Sprintf("waiting for %d of %d nodes: %s", len(w.unhealthy), len(w.nodes), w)
	if text == w.toldText || w.now().Sub(w.told) < waitLogEvery {
		return
	}
	w.logf("%s", text)
	w.told, w.toldText = w.now(), text
}

// fail marks the nodes that are not healthy as failed.
func (w *waiting) fail() error {
	for _, n := range w.unhealthy {
		state := w.state(n.nodeID)
		state.Status, state.Error = models.NodeFailed, "not healthy: "+n.why
		w.set(n.nodeID, state)
	}
	if w.never() {
		return failure(fmt.Sprintf("not healthy: %s", w))
	}
	return failure(fmt.Sprintf("not healthy after %v: %s", time.Duration(w.run.WaitSeconds)*time.Second, w))
}
