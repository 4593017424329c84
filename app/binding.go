package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/pkg/encryption"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/utils/config"
)

// bindAttempts bounds how often binding is tried while other servers bind the
// same database.
const bindAttempts = 5

// fingerprint tells which secrets a database is used with.
type fingerprint struct {
	key string // id of the present encryption key
	jwt string // hash of the secret that signs sessions
}

func fingerprintOf(box *encryption.Box, jwtSecret string) fingerprint {
	sum := sha256.Sum256([]byte("kubeorch session secret\x00" + jwtSecret))
	return fingerprint{box.Keys()[0], hex.EncodeToString(sum[:8])}
}

func (f fingerprint) String() string { return f.key + " " + f.jwt }

// parseFingerprint reads what String wrote; text of another form is the zero
// fingerprint.
func parseFingerprint(s string) (f fingerprint) {
	f.key, f.jwt, _ = strings.Cut(s, " ")
	return f
}

// checkFiles compares the files of the data directory with the embedded database
// before any is made. Only a first start finds a new database and no files.
func (s *Server) checkFiles(ctx context.Context, who database.Identity) error {
	id, err := os.ReadFile(idFile(s.cfg))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	marked := err == nil
	if marked && strings.TrimSpace(string(id)) != who.ID {
		return notTogether(s.cfg, "%s names another database than %s holds", idFile(s.cfg), storeDir(s.cfg))
	}
	var there, missing []string
	if s.cfg.EncryptionKey == "" {
		there, missing = sorted(keyFile(s.cfg), there, missing)
	}
	if s.cfg.JWTSecret == "" {
		there, missing = sorted(jwtFile(s.cfg), there, missing)
	}
	switch {
	case who.New && !marked && len(there) > 0:
		// An earlier version made files without an id, and a database that stays
		// new until there is an account.
		if known, err := s.knowsKeys(ctx); err != nil || !known {
			return errors.Join(err, notTogether(s.cfg, "%s is new, but %s is not", storeDir(s.cfg), strings.Join(there, " and ")))
		}
	case !who.New && slices.Contains(missing, keyFile(s.cfg)):
		return notTogether(s.cfg, "%s is missing, which %s was encrypted with", keyFile(s.cfg), storeDir(s.cfg))
	case !who.New && slices.Contains(missing, jwtFile(s.cfg)):
		return fmt.Errorf("%s is missing, which %s was used with: restore it from a backup; if it is lost, "+
			"set a new JWT_SECRET, which signs everybody out", jwtFile(s.cfg), storeDir(s.cfg))
	}
	if who.New {
		return s.markDir(who) // before there are secrets, so that a start that breaks off can be repeated
	}
	return nil
}

// markDir names the embedded database in the data directory.
func (s *Server) markDir(who database.Identity) error {
	if _, err := os.Stat(idFile(s.cfg)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return writeDurably(idFile(s.cfg), []byte(who.ID+"\n"))
}

// sorted appends path to there or to missing.
func sorted(path string, there, missing []string) ([]string, []string) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return there, append(missing, path)
	}
	return append(there, path), missing
}

// knowsKeys reports whether the database was used with one of the keys.
func (s *Server) knowsKeys(ctx context.Context) (bool, error) {
	secrets, err := encryptionKeys(s.cfg)
	if err != nil {
		return false, err
	}
	box, err := encryption.NewBox(secrets[0], secrets[1:]...)
	if err != nil {
		return false, err
	}
	announced, err := repositories.NewSealedValues(s.db.Database()).Announced(ctx)
	return overlap(announced, box.Keys()), err
}

// bind binds the database to the secrets in use, after checking that they are
// those of the database. The present key may be new, as long as the former one
// still opens.
func (s *Server) bind(ctx context.Context, who database.Identity, jwtInFile bool) error {
	is := fingerprintOf(s.box, s.cfg.JWTSecret)
	for range bindAttempts {
		if who.Secrets == is.String() {
			return nil
		}
		if err := s.checkBound(ctx, who, is, jwtInFile); err != nil {
			return err
		}
		err := s.db.BindSecrets(ctx, who.Secrets, is.String())
		if !errors.Is(err, database.ErrOtherSecrets) {
			return err
		}
		if who, err = s.db.Identity(ctx); err != nil {
			return err
		}
	}
	return errors.New("other servers keep changing which secrets the database belongs to: do all of them have the same ones?")
}

func (s *Server) checkBound(ctx context.Context, who database.Identity, is fingerprint, jwtInFile bool) error {
	was := parseFingerprint(who.Secrets)
	if who.Secrets == "" {
		// A database of an earlier version: all that it tells is which keys
		// servers began to use.
		announced, err := repositories.NewSealedValues(s.db.Database()).Announced(ctx)
		if err == nil && len(announced) > 0 && !overlap(announced, s.box.Keys()) {
			err = wrongKey(s.cfg, strings.Join(announced, " or "))
		}
		return err
	}
	switch {
	case !slices.Contains(s.box.Keys(), was.key):
		return wrongKey(s.cfg, was.key)
	case was.jwt != is.jwt && jwtInFile:
		return fmt.Errorf("%s is not the one that %s was used with: restore it from a backup; if it is lost, "+
			"set a new JWT_SECRET, which signs everybody out", jwtFile(s.cfg), storeDir(s.cfg))
	case was.jwt != is.jwt:
		s.log.WarnContext(ctx, "JWT_SECRET differs from the one before: everybody has to sign in again")
	}
	return nil
}

// rebind tells an embedded database that its values are sealed with the present
// key of box from here on, so that the next server may start without the others.
func rebind(ctx context.Context, db *database.DB, box *encryption.Box) error {
	who, err := db.Identity(ctx)
	if err != nil {
		return err
	}
	was := parseFingerprint(who.Secrets)
	switch {
	case who.Secrets == "":
		return repositories.NewSealedValues(db.Database()).Announce(ctx, box.Keys()[0], time.Now().UTC())
	case was.key == box.Keys()[0], !slices.Contains(box.Keys(), was.key):
		return nil
	}
	return db.BindSecrets(ctx, who.Secrets, fingerprint{box.Keys()[0], was.jwt}.String())
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

func wrongKey(cfg config.Config, key string) error {
	if cfg.EncryptionKey != "" {
		return fmt.Errorf("ENCRYPTION_KEY is not the key of this database, which is encrypted with key %s: "+
			"set that one, or add it to ENCRYPTION_OLD_KEYS", key)
	}
	return notTogether(cfg, "%s is not the one that %s was encrypted with, key %s", keyFile(cfg), storeDir(cfg), key)
}

// notTogether says that files are of different servers, and what to do.
func notTogether(cfg config.Config, format string, args ...any) error {
	return fmt.Errorf("%s: %s", fmt.Sprintf(format, args...), remedy(cfg.DataDir))
}

// remedy says what to do about a data directory whose files do not belong
// together.
func remedy(dataDir string) string {
	return fmt.Sprintf("restore all of %s from one backup, or remove all of it to start anew without its accounts and clusters", dataDir)
}

func storeDir(cfg config.Config) string { return filepath.Join(cfg.DataDir, "db") }

// jwtFile is where the secret that signs sessions is when none is configured.
func jwtFile(cfg config.Config) string { return filepath.Join(cfg.DataDir, "jwt.secret") }

// idFile names the database that the secrets beside it belong to.
func idFile(cfg config.Config) string { return filepath.Join(cfg.DataDir, "database.id") }
