package terminal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services/terminal"
)

// The ids of records.
const (
	podRecord   = "111111111111111111111111"
	ownRecord   = "222222222222222222222222" // of a Deployment
	otherRecord = "333333333333333333333333" // of somebody else
)

// world is a server with terminals in a pod of a real cluster, behind a proxy.
type world struct {
	t     *testing.T
	url   string // of the proxy
	host  string // of the server
	svc   *terminal.Service
	pod   models.ResourceRef
	conn  *kubernetes.Connection
	role  string
	trail *trail
}

// trail keeps audit entries.
type trail struct {
	mu      sync.Mutex
	entries []models.AuditEntry
}

func (r *trail) Record(ctx context.Context, e models.AuditEntry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Address = models.ClientFrom(ctx).Address
	r.entries = append(r.entries, e)
}

func (r *trail) all() []models.AuditEntry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]models.AuditEntry(nil), r.entries...)
}

// newWorld makes a server for a pod of c, whose API server is at the given URL.
func newWorld(t *testing.T, c *kubetest.Cluster, api string, origins ...string) *world {
	t.Helper()
	namespace := c.Namespace(t)
	c.Pod(t, namespace, "web", "web", "sidecar")
	return worldOf(t, c, api, models.ResourceRef{ClusterID: "c1", Kind: "Pod", Namespace: namespace, Name: "web"}, origins...)
}

func worldOf(t *testing.T, c *kubetest.Cluster, api string, pod models.ResourceRef, origins ...string) *world {
	t.Helper()
	w := &world{t: t, role: models.ClusterOwner, pod: pod, trail: &trail{}}
	connector := kubernetes.NewConnector(kubernetes.Options{AllowHTTP: true})
	t.Cleanup(connector.Close)
	var err error
	w.conn, err = connector.Open(kubernetes.Config{Server: api, AuthType: kubernetes.AuthToken, Token: c.Token(), CAData: string(c.CA())})
	require.NoError(t, err)
	t.Cleanup(func() { connector.Discard(w.conn) })
	log := slog.New(slog.DiscardHandler)
	w.svc = terminal.NewService(terminal.Deps{
		Resources: w, Access: w, Audit: w.trail, Log: log,
		Connect: terminal.ConnectThrough(func(context.Context, string) (*kubernetes.Connection, error) { return w.conn, nil }),
	}, terminal.Options{Idle: time.Hour, Longest: time.Hour, DebugImage: "busybox:stable"})
	engine, err := routes.SetupRouter(routes.Deps{
		Log: log, Accounts: w, Audit: w.trail, Metrics: prometheus.NewRegistry(), MaxBody: 1 << 20,
		CORSOrigins: origins, TrustedProxies: []string{"127.0.0.1"},
		Handlers: routes.Handlers{Terminal: handlers.NewTerminal(func(
			ctx context.Context, userID, id string, req models.TerminalRequest, accept func() (*handlers.TerminalSocket, error),
		) error {
			return w.svc.Open(ctx, userID, id, req, terminal.AcceptThrough(accept))
		})},
	})
	require.NoError(t, err)
	srv := httptest.NewServer(engine)
	t.Cleanup(srv.Close)
	target, err := url.Parse(srv.URL)
	require.NoError(t, err)
	w.host = target.Host
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.SetXForwarded()
			r.Out.Header.Set("X-Forwarded-For", "203.0.113.9")
		},
	})
	t.Cleanup(proxy.Close)
	t.Cleanup(w.stop) // before the servers close
	w.url = proxy.URL
	return w
}

// stop stops the service.
func (w *world) stop() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.t.Context()), 30*time.Second)
	defer cancel()
	require.NoError(w.t, w.svc.Stop(ctx))
}

func (w *world) Authenticate(_ context.Context, token string) (models.Identity, error) {
	if token != "ann" {
		return models.Identity{}, &models.Error{Kind: models.Unauthenticated, Msg: "the session is not valid"}
	}
	return models.Identity{UserID: token, Role: models.RoleUser, Scope: models.ScopeSession}, nil
}

func (w *world) AuthenticateExpired(ctx context.Context, token string) (models.Identity, error) {
	return w.Authenticate(ctx, token)
}

func (w *world) AuthenticateTicket(ctx context.Context, ticket string) (models.Identity, error) {
	return w.Authenticate(ctx, strings.TrimPrefix(ticket, "ticket-"))
}

func (w *world) Guard(context.Context, models.Identity) (*models.SessionGuard, error) {
	return models.NewSessionGuard(nil, func() {}), nil
}

func (w *world) RequireByID(context.Context, string, string, models.ClusterAction) (models.ClusterGrant, error) {
	return models.ClusterGrant{Role: w.role}, nil
}

func (w *world) Hold(ctx context.Context, _, id string, action models.ClusterAction) (models.Resource, context.Context, context.CancelFunc, error) {
	r := models.Resource{ID: id, ResourceRef: w.pod, ClusterName: "prod"}
	switch {
	case id == otherRecord:
		return r, nil, nil, &models.Error{Kind: models.NotFound, Msg: "resource not found"}
	case !(models.ClusterGrant{Role: w.role}).May(action):
		return r, nil, nil, &models.Error{Kind: models.Forbidden, Msg: "you may not " + action.String()}
	case id == ownRecord:
		r.Kind, r.Group = "Deployment", "apps"
	}
	held, cancel := context.WithCancel(ctx)
	return r, held, cancel, nil
}

// client is a terminal as a page has it.
type client struct {
	t    *testing.T
	ws   *websocket.Conn
	raw  net.Conn
	text strings.Builder // all output
}

// get sends a handshake and returns the connection or the answer.
func (w *world) get(id, query string, header http.Header) (*client, *http.Response, error) {
	c := &client{t: w.t}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		c.raw = conn
		return conn, err
	}}
	defer transport.CloseIdleConnections()
	at := fmt.Sprintf("%s/v1/api/resources/%s/exec/terminal?%s", w.url, id, query)
	ws, resp, err := websocket.Dial(w.t.Context(), at, &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}, HTTPHeader: header})
	if err != nil {
		return nil, resp, err
	}
	ws.SetReadLimit(1 << 20)
	c.ws = ws
	w.t.Cleanup(func() { _ = ws.CloseNow() })
	return c, resp, nil
}

func (w *world) open(query string) *client {
	w.t.Helper()
	c, _, err := w.get(podRecord, "token=ann&"+query, nil)
	require.NoError(w.t, err)
	return c
}

// next returns the next message.
func (c *client) next() (models.TerminalMessage, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	var m models.TerminalMessage
	typ, body, err := c.ws.Read(ctx)
	if err != nil {
		return m, err
	}
	require.Equal(c.t, websocket.MessageText, typ)
	require.NoError(c.t, json.Unmarshal(body, &m))
	if m.Type == models.TerminalOutput {
		c.text.WriteString(m.Data)
	}
	return m, nil
}

// until reads until the output holds text.
func (c *client) until(text string) {
	c.t.Helper()
	for !strings.Contains(c.text.String(), text) {
		m, err := c.next()
		require.NoError(c.t, err, "waiting for %q in %q", text, c.text.String())
		require.NotEqual(c.t, models.TerminalClose, m.Type, "waiting for %q in %q: %s", text, c.text.String(), m.Data)
	}
}

// rest returns what follows the output, as "type: data", until the connection is closed.
func (c *client) rest() (list []string) {
	c.t.Helper()
	for {
		m, err := c.next()
		if err != nil {
			require.Equal(c.t, websocket.StatusNormalClosure, websocket.CloseStatus(err), "%v", err)
			return list
		}
		if m.Type != models.TerminalOutput {
			list = append(list, m.Type+": "+m.Data)
		}
	}
}

func (c *client) write(text string) {
	c.t.Helper()
	require.NoError(c.t, c.ws.Write(c.t.Context(), websocket.MessageText, []byte(text)))
}

func (c *client) types(text string) {
	c.t.Helper()
	body, err := json.Marshal(map[string]any{"data": text})
	require.NoError(c.t, err)
	c.write(`{"type":"input",` + string(body[1:]))
}

// ready waits for the shell.
func (c *client) ready() {
	c.t.Helper()
	c.types("echo REA''DY\r")
	c.until("READY")
}

func bodyOf(t *testing.T, resp *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}
