package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubeorch/core/pkg/encryption"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/utils/config"
)

// secretBytes is the size of secrets that the server makes for itself.
const secretBytes = 32

// LoadSecrets fills in the secrets that the configuration leaves out. They are
// made on the first start and kept in the data directory, which is this
// process's alone once its database is open. Lost secrets are an error.
func (s *Server) LoadSecrets(ctx context.Context) (err error) {
	if s.identity, err = s.db.Identity(ctx); err != nil {
		return err
	}
	if s.db.Embedded() {
		if err := s.checkFiles(ctx, s.identity); err != nil {
			return err
		}
	}
	if s.jwtInFile = s.cfg.JWTSecret == ""; s.jwtInFile {
		secrets, err := loadOrCreateSecrets(jwtFile(s.cfg))
		if err != nil {
			return err
		}
		s.cfg.JWTSecret = secrets[0]
	}
	if s.cfg.EncryptionKey == "" {
		if _, err := loadOrCreateSecrets(keyFile(s.cfg)); err != nil {
			return err
		}
	}
	keys, err := encryptionKeys(s.cfg)
	if err != nil {
		return err
	}
	s.box, err = encryption.NewBox(keys[0], keys[1:]...)
	return err
}

// BindSecrets binds the database to the secrets. Secrets that are not those of the
// database are an error. It comes after Register, which refuses secrets that are not
// those of the other servers.
func (s *Server) BindSecrets(ctx context.Context) error {
	if err := s.bind(ctx, s.identity, s.jwtInFile); err != nil {
		return err
	}
	if s.db.Embedded() {
		if err := s.markDir(s.identity); err != nil {
			return err
		}
	}
	return repositories.NewSealedValues(s.db.Database()).Announce(ctx, s.box.Keys()[0], time.Now().UTC())
}

// keyFile is where encryption keys are when none is configured: one a line,
// the present one first.
func keyFile(cfg config.Config) string { return filepath.Join(cfg.DataDir, "encryption.key") }

// encryptionKeys returns the present key and those that only open. It makes
// none: without one it fails with fs.ErrNotExist.
func encryptionKeys(cfg config.Config) ([]string, error) {
	keys := []string{cfg.EncryptionKey}
	if cfg.EncryptionKey == "" {
		var err error
		if keys, err = readSecrets(keyFile(cfg)); err != nil {
			return nil, err
		}
	}
	return append(keys, cfg.EncryptionOldKeys...), nil
}

// loadOrCreateSecrets returns the secrets in a file and makes a random one where
// there is no file.
func loadOrCreateSecrets(path string) ([]string, error) {
	secrets, err := readSecrets(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secrets, err
	}
	secrets = []string{newSecret()}
	return secrets, writeSecrets(path, secrets)
}

// readSecrets returns the secrets in a file, at least one. A file without
// proper secrets is an error and never replaced: what was sealed with the lost
// ones would be lost with them.
func readSecrets(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	secrets := strings.Fields(string(data))
	for _, s := range secrets {
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil || len(raw) < secretBytes {
			secrets = nil
		}
	}
	if len(secrets) == 0 {
		return nil, fmt.Errorf("%s is damaged: %s", path, remedy(filepath.Dir(path)))
	}
	return secrets, nil
}

func writeSecrets(path string, secrets []string) error {
	return writeDurably(path, []byte(strings.Join(secrets, "\n")+"\n"))
}

func newSecret() string {
	raw := make([]byte, secretBytes)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the process instead
	return base64.StdEncoding.EncodeToString(raw)
}

// writeDurably makes a file that is there completely or not at all, also after
// a power cut, and that only its owner can read.
func writeDurably(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".tmp-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
