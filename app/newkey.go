package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"github.com/kubeorch/core/utils/config"
)

// NewKey puts a new key in front of those in the key file. A running server has
// read the file and goes on with the key it knows; the new one counts from the
// next start on.
func NewKey(cfg config.Config, stdout io.Writer) (err error) {
	if cfg.EncryptionKey != "" {
		return errors.New("new-key is for the key file in DATA_DIR; here ENCRYPTION_KEY is configured: " +
			"move its value to ENCRYPTION_OLD_KEYS and set a new one, made with openssl rand -base64 32")
	}
	var id string
	err = changeKeys(cfg, func(keys []string) ([]string, error) {
		secret := newSecret()
		id, err = keyIDOf(secret)
		return slices.Insert(keys, 0, secret), err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s yet: the server makes it on its first start", keyFile(cfg))
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "Key %s is the first in %s.\nRestart the server, so that it uses the key; then run: kubeorch rotate-keys\n", id, keyFile(cfg))
	return err
}

// dropKeys removes the keys with the given ids from the key file.
func dropKeys(cfg config.Config, ids []string) error {
	return changeKeys(cfg, func(keys []string) ([]string, error) {
		var left []string
		for _, secret := range keys {
			id, err := keyIDOf(secret)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(ids, id) {
				left = append(left, secret)
			}
		}
		return left, nil
	})
}

// changeKeys replaces the content of the key file with what change makes of it.
// Of several processes that do so each sees what the one before it wrote.
func changeKeys(cfg config.Config, change func(keys []string) ([]string, error)) (err error) {
	dir, err := os.Open(cfg.DataDir)
	if err != nil {
		return err
	}
	// The lock is on the directory, since each change replaces the file. It
	// goes with the process, however that ends.
	defer func() { err = errors.Join(err, dir.Close()) }()
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", cfg.DataDir, err)
	}
	keys, err := readSecrets(keyFile(cfg))
	if err != nil {
		return err
	}
	if keys, err = change(keys); err != nil {
		return err
	}
	return writeSecrets(keyFile(cfg), keys)
}
