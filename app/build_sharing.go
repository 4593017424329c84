package app

import (
	"context"
	"time"

	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/account"
	"github.com/kubeorch/core/services/cluster"
	"github.com/kubeorch/core/services/lease"
	"github.com/kubeorch/core/services/relay"
	"github.com/kubeorch/core/services/resource"
	"github.com/kubeorch/core/services/run"
	"github.com/kubeorch/core/services/stream"
	"github.com/kubeorch/core/services/watcher"
)

// The topics of messages that the wiring itself sends.
const (
	topicFree   = "free"   // a server gave work up
	topicCancel = "cancel" // a run was cancelled; its key is the id of the run
)

const (
	// claimTime bounds giving a claim back.
	claimTime = 5 * time.Second
	// handoverTime bounds what is still published about a cluster that another server
	// is about to hold.
	handoverTime = time.Second
)

// peers are the other servers on the database. relay is nil where there can be none.
type peers struct{ relay *relay.Relay }

// Alone reports whether no other server can be serving requests right now.
func (p peers) Alone() bool { return p.relay == nil || p.relay.Alone() }

// Send sends a message to all others.
func (p peers) Send(topic, key string, data []byte) {
	if p.relay != nil {
		p.relay.Send(topic, key, data)
	}
}

// worker runs the relay.
func (p peers) worker() worker {
	if p.relay == nil {
		return worker{run: func(ctx context.Context) error { <-ctx.Done(); return nil }}
	}
	return worker{run: p.relay.Run}
}

// cancel tells the others that a run was cancelled.
func (p peers) cancel(runID string) { p.Send(topicCancel, runID, nil) }

// free tells the others that there is work to be taken.
func (p peers) free() { p.Send(topicFree, "", nil) }

// buildEvents returns the event bus, whose events reach the readers of all servers,
// and what carries them there.
func (s *Server) buildEvents() (*stream.Broadcaster, peers) {
	events := stream.NewBroadcaster()
	if s.db.Embedded() {
		return events, peers{}
	}
	r := relay.New(relay.Deps{
		Store: repositories.NewRelayLog(s.db.Database()), Session: s.session, Sink: events, Readers: events.Readers, Log: s.log,
	})
	events.Attach(r)
	s.session.BeforeSharing(r.Join)
	return events, peers{r}
}

// buildBalancer returns what decides which clusters this server watches and checks.
func (s *Server) buildBalancer(
	clusters clusterServices, watchers *watcher.Manager, syncer *resource.Syncer, others peers,
) *lease.Balancer {
	stored := repositories.NewClusters(s.db.Database())
	return lease.NewBalancer(lease.BalancerDeps{
		Session: s.session, Leases: repositories.NewLeases(s.db.Database()), Prefix: lease.ClusterPrefix,
		Items: func(ctx context.Context) ([]string, error) {
			ids, err := stored.IDs(ctx)
			return append(ids, watcher.NoCluster), err
		},
		Gained: func(id string) {
			watchers.Gained(id)
			clusters.monitor.Gained(id)
			syncer.Nudge()
		},
		Releasing: func(ctx context.Context, id string) {
			clusters.monitor.Releasing(ctx, id)
			watchers.Releasing(ctx, id)
			syncer.Releasing(ctx, id)
			ctx, cancel := context.WithTimeout(ctx, handoverTime)
			defer cancel()
			if err := others.relay.Flush(ctx); err != nil {
				s.log.WarnContext(ctx, "the last statuses of a cluster are not published yet", "cluster", id, "err", err)
			}
		},
		Released: others.free,
		Log:      s.log,
	})
}

// directory tells which servers there are.
func (s *Server) directory() *lease.Directory {
	db := s.db.Database()
	return &lease.Directory{
		Session: s.session, Leases: repositories.NewLeases(db), Runs: repositories.NewRuns(db), Clusters: repositories.NewClusters(db).IDs,
	}
}

// placement answers for the balancer, which is made after those who ask.
type placement struct {
	balancer *lease.Balancer
	syncer   *resource.Syncer
}

// Holds reports whether this server holds a cluster.
func (p *placement) Holds(id string) (fence int64, held bool) { return p.balancer.Holds(id) }

// Nudge has the balancer look again.
func (p *placement) Nudge() { p.balancer.Nudge() }

// added has a new cluster held by one of the servers soon.
func (p *placement) added(others peers) func() {
	return func() {
		p.Nudge()
		p.syncer.Nudge()
		others.free()
	}
}

// claim takes a name on all servers until release is called. It returns nil while
// somebody has it.
func (s *Server) claim(ctx context.Context, name string) (release func(), err error) {
	l, err := s.session.Acquire(ctx, name)
	if err != nil || l == nil {
		return nil, err
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTime)
		defer cancel()
		if err := l.Release(ctx); err != nil {
			s.log.WarnContext(ctx, "a claim could not be given back; it ends with the session", "name", name, "err", err)
		}
	}, nil
}

// hearing are the services that hear of other servers.
type hearing struct {
	sessions *account.Sessions
	access   *cluster.Access
	watchers *watcher.Manager
	recovery *run.Recovery
	executor *run.Executor
	balancer *lease.Balancer
	syncer   *resource.Syncer
}

// listenTo has the services hear what other servers say, and that servers came or went.
func (s *Server) listenTo(others peers, h hearing) {
	s.session.OnLost(h.executor.SessionLost)
	s.session.OnChange(h.recovery.Nudge)
	s.session.OnChange(h.watchers.PeersChanged)
	s.session.OnChange(h.syncer.Nudge)
	if others.relay == nil {
		return
	}
	r := others.relay
	// A server that died may have stored something whose event is not in the log.
	s.session.OnDeath(func() { r.Resync("") })
	r.On(account.RevokeTopic, h.sessions.Hear)
	r.On(cluster.AccessTopic, h.access.Hear)
	r.On(watcher.MessageWatch, func(id string, data []byte) { h.watchers.Wanted(id, string(data)) })
	r.On(resource.MessageSync, func(id string, _ []byte) { h.syncer.Asked(id) })
	r.On(resource.MessageWant, func(id string, _ []byte) { h.syncer.Wanted(id) })
	r.On(topicCancel, func(runID string, _ []byte) { h.executor.CancelRequested(runID) })
	r.On(topicFree, func(string, []byte) {
		s.session.Kick()
		h.balancer.Nudge()
		h.recovery.Nudge()
	})
	for _, f := range []func(){h.sessions.Recheck, h.access.Recheck, h.watchers.PeersChanged, h.recovery.Nudge, h.balancer.Nudge, h.syncer.Nudge} {
		r.OnMissed(f)
	}
}

// sharing is how the servers divide the watching; nil where there can be one only.
func (s *Server) sharing(access *cluster.Access, place *placement, others peers) *watcher.Sharing {
	if others.relay == nil {
		return nil
	}
	return &watcher.Sharing{
		Placement: place, Peers: others, Wishes: repositories.NewWatches(s.db.Database()),
		ClusterOf: access.ClusterOf, Resync: others.relay.Resync,
	}
}
