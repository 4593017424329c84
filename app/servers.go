package app

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/lease"
)

// Register makes this server known to the others on the database. Servers with
// another JWT_SECRET refuse each other.
func (s *Server) Register(ctx context.Context) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	deps := lease.Deps{Name: host, Version: Version(), Secrets: fingerprintOf(s.box, s.cfg.JWTSecret).jwt, Log: s.log}
	if !s.db.Embedded() {
		deps.Servers, deps.Leases = repositories.NewServers(s.db.Database()), repositories.NewLeases(s.db.Database())
	}
	s.session = lease.NewSession(deps, lease.DefaultOptions())
	if err := s.session.Register(ctx); err != nil {
		return err
	}
	s.beating = worker{run: s.session.Run}
	s.beating.start(ctx)
	return nil
}

// Join has the other servers share their work and their events with this one, which
// is about to listen.
func (s *Server) Join(ctx context.Context) error { return s.session.Join(ctx) }

// Retire tells the other servers that this one takes no work any more.
func (s *Server) Retire(ctx context.Context) error {
	if s.session != nil {
		s.session.Retire(ctx)
	}
	return nil
}

// Leave ends the session, so that what this server held is free at once.
func (s *Server) Leave(ctx context.Context) error {
	if s.session == nil {
		return nil
	}
	return errors.Join(s.beating.stop(ctx), s.session.Leave(ctx))
}

// StopRelay ends the messages to and from the other servers, after those that are on
// their way.
func (s *Server) StopRelay(ctx context.Context) error {
	if s.background == nil {
		return nil
	}
	return s.background.relay.stop(ctx)
}

const (
	// migrateTime bounds the migration of the data, with the wait for another server
	// that is doing it.
	migrateTime = 30 * time.Minute
	// migratePoll is the pause between two looks at whether that one is done.
	migratePoll = 200 * time.Millisecond
)

// Migrate brings the stored data and the indexes into the form of this version. Of
// several servers that start, one does at a time.
func (s *Server) Migrate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTime)
	defer cancel()
	for waiting := false; ; waiting = true {
		release, err := s.claim(ctx, "schema")
		if err != nil {
			return err
		}
		if release != nil {
			defer release()
			return s.db.Migrate(ctx)
		}
		if !waiting {
			s.log.InfoContext(ctx, "another server brings the database to its schema; waiting for it")
		}
		select {
		case <-time.After(migratePoll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
