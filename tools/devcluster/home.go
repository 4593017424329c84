package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// home is the directory of one cluster, as an absolute path. Files for users are at
// its top, all others in subdirectories.
type home string

func (h home) path(elem ...string) string {
	return filepath.Join(append([]string{string(h)}, elem...)...)
}

func (h home) pki(file string) string { return h.path("pki", file) }

func (h home) log(component string) string { return h.path("logs", component+".log") }

// openHome creates dir and locks it until the returned file is closed. The lock ends
// with the process, also after a crash.
func openHome(dir string) (home, *os.File, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", nil, err
	}
	h := home(abs)
	for _, sub := range []string{"pki", "logs", "pods"} {
		if err := os.MkdirAll(h.path(sub), 0o700); err != nil {
			return "", nil, err
		}
	}
	lock, err := os.OpenFile(h.path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(h.path("lock"))
		return "", nil, errors.Join(fmt.Errorf("%s is in use by another devcluster (process %s): %w", dir, holder, err), lock.Close())
	}
	if err := os.WriteFile(h.path("lock"), fmt.Appendf(nil, "%d", os.Getpid()), 0o600); err != nil {
		return "", nil, errors.Join(err, lock.Close())
	}
	return h, lock, nil
}

// writePrivate writes data to path atomically, readable by the owner only.
func writePrivate(path string, data []byte) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return writePrivate(path, data)
}

// readJSON leaves v unchanged when the file is missing or damaged, since such files
// can be generated again.
func readJSON(path string, v any) {
	if data, err := os.ReadFile(path); err == nil {
		_ = json.Unmarshal(data, v)
	}
}
