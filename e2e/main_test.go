// Package e2e tests the server as its users and operators meet it. The binary
// is built once, with the race detector. Tests start it with an environment of
// its own, talk to it over HTTP, read its log and its files, and stop it by
// signal. Of the inside they know what is stored, and nothing else.
//
// The files rig_*_test.go hold what the tests share, one file for each subject.
package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// coverVariable names the directory that gets the coverage of the servers, in
// the form that go tool covdata reads. Without it nothing is measured.
const coverVariable = "KUBEORCH_E2E_COVER"

var (
	// shared is the cluster of the tests that only add objects to one.
	shared kubetest.Shared
	// built are the binaries that the tests start.
	built binaries
	// common is the server of the tests that need no server of their own.
	common sharedServer
)

func TestMain(m *testing.M) {
	built.tests = shared.Main(m)
	goleak.VerifyTestMain(&built)
}

// binaries are there while the tests run.
type binaries struct {
	tests interface{ Run() int }
	path  string // of kubeorch
	devdb string // of the database server
}

// Run builds the binaries, runs the tests and returns their exit code.
func (b *binaries) Run() int {
	dir, err := os.MkdirTemp("", "kubeorch-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b.path, b.devdb = filepath.Join(dir, "kubeorch"), filepath.Join(dir, "devdb")
	if err := b.build(); err != nil {
		fmt.Fprintln(os.Stderr, "the servers cannot be built:", err)
		return 1
	}
	code := b.tests.Run()
	if err := common.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// build builds the server with the race detector, but for the cipher that hashes
// passwords: there the detector finds nothing and makes a login take a second.
func (b *binaries) build() error {
	args := []string{"-gcflags=golang.org/x/crypto/blowfish=-race=false"}
	if os.Getenv(coverVariable) != "" {
		args = append(args, "-cover", "-coverpkg=github.com/kubeorch/core/...")
	}
	if err := build("github.com/kubeorch/core", b.path, args...); err != nil {
		return err
	}
	if err := build("github.com/kubeorch/core/tools/devdb", b.devdb); err != nil {
		return err
	}
	return errors.Join(dependOnSources(".."), dependOnSources(filepath.Join("..", "tools", "devdb")))
}

// build builds a program with the race detector.
func build(pkg, path string, args ...string) error {
	args = append([]string{"build", "-race", "-buildvcs=false", "-o", path}, args...)
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// dependOnSources opens the directories of the code below root. go test then
// takes no result from its cache once a file in them has changed.
func dependOnSources(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || path == root {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"bin", "data", "tools", "testdata"}, d.Name()) {
			return filepath.SkipDir
		}
		return nil
	})
}
