package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// server is a running kubeorch.
type server struct {
	*process
	url string
	log *logBuffer
}

// start starts a server on which Ann and Bob have accounts. The environment is
// given as pairs.
func start(t *testing.T, env ...string) *server {
	t.Helper()
	return startIn(t, dataDir(t), env...)
}

// startIn starts a server with its data in dir and waits until it listens. The
// end of the test stops it, in good order, unless it was stopped or killed
// before.
func startIn(t *testing.T, dir string, env ...string) *server {
	t.Helper()
	return startWith(t, environment(dir, env...))
}

// startWith is startIn with a complete environment.
func startWith(t *testing.T, env []string) *server {
	t.Helper()
	s, err := launch(t.TempDir(), env)
	require.NoError(t, err)
	t.Cleanup(func() {
		for _, fault := range s.discard() {
			t.Errorf("the server %s", fault)
		}
		s.showLog(t, 0)
	})
	require.NoError(t, s.awaitAddress())
	return s
}

// launch starts a server in a working directory.
func launch(dir string, env []string) (*server, error) {
	s := &server{log: newLogBuffer(listening)}
	cmd := exec.Command(built.path)
	cmd.Dir, cmd.Env, cmd.Stderr = dir, env, s.log
	var err error
	s.process, err = begin(cmd)
	return s, err
}

var listening = regexp.MustCompile(`msg=listening addr=(\S+)\n`)

// awaitAddress waits until the server listens.
func (s *server) awaitAddress() error {
	select {
	case address := <-s.log.address:
		s.url = "http://" + address
		return nil
	case <-s.exited:
		return fmt.Errorf("the server ended: %w", s.err)
	case <-time.After(time.Minute):
		return errors.New("the server does not listen")
	}
}

// environment is that of a server with its data in dir. Whatever the tests are
// started with has no influence.
func environment(dir string, env ...string) (list []string) {
	all := map[string]string{
		"DATA_DIR": dir, "HOST": "127.0.0.1", "PORT": "0", "LOG_LEVEL": "debug",
		"RATE_LIMIT_RPS": "0", "RATE_LIMIT_AUTH_PER_MINUTE": "0", "MAX_STREAMS_PER_USER": "0", // a test is one client
		"PASSWORD_COST": "10",
		"INVENTORY":     "false",             // else each server keeps one of the cluster that all tests share
		"GORACE":        "atexit_sleep_ms=0", // else each exit takes a second
		"GOCOVERDIR":    os.Getenv(coverVariable),
	}
	for i := 0; i < len(env); i += 2 {
		all[env[i]] = env[i+1]
	}
	for name, value := range all {
		list = append(list, name+"="+value)
	}
	return list
}

// stoppedLog stops the server and returns all that it has logged.
func (s *server) stoppedLog(t *testing.T) string {
	t.Helper()
	s.stop(t)
	return s.log.String()
}

// discard ends the server for good and returns what was wrong: that it did not
// stop in good order, or logged a data race or a panic.
func (s *server) discard() (faults []string) {
	if !s.killed {
		if err := s.terminate(); err != nil {
			faults = append(faults, fmt.Sprintf("did not stop in good order: %v", err))
		}
	}
	_ = s.cmd.Process.Kill()
	<-s.exited
	for _, fault := range []string{"DATA RACE", "panic"} {
		if strings.Contains(s.log.String(), fault) {
			faults = append(faults, "logged a "+fault)
		}
	}
	return faults
}

// showLog shows the end of the log, but nothing from before the byte from, when
// the test failed.
func (s *server) showLog(t *testing.T, from int) {
	t.Helper()
	const most = 1 << 17
	if text := s.log.String(); t.Failed() {
		t.Logf("the server's log:\n%s", text[max(from, len(text)-most):])
	}
}

// goroutines returns how many the server has.
func (s *server) goroutines(t *testing.T) (n int) {
	t.Helper()
	found := regexp.MustCompile(`(?m)^go_goroutines (\d+)$`).FindStringSubmatch(s.call(t, "GET", "/metrics", "", "").text)
	require.NotNil(t, found)
	n, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	return n
}
