package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// shell is a terminal as a page has it.
type shell struct {
	*websocket.Conn

	output string
}

// shell opens a terminal in a pod.
func (s *server) shell(t *testing.T, pod, query string, header http.Header) (*shell, *http.Response, error) {
	t.Helper()
	conn, resp, err := websocket.Dial(t.Context(), s.url+api+"/resources/"+pod+"/exec/terminal?"+query, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		return nil, resp, err
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &shell{Conn: conn}, resp, nil
}

func (s *shell) types(t *testing.T, text string) {
	t.Helper()
	require.NoError(t, s.Write(t.Context(), websocket.MessageText, []byte(encoded(t, models.TerminalMessage{Type: "input", Data: text}))))
}

// until reads until the output holds text, or until a message of another type, which it
// returns.
func (s *shell) until(t *testing.T, text string) models.TerminalMessage {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m, err := s.read(ctx, text)
	require.NoError(t, err, "after %q", s.output)
	return m
}

func (s *shell) read(ctx context.Context, text string) (m models.TerminalMessage, err error) {
	for {
		m = models.TerminalMessage{}
		_, body, err := s.Read(ctx)
		if err == nil {
			err = json.Unmarshal(body, &m)
		}
		if err != nil || m.Type != models.TerminalOutput {
			return m, err
		}
		if s.output += m.Data; text != "" && strings.Contains(s.output, text) {
			return m, nil
		}
	}
}

func TestTerminals(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	ns := c.Namespace(t)
	c.Pod(t, ns, "web", "main")
	dir := dataDir(t)
	s := startIn(t, dir, "INVENTORY", "true", "CORS_ALLOWED_ORIGINS", "https://app.example.org", "GIN_MODE", "release")
	ann, bob := s.ann(), s.bob()
	ann.addCluster(t, c)
	pod := ann.resource(t, "type=Pod&namespace="+ns, "running")
	page := http.Header{"Origin": {"https://app.example.org"}}
	ticket := func(p *person) string {
		text, _ := p.ask(t, http.StatusOK, "POST", "/auth/ws-ticket", nil)["ticket"].(string)
		return text
	}

	refused := func(status int, query string, header http.Header) {
		t.Helper()
		_, resp, err := s.shell(t, pod, query, header)
		require.Error(t, err)
		require.Equal(t, status, resp.StatusCode)
	}
	good := ticket(ann)
	refused(http.StatusForbidden, "ticket="+good, http.Header{"Origin": {"https://evil.example.org"}})
	refused(http.StatusUnauthorized, "", page)
	refused(http.StatusNotFound, "token="+url.QueryEscape(bob.token), page)

	first, _, err := s.shell(t, pod, "ticket="+good, page) // the refusal for its origin has not used it up
	require.NoError(t, err)
	require.Equal(t, models.TerminalMeta, first.until(t, "").Type)
	first.types(t, "echo gr''üße\r")
	first.until(t, "grüße\r\n")
	refused(http.StatusUnauthorized, "ticket="+good, page)

	// Access that is withdrawn, and a server that stops, end terminals.
	ann.share(t, bob, "editor", ns)
	shared, _, err := s.shell(t, pod, "token="+url.QueryEscape(bob.token), nil)
	require.NoError(t, err)
	require.Equal(t, models.TerminalMeta, shared.until(t, "").Type)
	shared.types(t, "echo rea''dy\r")
	shared.until(t, "ready\r\n")
	me := bob.ask(t, http.StatusOK, "GET", "/profile", nil)["user"].(object)["id"].(string)
	ann.ask(t, http.StatusOK, "DELETE", "/clusters/dev/shares/"+me, nil)
	require.Equal(t, models.TerminalError, shared.until(t, "").Type)
	require.Equal(t, models.TerminalClose, shared.until(t, "").Type)
	_, _, err = shared.Read(t.Context())
	require.Equal(t, websocket.StatusNormalClosure, websocket.CloseStatus(err))

	kubetest.Eventually(t, "the entries of the trail", func(context.Context) error {
		actions := map[string]int{}
		for _, e := range ann.ask(t, http.StatusOK, "GET", "/admin/audit?action=terminal.&limit=200", nil)["entries"].([]any) {
			actions[e.(object)["action"].(string)+" "+e.(object)["outcome"].(string)]++
		}
		if !maps.Equal(actions, map[string]int{"terminal.open success": 2, "terminal.open denied": 1, "terminal.end failed": 1}) {
			return fmt.Errorf("they are %v", actions)
		}
		return nil
	})

	last := make(chan models.TerminalMessage, 1)
	go func() {
		m, _ := first.read(t.Context(), "")
		last <- m
	}()
	foundNowhere(t, s, dir, "terminal.end", []canary{{"ticket", good}, {"token", bob.token[strings.LastIndex(bob.token, ".")+1:]}}, map[string][]byte{})
	require.Equal(t, models.TerminalMessage{Type: models.TerminalClose, Data: "the server is stopping"}, <-last)
}
