package main

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
)

// secretBytes is the size of secrets that the server makes for itself.
const secretBytes = 32

// loadSecrets fills in the secrets that the configuration leaves out. They
// are made on the first start and kept in the data directory, whose database
// keeps other processes out by now.
func (s *server) loadSecrets(context.Context) error {
	for name, value := range map[string]*string{"jwt.secret": &s.cfg.JWTSecret, "encryption.key": &s.cfg.EncryptionKey} {
		if *value != "" {
			continue
		}
		secret, err := keptSecret(filepath.Join(s.cfg.DataDir, name))
		if err != nil {
			return err
		}
		*value = secret
	}
	return nil
}

// keptSecret returns the content of a file and makes a random one where there
// is none. A file without a proper secret is an error and never replaced: what
// was sealed with the lost one would be lost with it.
func keptSecret(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err == nil {
		secret := strings.TrimSpace(string(data))
		if raw, err := base64.StdEncoding.DecodeString(secret); err != nil || len(raw) < secretBytes {
			return "", fmt.Errorf("%s is damaged: restore it from a backup, or remove it to give up what it protects", path)
		}
		return secret, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	raw := make([]byte, secretBytes)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the process instead
	secret := base64.StdEncoding.EncodeToString(raw)
	return secret, writeDurably(path, []byte(secret+"\n"))
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
