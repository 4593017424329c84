package app

import (
	"context"
	"errors"

	"github.com/kubeorch/core/database"
)

// OpenDatabase connects to MongoDB, or opens the embedded database. A database of a
// version that is too new is an error.
func (s *Server) OpenDatabase(ctx context.Context) (err error) {
	cfg := database.Config{
		URI: s.cfg.MongoURI, Name: s.cfg.DBName, DataDir: s.cfg.DataDir, Log: s.log, AuditRetention: s.cfg.AuditRetention(),
		ClusterLogTTL: s.cfg.ClusterLogTTL(),
	}
	if s.db, err = database.Open(ctx, cfg); err != nil {
		return err
	}
	return s.db.CheckSchema(ctx)
}

// CloseDatabase flushes and closes the database.
func (s *Server) CloseDatabase(ctx context.Context) error {
	if s.db == nil {
		return nil
	}
	return s.db.Close(ctx)
}

// StartWorkers starts what goes on in the background.
func (s *Server) StartWorkers(ctx context.Context) error {
	s.background.relay.start(ctx)
	s.background.detector.Start(ctx)
	s.background.watchers.Start(ctx)
	s.background.monitor.start(ctx)
	s.background.metrics.Start(ctx)
	s.background.logs.Start(ctx)
	s.background.recovery.start(ctx)
	s.background.retention.start(ctx)
	s.background.sessions.start(ctx)
	s.background.balancer.start(ctx)
	s.background.access.start(ctx)
	s.background.resources.start(ctx)
	s.background.syncer.start(ctx)
	s.background.sweeper.start(ctx)
	s.background.driftKeeper.start(ctx)
	return nil
}

// RefuseRuns makes requests to run a workflow fail from here on.
func (s *Server) RefuseRuns(context.Context) error {
	if s.background != nil {
		s.background.executor.Refuse()
	}
	return nil
}

// StopBalancer gives the clusters up that this server watches and checks, for the
// others to take them at once.
func (s *Server) StopBalancer(ctx context.Context) error {
	if s.background == nil {
		return nil
	}
	return s.background.balancer.stop(ctx)
}

// StopWatchers ends the watches of clusters.
func (s *Server) StopWatchers(ctx context.Context) error {
	if s.background == nil {
		return nil
	}
	return errors.Join(s.background.watchers.Stop(ctx), s.background.detector.Stop(ctx), s.background.syncer.stop(ctx))
}

// CloseStreams ends every open stream, log and terminal, so that StopHTTP has no readers of
// theirs to wait for.
func (s *Server) CloseStreams(ctx context.Context) error {
	if s.background == nil {
		return nil
	}
	s.background.events.Close()
	return errors.Join(s.background.logs.Stop(ctx), s.background.terminals.Stop(ctx))
}

// StopWorkers stops what StartWorkers started and waits for runs, which finish
// or are left to the next server.
func (s *Server) StopWorkers(ctx context.Context) error {
	if s.background == nil {
		return nil
	}
	b := s.background
	err := errors.Join(
		b.monitor.stop(ctx), b.metrics.Stop(ctx), b.recovery.stop(ctx), b.retention.stop(ctx), b.sessions.stop(ctx), b.access.stop(ctx),
		b.resources.stop(ctx), b.sweeper.stop(ctx), b.driftKeeper.stop(ctx), b.executor.Stop(ctx),
	)
	b.others.free()
	return err
}

// Disconnect closes the connections to clusters and to login providers.
func (s *Server) Disconnect(context.Context) error {
	if s.background != nil {
		s.background.connector.Close()
		for _, p := range s.background.providers {
			p.Close()
		}
	}
	return nil
}
