package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database/embedded/internal/command"
	"github.com/kubeorch/core/database/embedded/internal/storage"
)

// ErrInUse is wrapped by Open's error when another process has the directory.
var ErrInUse = storage.ErrInUse

// ErrEmpty and ErrDamaged are wrapped by Open's error about a file that has lost
// its content or a part of it. The error names the file and says what to do.
var (
	ErrEmpty   = storage.ErrEmpty
	ErrDamaged = storage.ErrDamaged
)

// ErrClosed is returned for connections after Close.
var ErrClosed = storage.ErrClosed

// uri names the store towards the driver; the dialer ignores the address.
const uri = "mongodb://embedded.invalid/?directConnection=true"

// Options tune a Store.
type Options struct {
	Log   *slog.Logger     // nil: nothing is logged
	Now   func() time.Time // nil: time.Now; decides what TTL indexes remove
	Sweep time.Duration    // between looks at TTL indexes; 0: a minute

	// Verify lets Open look into each document and index, as Store.Verify does.
	// Without it only the structure of the file is checked.
	Verify bool
}

// Store is an open store. It is safe for concurrent use.
type Store struct {
	data   *storage.Store
	server *command.Server
	log    *slog.Logger
	ctx    context.Context // of everything the store does; ends with Close
	stop   context.CancelFunc
	wg     sync.WaitGroup // connections and the sweeper

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
}

// Open opens the store in dir. Dir and the file in it are made if they do not
// exist; a file that is empty or damaged is an error. Open fails within a second,
// with an error that wraps ErrInUse and names dir, if another process has it
// open. Ctx bounds opening only; Close ends the store.
func Open(ctx context.Context, dir string, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sweep <= 0 {
		o.Sweep = time.Minute
	}
	data, err := storage.Open(dir, o.Log)
	if err != nil {
		return nil, fmt.Errorf("embedded store: %w", err)
	}
	if o.Verify {
		if err := data.Verify(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("embedded store in %s: %w", dir, err), data.Close())
		}
	}
	s := &Store{data: data, server: command.New(data, o.Now, o.Log), log: o.Log, conns: map[net.Conn]struct{}{}}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.wg.Go(func() { s.sweep(o.Sweep) })
	return s, nil
}

// ClientOptions returns options with which mongo.Connect talks to the store.
func (s *Store) ClientOptions() *options.ClientOptions {
	return options.Client().ApplyURI(uri).SetDialer(s)
}

// Close ends all connections, waits for the commands under way and closes the
// files. Writes that were acknowledged are on disk. If ctx ends first, Close
// returns its error and the store ends in the background.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.stop()
	done := make(chan error, 1)
	go func() {
		s.wg.Wait()
		done <- s.data.Close()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("close the embedded store: %w", ctx.Err())
	}
}

// Verify checks that documents are well formed and that indexes have exactly
// the entries that documents ask for. It reads everything.
func (s *Store) Verify(ctx context.Context) error { return s.data.Verify(ctx) }

// sweep removes what TTL indexes say has expired, and forgotten cursors.
func (s *Store) sweep(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
			s.server.ExpireCursors()
			if err := s.server.ExpireDocuments(s.ctx); err != nil && s.ctx.Err() == nil {
				s.log.Warn("embedded store: expired documents could not be removed", "err", err)
			}
		}
	}
}
