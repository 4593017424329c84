package run

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// reportEvery is how often what happens in a run is stored and then published.
	// Each time stores the whole log.
	reportEvery = 500 * time.Millisecond
	// reportedAtOnce is how many lines, and how many nodes, one event holds.
	reportedAtOnce = 200
)

// news is what happened in a run and was not published yet. The session's mu guards
// it while it belongs to one.
type news struct {
	lines  int              // of the log, that were published
	nodes  map[string]bool  // whose states changed
	update models.RunUpdate // as it was published
}

func (n *news) changed(nodeID string) {
	if n.nodes == nil {
		n.nodes = map[string]bool{}
	}
	n.nodes[nodeID] = true
}

// record stores the progress of a run.
func (e *Executor) record(ctx context.Context, s *session) error {
	s.recording.Lock()
	defer s.recording.Unlock()
	return e.deps.Runs.Record(ctx, s.run.ID, s.run.Lease, s.progress())
}

// report stores and publishes again and again what happened in a run, until quit is
// closed. What is published is stored already, so that nothing falls between a
// snapshot, which any server may take, and the events that follow it.
func (e *Executor) report(ctx context.Context, s *session, quit <-chan struct{}) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		select {
		case <-quit:
			return
		case <-tick.C:
		}
		publish := e.takeNews(s)
		if publish == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.opts.Recheck)
		if err := e.record(ctx, s); err != nil && models.KindOf(err) != models.Conflict {
			e.deps.Log.WarnContext(ctx, "progress of a run could not be stored", "run", s.run.ID, "err", err)
		}
		cancel()
		publish(ctx)
	}
}

// takeNews returns what publishes the news of a run, or nil when there are none.
func (e *Executor) takeNews(s *session) (publish func(context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, lines := s.news.lines, slices.Clone(s.logs[min(s.news.lines, len(s.logs)):])
	states := map[string]models.NodeState{}
	for id := range s.news.nodes {
		states[id] = s.states[id]
	}
	update := models.RunUpdate{RunPhase: s.phase, Version: s.version}
	updated := update != s.news.update
	if len(lines) == 0 && len(states) == 0 && !updated {
		return nil
	}
	s.news = news{lines: from + len(lines), update: update}
	return func(ctx context.Context) {
		if updated {
			e.tell(ctx, s.run.ID, models.EventRunUpdate, update)
		}
		for some := range slices.Chunk(lines, reportedAtOnce) {
			e.tell(ctx, s.run.ID, models.EventRunLog, models.RunLog{From: from, Lines: some})
			from += len(some)
		}
		for ids := range slices.Chunk(slices.Sorted(maps.Keys(states)), reportedAtOnce) {
			part := make(map[string]models.NodeState, len(ids))
			for _, id := range ids {
				part[id] = states[id]
			}
			e.tell(ctx, s.run.ID, models.EventRunNodes, models.RunNodes{NodeStates: part})
		}
	}
}

// tell publishes an event to the readers of a run's stream.
func (e *Executor) tell(ctx context.Context, runID, event string, data any) {
	if err := e.deps.Events.Publish(models.RunStream(runID), event, data); err != nil {
		e.deps.Log.WarnContext(ctx, "an event of a run could not be published", "run", runID, "err", err)
	}
}
