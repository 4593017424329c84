package main

import (
	"context"
	"errors"

	"github.com/kubeorch/core/database"
)

func (s *server) openDatabase(ctx context.Context) (err error) {
	cfg := database.Config{
		URI: s.cfg.MongoURI, Name: s.cfg.DBName, DataDir: s.cfg.DataDir, Log: s.log, AuditRetention: s.cfg.AuditRetention(),
		ClusterLogTTL: s.cfg.ClusterLogTTL(),
	}
	if s.db, err = database.Open(ctx, cfg); err != nil {
		return err
	}
	return s.db.EnsureIndexes(ctx)
}

func (s *server) closeDatabase(ctx context.Context) error {
	if s.db == nil {
		return nil
	}
	return s.db.Close(ctx)
}

func (s *server) startWorkers(ctx context.Context) error {
	s.parts.watchers.Start(ctx)
	s.parts.monitor.start(ctx)
	s.parts.figures.Start(ctx)
	s.parts.recovery.start(ctx)
	s.parts.sessions.start(ctx)
	return nil
}

func (s *server) refuseRuns(context.Context) error {
	if s.parts != nil {
		s.parts.executor.Refuse()
	}
	return nil
}

func (s *server) stopWatchers(ctx context.Context) error {
	if s.parts == nil {
		return nil
	}
	return s.parts.watchers.Stop(ctx)
}

// closeStreams ends every open stream, so that the HTTP server has not to wait
// for their readers.
func (s *server) closeStreams(context.Context) error {
	if s.parts != nil {
		s.parts.events.Close()
	}
	return nil
}

func (s *server) stopWorkers(ctx context.Context) error {
	if s.parts == nil {
		return nil
	}
	p := s.parts
	return errors.Join(p.monitor.stop(ctx), p.figures.Stop(ctx), p.recovery.stop(ctx), p.sessions.stop(ctx), p.executor.Stop(ctx))
}

func (s *server) disconnect(context.Context) error {
	if s.parts != nil {
		s.parts.connector.Close()
		for _, p := range s.parts.peers {
			p.Close()
		}
	}
	return nil
}
