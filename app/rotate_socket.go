package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kubeorch/core/models"
)

var (
	// errNoServer says that no server listens on the socket.
	errNoServer = errors.New("no server listens on the socket")
	// errNoSocket says that none ever will.
	errNoSocket = errors.New("there can be no socket")
)

// rotationEvent is one line of what a server answers to rotate-keys.
// The last line has a summary or an error.
type rotationEvent struct {
	Progress *models.KeyProgress `json:"progress,omitempty"`
	Summary  *models.KeyRotation `json:"summary,omitempty"`
	Error    string              `json:"error,omitempty"`
}

// controlSocket is where the server of an embedded database, which no other
// process can open, works for commands on the same machine.
type controlSocket struct {
	srv     *http.Server
	cancel  context.CancelFunc // ends the requests under way
	serving sync.WaitGroup
}

// OpenControlSocket listens for commands on the same machine. A server that
// cannot have the socket works without it and logs that.
func (s *Server) OpenControlSocket(ctx context.Context) error {
	if !s.db.Embedded() {
		return nil
	}
	path := socketFile(s.cfg)
	ln, err := listenUnix(ctx, path)
	if err != nil {
		s.log.WarnContext(ctx, "to rotate keys, the server will have to be stopped", "socket", path, "err", err)
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /rotate-keys", s.serveRotation)
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.control.cancel = cancel
	s.control.srv = &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return working },
	}
	s.control.serving.Go(func() {
		if err := s.control.srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.log.WarnContext(ctx, "the socket failed", "socket", path, "err", err)
		}
	})
	return nil
}

// listenUnix listens on a socket that only its owner can use. One that a killed
// server left is replaced: the database keeps two servers from being here.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if err := fitsSocket(path); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// fitsSocket refuses a path that the system would refuse as an "invalid
// argument".
func fitsSocket(path string) error {
	if most := len(syscall.RawSockaddrUnix{}.Path) - 1; len(path) > most {
		return fmt.Errorf("%w: its path has %d bytes and the system allows %d, choose a shorter DATA_DIR", errNoSocket, len(path), most)
	}
	return nil
}

// CloseControlSocket ends the requests under way and removes the socket.
func (s *Server) CloseControlSocket(ctx context.Context) error { return s.control.stop(ctx) }

func (c *controlSocket) stop(ctx context.Context) error {
	if c.srv == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, httpStopTimeout)
	defer cancel()
	c.cancel()
	err := c.srv.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, c.srv.Close())
	}
	c.serving.Wait()
	return err
}

// serveRotation rotates the keys and streams what it does. It ends when the
// command that asked is gone.
func (s *Server) serveRotation(w http.ResponseWriter, r *http.Request) {
	key := s.box.Keys()[0]
	if want := r.URL.Query().Get("key"); want != key {
		http.Error(w, fmt.Sprintf("the running server seals with key %s and not with %s: restart it with the new key first", key, want), http.StatusConflict)
		return
	}
	enc, flush := json.NewEncoder(w), http.NewResponseController(w)
	send := func(e rotationEvent) {
		if enc.Encode(e) == nil {
			_ = flush.Flush() // a command that is gone ends the request's context
		}
	}
	sum, err := rotateIn(r.Context(), s.db, s.box, s.log, func(p models.KeyProgress) { send(rotationEvent{Progress: &p}) })
	if err != nil {
		s.log.WarnContext(r.Context(), "the rotation of the encryption key was not finished", "key", sum.Key, "rewritten", sum.Rewritten, "err", err)
		send(rotationEvent{Error: err.Error()})
		return
	}
	s.log.InfoContext(r.Context(), "encryption key rotated", "key", sum.Key, "rewritten", sum.Rewritten, "unreadable", sum.Unreadable)
	send(rotationEvent{Summary: &sum})
}

// runOnServer has the running server rotate, or fails with errNoServer.
func (r *rotation) runOnServer(ctx context.Context) (sum models.KeyRotation, err error) {
	path := socketFile(r.cfg)
	if err := fitsSocket(path); err != nil {
		return sum, fmt.Errorf("%w: %w", errNoServer, err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://server/rotate-keys?key="+url.QueryEscape(r.box.Keys()[0]), http.NoBody)
	if err != nil {
		return sum, err
	}
	res, err := client.Do(req)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return sum, fmt.Errorf("%w: %s", errNoServer, path)
	}
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return sum, errors.Join(errors.New(strings.TrimSpace(string(text))), err)
	}
	return r.follow(res.Body)
}

// follow prints what a server does until it is done.
func (r *rotation) follow(body io.Reader) (models.KeyRotation, error) {
	for dec := json.NewDecoder(body); ; {
		var e rotationEvent
		if err := dec.Decode(&e); err != nil {
			return models.KeyRotation{}, unfinished(fmt.Errorf("the server stopped before it was done: %w", err))
		}
		switch {
		case e.Progress != nil:
			r.out.progress(*e.Progress)
		case e.Summary != nil:
			return *e.Summary, nil
		default:
			return models.KeyRotation{}, unfinished(errors.New(e.Error))
		}
	}
}
