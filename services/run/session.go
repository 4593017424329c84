package run

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/plan"
)

// ending is why a run ends before its work is done, in a text for people.
type ending string

// The endings. After the last two, another process continues the run.
const (
	endAccess    ending = "the cluster is not open to the owner of the workflow any more"
	endStarter   ending = "the account or API token that started the run may not act any more"
	endNarrowed  ending = "the cluster is open to the owner of the workflow within other bounds now; run again"
	endCancelled ending = "the run was cancelled"
	endDeadline  ending = "the run took longer than it may"
	endHandover  ending = "the server is stopping"
	endLost      ending = "another process has taken the run over"
)

// Error returns the reason.
func (e ending) Error() string { return string(e) }

const (
	maxLogLines  = 5000
	maxErrorText = 500
)

// session is a run that this process works on.
type session struct {
	run       models.Run // as it began; does not change
	workflow  models.Workflow
	plan      *plan.Plan // nil for a tear-down
	typed     models.TriggerData
	recovered map[string]models.NodeState // by the process before this one; nil for a run that began here
	revisions map[string]string           // namespace/name of a Secret to the revision of its values
	contents  map[string]string           // namespace/name of a ConfigMap to a hash of its content
	survey    *applier.Survey             // what the cluster had before the run wrote anything
	cancel    context.CancelCauseFunc
	now       func() time.Time
	done      chan struct{} // closed when the run has ended here
	parent    *session      // of the part of a run that rolls back; has the log
	around    []plan.Step   // of a correction: the drawings that its nodes are from

	recording sync.Mutex // one progress is stored at a time, so that an older one is not stored over it

	mu         sync.Mutex
	grant      *models.ClusterGrant // what the owner may do in the cluster; nil before openTarget
	version    int
	phase      models.RunPhase
	states     map[string]models.NodeState
	logs       []string
	recorded   time.Time                    // when progress was stored last
	result     *models.RunResult            // how it ended
	foreign    map[string]bool              // nodes that failed because an object belongs to another owner
	touched    []applier.Ref                // objects that this run applied
	updated    []applier.Ref                // StatefulSets that it changed, or that the process before it may have
	left       map[objectKey]models.Applied // what it left them as
	remembered map[objectKey]models.Applied // what earlier runs left them as
	inventory  []models.OwnedObject         // as it is stored; nil before it was read
	valuesGone []string                     // Secrets that a tear-down deleted
	cleaned    []models.ObjectChange        // leftovers, and what became of them
	note       string                       // for the person who waits, when the run succeeds
	conceal    []string                     // typed values, the longest first; hidden in texts of the cluster
	news       news                         // what the readers of the run's stream do not have yet
}

func newSession(run models.Run, p *plan.Plan, typed models.TriggerData, now func() time.Time) *session {
	s := &session{
		run: run, plan: p, typed: typed, now: now, done: make(chan struct{}),
		version: run.Version, phase: run.RunPhase, states: map[string]models.NodeState{}, logs: slices.Clone(run.Logs),
		conceal: concealed(typed), revisions: map[string]string{}, foreign: map[string]bool{}, left: map[objectKey]models.Applied{},
		news: news{lines: len(run.Logs), update: models.RunUpdate{RunPhase: run.RunPhase, Version: run.Version}},
	}
	if p != nil {
		s.setPlan(p)
	}
	return s
}

// setPlan sets what the run does. It is called before any work.
func (s *session) setPlan(p *plan.Plan) {
	s.plan = p
	s.readContents(p.Steps)
	for _, step := range p.Steps {
		s.states[step.NodeID] = models.NodeState{Status: models.NodePending}
	}
}

// concealed returns the typed values that no text may hold, the longest first
// because one may be part of another. Very short values are left out: hiding
// "1" or "on" would make texts unreadable and tell what it hides.
func concealed(typed models.TriggerData) []string {
	const shortest = 4
	var list []string
	for _, all := range []map[string]map[string]models.Secret{typed.Secrets, typed.EnvVars} {
		for _, values := range all {
			for _, v := range values {
				if len(v.Reveal()) >= shortest {
					list = append(list, v.Reveal())
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	return list
}

// clean hides typed values in text and makes it valid and short.
func (s *session) clean(text string) string {
	// Not a strings.Replacer: preparing one for a megabyte takes minutes.
	for _, value := range s.conceal {
		text = strings.ReplaceAll(text, value, models.Secret{}.String())
	}
	text = strings.ToValidUTF8(text, "�")
	if r := []rune(text); len(r) > maxErrorText {
		text = string(r[:maxErrorText]) + "…"
	}
	return text
}

// logf adds a line to the run's log, unless that is full.
func (s *session) logf(format string, args ...any) {
	if s.parent != nil {
		s.parent.logf(format, args...)
		return
	}
	if s.logFull() { // searching the line for typed values is what costs
		return
	}
	line := "[" + s.now().Format(time.TimeOnly) + "] " + s.clean(fmt.Sprintf(format, args...))
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.logs) < maxLogLines {
		s.logs = append(s.logs, line)
	}
}

func (s *session) logFull() bool {
	if s.parent != nil {
		return s.parent.logFull()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.logs) >= maxLogLines
}

// set replaces the state of a node.
func (s *session) set(nodeID string, state models.NodeState) {
	at := s.now()
	state.Timestamp, state.Error = &at, s.clean(state.Error)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states[nodeID] = state
	s.news.changed(nodeID)
}

func (s *session) state(nodeID string) models.NodeState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.states[nodeID]
}

// failures returns the ids of the nodes that failed, sorted.
func (s *session) failures() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for id, state := range s.states {
		if state.Status == models.NodeFailed {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// foundForeign notes that a node failed because of another owner's object.
func (s *session) foundForeign(nodeID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.foreign[nodeID] = true
}

// onlyForeign reports whether nodes failed, and all of them because of objects of
// other owners. The caller holds s.mu.
func (s *session) onlyForeign() bool {
	for id, state := range s.states {
		if state.Status == models.NodeFailed && !s.foreign[id] {
			return false
		}
	}
	return len(s.foreign) > 0
}

// progress returns the present states and logs for storing.
func (s *session) progress() models.RunProgress {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recorded = s.now()
	version, phase := s.version, s.phase
	return models.RunProgress{Version: &version, Phase: &phase, NodeStates: maps.Clone(s.states), Logs: slices.Clone(s.logs)}
}

// due reports whether progress was last stored a second ago or more. That of a part
// of a run is not stored.
func (s *session) due() bool {
	if s.parent != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now().Sub(s.recorded) >= time.Second
}

// end skips the nodes that were not finished and keeps the result.
func (s *session) end(status, message string) models.RunResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.now()
	for id, state := range s.states {
		if state.Status == models.NodePending && state.Message == "" || state.Status == models.NodeRunning {
			s.states[id] = models.NodeState{Status: models.NodeSkipped, Timestamp: &at, Message: message}
			s.news.changed(id)
		}
	}
	s.result = &models.RunResult{
		Status: status, Error: message, CompletedAt: at, Duration: at.Sub(s.run.StartedAt).Milliseconds(),
		NodeStates: maps.Clone(s.states), Logs: slices.Clone(s.logs),
		RolledBackTo: s.phase.RolledBackTo, Conflict: status == models.RunFailed && s.onlyForeign(),
	}
	return *s.result
}

// snapshot returns the run as it is at this moment.
func (s *session) snapshot() models.Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.run
	run.Version, run.NodeStates, run.Logs = s.version, maps.Clone(s.states), slices.Clone(s.logs)
	run.Duration, run.RunPhase = s.now().Sub(run.StartedAt).Milliseconds(), s.phase
	if r := s.result; r != nil {
		run.Status, run.Error, run.CompletedAt, run.Duration = r.Status, r.Error, &r.CompletedAt, r.Duration
		run.Conflict, run.RunPhase = r.Conflict, models.RunPhase{RolledBackTo: r.RolledBackTo}
	}
	run.Output = map[string]any{}
	for id, state := range run.NodeStates {
		if len(state.Result) > 0 {
			run.Output[id] = state.Result
		}
	}
	if run.Logs == nil {
		run.Logs = []string{}
	}
	return run
}
