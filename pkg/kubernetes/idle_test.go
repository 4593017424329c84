package kubernetes

import (
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// counting serves h and counts the connections that are open.
func counting(t *testing.T, h http.HandlerFunc) (url string, open *atomic.Int32) {
	t.Helper()
	open = &atomic.Int32{}
	srv := unstarted(h)
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		default:
		}
	}
	srv.StartTLS()
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return srv.URL, open
}

func TestUnusedConnectionsAreForgotten(t *testing.T) {
	t.Parallel()
	issuer := kubetest.NewIssuer(t)
	url, open := counting(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if watch, _ := streamKind(r); watch {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, `{"gitVersion":"v1.99.0"}`)
	})
	load := func() (Config, error) {
		return Config{
			Server: url, AuthType: AuthOIDC, CAData: string(issuer.CA()), Insecure: true,
			OIDCIssuerURL: issuer.URL, OIDCClientID: issuer.ClientID, OIDCClientSecret: issuer.ClientSecret, OIDCRefreshToken: issuer.Login(),
		}, nil
	}
	connector := NewConnector(Options{})
	defer connector.Close()
	evict := func(id string, conn *Connection) { // as the timer does
		conn.transport.CloseIdleConnections() // as the transport does after 90 s
		conn.lastUsed.Store(time.Now().Add(-2 * defaultIdleTime).UnixNano())
		connector.evict(id, conn)
	}
	var conns []*Connection
	ids := []string{"a", "b", "c", "d"}
	for _, id := range ids {
		conn, err := connector.Get(id, 1, load)
		require.NoError(t, err)
		_, err = conn.discovery.ServerVersionWithContext(t.Context())
		require.NoError(t, err)
		conns = append(conns, conn)
	}
	watch, err := conns[0].Metadata().Resource(namespaces()).Watch(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for i, conn := range conns {
		evict(ids[i], conn)
	}
	for _, conn := range conns[1:] {
		<-conn.Done()
	}
	require.Len(t, connector.Reach(), 1, "a connection with a watch is in use")
	watch.Stop()
	require.Eventually(t, func() bool {
		evict("a", conns[0])
		return len(connector.Reach()) == 0
	}, 10*time.Second, time.Millisecond)
	<-conns[0].Done()
	require.Eventually(t, func() bool { return open.Load() == 0 }, 10*time.Second, time.Millisecond)

	again, err := connector.Get("a", 1, load)
	require.NoError(t, err)
	require.NotSame(t, conns[0], again)
	_, err = conns[0].discovery.ServerVersionWithContext(t.Context())
	require.NoError(t, err, "callers that still have it may use it")
	conns[0].transport.CloseIdleConnections()
}

func TestIdleTimePasses(t *testing.T) {
	t.Parallel()
	connector := NewConnector(Options{IdleTime: 10 * time.Millisecond})
	defer connector.Close()
	conn, err := connector.Get("a", 1, func() (Config, error) {
		return Config{Server: server, AuthType: AuthToken, Token: hostileToken}, nil
	})
	require.NoError(t, err)
	<-conn.Done()
	require.Empty(t, connector.Reach())
}

func TestReplacedAndRemovedConnectionsLeaveNothing(t *testing.T) {
	t.Parallel()
	url, open := counting(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"gitVersion":"v1.99.0"}`)
	})
	connector := NewConnector(Options{})
	defer connector.Close()
	for version := range int64(50) {
		conn, err := connector.Get("a", version+1, func() (Config, error) {
			return Config{Server: url, AuthType: AuthToken, Token: hostileToken, Insecure: true}, nil
		})
		require.NoError(t, err)
		_, err = conn.discovery.ServerVersionWithContext(t.Context())
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return open.Load() == 1 }, 10*time.Second, time.Millisecond, "the newest one's")
	connector.Forget("a")
	require.Eventually(t, func() bool { return open.Load() == 0 }, 10*time.Second, time.Millisecond)
	require.Empty(t, connector.replaced)
}
