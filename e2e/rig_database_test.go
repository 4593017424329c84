package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database"
)

// databaseServer is a running devdb: a replica set of one member.
type databaseServer struct {
	*process
	log     *logBuffer
	dir     string  // of the store
	address string  // that no link disturbs
	links   []*link // one for each server that uses the database
}

// startDatabase starts a database server, with a link for each of so many servers,
// on the store in a directory. It ends with the test, after what was started later.
func startDatabase(t *testing.T, dir string, links int) *databaseServer {
	t.Helper()
	d := &databaseServer{dir: dir}
	for range links {
		d.links = append(d.links, newLink(t, ""))
	}
	t.Cleanup(func() {
		if !d.killed {
			require.NoError(t, d.terminate(), "the database")
		}
		require.NotContains(t, d.log.String(), "DATA RACE")
		if t.Failed() {
			t.Logf("the database's log:\n%s", d.log)
		}
	})
	d.start(t)
	return d
}

// start starts the server, which has ended or was killed before.
func (d *databaseServer) start(t *testing.T) {
	t.Helper()
	args := []string{"-dir", d.dir, "-replSet", "rs0", "-listen", "127.0.0.1:0"}
	for _, l := range d.links {
		args = append(args, "-listen", "127.0.0.1:0="+l.address)
	}
	pattern := strings.Repeat(`listening (\S+)\n`, 1+len(d.links))
	d.log = newLogBuffer(regexp.MustCompile(pattern))
	cmd := exec.Command(built.devdb, args...)
	cmd.Env = []string{"GORACE=atexit_sleep_ms=0"}
	cmd.Stdout, cmd.Stderr = d.log, d.log
	var err error
	d.process, err = begin(cmd)
	require.NoError(t, err)
	select {
	case <-d.log.address:
	case <-d.exited:
		require.NoError(t, errors.Join(errors.New("the database ended"), d.err), d.log)
	case <-time.After(time.Minute):
		require.Fail(t, "the database does not listen")
	}
	at := regexp.MustCompile(pattern).FindStringSubmatch(d.log.String())
	d.address = at[1]
	for i, l := range d.links {
		l.to(at[2+i])
	}
}

// uri is what server i has as MONGO_URI. Its appName is the name of counts.
func (d *databaseServer) uri(i int) string {
	return fmt.Sprintf("mongodb://%s/?replicaSet=rs0&appName=server-%d", d.links[i].address, i)
}

// with calls do with the database.
func (d *databaseServer) with(t *testing.T, do func(*database.DB)) {
	t.Helper()
	// A direct connection does not ask who is primary.
	db, err := database.Open(t.Context(), database.Config{URI: "mongodb://" + d.address + "/?directConnection=true&appName=test"})
	require.NoError(t, err)
	do(db)
	require.NoError(t, db.Close(t.Context()))
}

// stepDown makes the database a secondary for so many seconds.
func (d *databaseServer) stepDown(t *testing.T, seconds int) {
	t.Helper()
	d.with(t, func(db *database.DB) {
		require.NoError(t, db.Database().Client().Database("admin").RunCommand(t.Context(), object{"replSetStepDown": seconds}).Err())
	})
}

// counts returns how many commands of each name the server i has sent so far.
func (d *databaseServer) counts(t *testing.T, i int) map[string]int {
	t.Helper()
	var status struct{ Apps map[string]map[string]int }
	d.with(t, func(db *database.DB) {
		require.NoError(t, db.Database().Client().Database("admin").RunCommand(t.Context(), object{"serverStatus": 1}).Decode(&status))
	})
	return status.Apps[fmt.Sprintf("server-%d", i)]
}

// secretIn returns a secret from the files of a data directory.
func secretIn(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}
