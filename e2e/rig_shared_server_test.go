package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// sharedServer is one server for all tests whose people do not have to be alone
// on it. It starts when the first of them asks for somebody.
type sharedServer struct {
	once  sync.Once
	dir   string
	admin *person
	err   error
}

func (s *sharedServer) start(t *testing.T) {
	s.err = errors.New("the shared server was not started") // where the next line ends the test
	data := dataDir(t)
	if s.dir, s.err = os.MkdirTemp("", "kubeorch-e2e"); s.err != nil {
		return
	}
	if s.err = os.CopyFS(s.dir, os.DirFS(data)); s.err != nil {
		return
	}
	running, err := launch(s.dir, environment(s.dir))
	if s.err = err; err != nil {
		return
	}
	s.admin = running.ann()
	s.err = running.awaitAddress()
}

// stop ends the server and fails with what was wrong with it.
func (s *sharedServer) stop() (err error) {
	if s.admin != nil {
		for _, fault := range s.admin.discard() {
			err = errors.Join(err, errors.New("the shared server "+fault))
		}
		if err != nil {
			err = errors.Join(err, errors.New(s.admin.log.String()))
		}
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// newPerson makes an account on the server that tests share, which goes with
// all its things at the end of the test. Others are at work there as well.
func newPerson(t *testing.T, name string) *person {
	t.Helper()
	common.once.Do(func() { common.start(t) })
	require.NoError(t, common.err)
	admin, from := common.admin, len(common.admin.log.String())
	email := name + "-" + strings.ToLower(rand.Text()[:12]) + "@example.org"
	invite := admin.ask(t, http.StatusCreated, "POST", "/settings/invites", object{"email": email})
	code, _ := invite["code"].(string)
	p := admin.signUp(t, email, code)
	id := p.id(t)
	t.Cleanup(func() {
		admin.showLog(t, from)
		status, text, err := admin.send(context.WithoutCancel(t.Context()), "DELETE", "/admin/users/"+id+"?owned=delete", "")
		// Who has a run that goes on, as after a test that failed, stays.
		if err != nil || status != http.StatusOK && status != http.StatusConflict {
			t.Errorf("%s stays: %d %s %v", email, status, text, err)
		}
	})
	return p
}
