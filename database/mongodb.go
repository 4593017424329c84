// Package database opens the document database: a MongoDB server, or the
// embedded store when none is configured.
package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"reflect"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/kubeorch/core/database/embedded"
)

// DefaultName is the database's name when the configuration gives none.
const DefaultName = "kubeorch"

// Unless the URI says otherwise.
const (
	// selectionTime is how long an operation waits for a primary. Elections take
	// longer at times; people then rather hear of it.
	selectionTime = 5 * time.Second
	// operationTime bounds an operation whose caller sets no bound, with all its
	// attempts. A server that hangs is found out by it.
	operationTime = 10 * time.Second
	// connectTime bounds connecting, and how long a server may take to answer a
	// heartbeat. One that takes longer twice is given up, with what waits for it.
	connectTime = 5 * time.Second
)

// cleanupTime bounds closing after a failed Open.
const cleanupTime = 5 * time.Second

// Config says which database to open.
type Config struct {
	URI     string       // of a MongoDB server; empty: the embedded store
	Name    string       // of the database; empty: DefaultName
	DataDir string       // its directory db holds the embedded store
	Verify  bool         // read every document and index entry of the embedded store before it is used
	Log     *slog.Logger // nil: nothing is logged

	AuditRetention time.Duration // how long the audit trail is kept; 0: for ever
	ClusterLogTTL  time.Duration // how long the logs of clusters are kept; 0: for ever
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	client *mongo.Client
	db     *mongo.Database
	store  *embedded.Store // nil with a server
	keep   retention
}

// Open connects to the database and checks that it answers. Ctx bounds the
// opening only; Close must be called.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Name == "" {
		cfg.Name = DefaultName
	}
	if cfg.URI != "" {
		return connect(ctx, serverOptions(cfg.URI), cfg, nil)
	}
	store, err := embedded.Open(ctx, filepath.Join(cfg.DataDir, "db"), embedded.Options{Log: cfg.Log, Verify: cfg.Verify})
	if err != nil {
		return nil, err
	}
	return connect(ctx, store.ClientOptions(), cfg, store)
}

// serverOptions are those for a MongoDB server. What is acknowledged, and what is
// read, is on a majority of its members, so that no failover undoes it. Reads and
// writes are retried, unless the URI says otherwise.
func serverOptions(uri string) *options.ClientOptions {
	o := options.Client().ApplyURI(uri)
	acknowledged := writeconcern.Majority()
	if o.WriteConcern != nil {
		acknowledged.Journal = o.WriteConcern.Journal
	}
	// A secondary may be behind: what was revoked would be valid there for a while, and
	// a snapshot older than the events that follow it.
	o.SetWriteConcern(acknowledged).SetReadConcern(readconcern.Majority()).SetReadPreference(readpref.Primary())
	if o.ConnectTimeout == nil {
		o.SetConnectTimeout(connectTime)
	}
	if o.Timeout == nil {
		o.SetTimeout(operationTime)
	}
	return o
}

func connect(ctx context.Context, o *options.ClientOptions, cfg Config, store *embedded.Store) (*DB, error) {
	// Documents and lists of unknown shape become map[string]any and []any, so that
	// the driver's types stay in the repositories. Nil lists and maps are stored as
	// empty ones.
	types := bson.NewRegistry()
	types.RegisterTypeMapEntry(bson.TypeArray, reflect.TypeFor[[]any]())
	o.SetRegistry(types)
	o.SetBSONOptions(&options.BSONOptions{DefaultDocumentMap: true, NilSliceAsEmpty: true, NilMapAsEmpty: true})
	if o.AppName == nil {
		o.SetAppName("kubeorch")
	}
	if o.ServerSelectionTimeout == nil {
		o.SetServerSelectionTimeout(selectionTime)
	}
	d := &DB{store: store, keep: retention{audit: cfg.AuditRetention, clusterLog: cfg.ClusterLogTTL}}
	var err error
	if d.client, err = mongo.Connect(o); err != nil {
		if _, ok := errors.AsType[url.EscapeError](err); ok {
			err = errors.New("a % in a user name or password is written %25") // err would show what follows it
		}
		return nil, errors.Join(fmt.Errorf("connect the database: %w", err), d.abandon(ctx))
	}
	d.db = d.client.Database(cfg.Name)
	if err := d.Ping(ctx); err != nil {
		return nil, errors.Join(err, d.abandon(ctx))
	}
	return d, nil
}

// abandon closes a partly opened DB, also when ctx has ended.
func (d *DB) abandon(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	return d.Close(ctx)
}

// Database returns the database that holds the collections.
func (d *DB) Database() *mongo.Database { return d.db }

// Embedded reports whether the database is the embedded store.
func (d *DB) Embedded() bool { return d.store != nil }

// Ping reports whether the database answers.
func (d *DB) Ping(ctx context.Context) error {
	if err := d.client.Ping(ctx, nil); err != nil {
		return fmt.Errorf("the database does not answer: %w", err)
	}
	return nil
}

// Close ends all connections and, with the embedded store, closes its files.
func (d *DB) Close(ctx context.Context) error {
	var errs []error
	if d.client != nil {
		errs = append(errs, d.client.Disconnect(ctx))
	}
	if d.store != nil {
		errs = append(errs, d.store.Close(ctx))
	}
	return errors.Join(errs...)
}
