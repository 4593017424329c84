package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/database/embedded"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/encryption"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/keys"
	"github.com/kubeorch/core/utils/config"
)

// openTries is how often rotate-keys looks for a running server when another
// process has the database: a server that is starting does not listen yet.
// Each look lasts as long as opening the database takes to give up, a second.
const openTries = 10

// rotation is the command rotate-keys.
type rotation struct {
	cfg config.Config
	box *encryption.Box
	log *slog.Logger
	out progressPrinter
}

// RotateKeys seals again what is not under the present key and tells which
// keys nothing needs any more; with drop it takes those out of the key file. A
// value that does not open is an error at the end.
func RotateKeys(ctx context.Context, cfg config.Config, drop bool, stdout io.Writer, log *slog.Logger) error {
	if drop && cfg.EncryptionKey != "" {
		return errors.New("--drop-old is for the key file in DATA_DIR; here keys are configured, remove them from ENCRYPTION_OLD_KEYS")
	}
	keys, err := encryptionKeys(cfg)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no encryption key: neither ENCRYPTION_KEY nor %s", keyFile(cfg))
	}
	if err != nil {
		return err
	}
	box, err := encryption.NewBox(keys[0], keys[1:]...)
	if err != nil {
		return err
	}
	r := rotation{cfg: cfg, box: box, log: log, out: progressPrinter{w: stdout}}
	begin := time.Now()
	sum, err := r.run(ctx)
	if err != nil {
		return err
	}
	r.out.summary(sum, time.Since(begin))
	return errors.Join(r.retire(sum, drop), unreadableError(sum))
}

func unreadableError(sum models.KeyRotation) error {
	if sum.Unreadable == 0 {
		return nil
	}
	return fmt.Errorf("%d values cannot be read", sum.Unreadable)
}

// run rotates in this process, or in the server that has the embedded database.
func (r *rotation) run(ctx context.Context) (models.KeyRotation, error) {
	if r.cfg.MongoURI != "" {
		return r.runLocally(ctx)
	}
	for try := 1; ; try++ {
		sum, err := r.runOnServer(ctx)
		if !errors.Is(err, errNoServer) {
			return sum, err
		}
		sum, inUse := r.runLocally(ctx)
		switch {
		case !errors.Is(inUse, embedded.ErrInUse):
			return sum, inUse
		case ctx.Err() != nil:
			return sum, ctx.Err()
		case try == openTries || errors.Is(err, errNoSocket):
			return sum, fmt.Errorf("%w: stop the server first, it cannot be asked to do it: %w", inUse, err)
		}
	}
}

func (r *rotation) runLocally(ctx context.Context) (sum models.KeyRotation, err error) {
	db, err := database.Open(ctx, database.Config{URI: r.cfg.MongoURI, Name: r.cfg.DBName, DataDir: r.cfg.DataDir, Log: r.log})
	if err != nil {
		return sum, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpStopTimeout)
		defer cancel()
		err = errors.Join(err, db.Close(ctx))
	}()
	// A server that runs beside this could not read what it does not know. The
	// embedded database has none.
	if !db.Embedded() {
		if err := r.checkAnnounced(ctx, db); err != nil {
			return sum, err
		}
	}
	sum, err = rotateIn(ctx, db, r.box, r.log, r.out.progress)
	if err == nil {
		err = rebind(ctx, db, r.box)
	}
	return sum, unfinished(err)
}

// checkAnnounced fails when no server has begun to seal with the present key.
func (r *rotation) checkAnnounced(ctx context.Context, db *database.DB) error {
	key := r.box.Keys()[0]
	announced, err := repositories.NewSealedValues(db.Database()).Announced(ctx)
	if err == nil && !slices.Contains(announced, key) {
		return fmt.Errorf("no server has been started with key %s: restart all with the new key first", key)
	}
	return err
}

// unfinished adds what to do about a rotation that stopped half-way.
func unfinished(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; what is done stays done: run rotate-keys again", err)
}

func keyRotation(db *database.DB, box *encryption.Box) *keys.Rotation {
	return keys.NewRotation(repositories.NewSealedValues(db.Database()), box, models.SealedFields())
}

// retire tells which keys may go. Those in the key file it removes, when asked
// to; the others are in the configuration, which is the operator's.
func (r *rotation) retire(sum models.KeyRotation, drop bool) error {
	inFile := map[string]bool{}
	if r.cfg.EncryptionKey == "" {
		secrets, err := readSecrets(keyFile(r.cfg))
		if err != nil {
			return err
		}
		for _, secret := range secrets {
			id, err := keyIDOf(secret)
			if err != nil {
				return err
			}
			inFile[id] = true
		}
	}
	var removed []string
	for _, id := range sum.Idle {
		switch {
		case !inFile[id]:
			r.out.linef("No record needs key %s any more: remove it from ENCRYPTION_OLD_KEYS.", id)
		case !drop:
			r.out.linef("No record needs key %s any more: kubeorch rotate-keys --drop-old removes it from %s.", id, keyFile(r.cfg))
		default:
			removed = append(removed, id)
		}
	}
	if len(removed) == 0 {
		return nil
	}
	if err := dropKeys(r.cfg, removed); err != nil {
		return err
	}
	for _, id := range removed {
		r.out.linef("Removed key %s from %s.", id, keyFile(r.cfg))
	}
	return nil
}

func keyIDOf(secret string) (string, error) {
	box, err := encryption.NewBox(secret)
	if err != nil {
		return "", err
	}
	return box.Keys()[0], nil
}

// progressPrinter writes what a rotation tells, at most a line a second beside
// the last one of each field and those of unreadable values.
type progressPrinter struct {
	w    io.Writer
	last time.Time
}

func (p *progressPrinter) linef(format string, args ...any) {
	_, _ = fmt.Fprintf(p.w, format+"\n", args...) // without a reader the work goes on
}

func (p *progressPrinter) progress(k models.KeyProgress) {
	switch {
	case k.Unreadable != "":
		p.linef("unreadable: %s of record %s: %s", k.Field, k.Unreadable, k.Reason)
	case k.Done >= k.Total || time.Since(p.last) >= time.Second:
		p.last = time.Now()
		p.linef("%s: %d of %d", k.Field, k.Done, k.Total)
	}
}

func (p *progressPrinter) summary(sum models.KeyRotation, took time.Duration) {
	p.linef("Key %s: %d values rewritten, %d already current, %d unreadable, in %s.",
		sum.Key, sum.Rewritten, sum.Current, sum.Unreadable, took.Round(time.Millisecond))
}

// socketFile is the control socket of a server with an embedded database.
func socketFile(cfg config.Config) string { return filepath.Join(cfg.DataDir, "kubeorch.sock") }
