package kubernetes

import (
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLogs(t *testing.T) {
	t.Parallel()
	const idle = 200 * time.Millisecond
	hang := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "2026-11-30T12:00:00Z one\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	for name, tc := range map[string]struct {
		serve http.HandlerFunc
		ask   LogRequest
		query url.Values
		text  string
		want  Reason
	}{
		"all": {
			serve: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "lines") },
			query: url.Values{}, text: "lines",
		},
		"a part, from a second on": {
			serve: func(http.ResponseWriter, *http.Request) {},
			ask: LogRequest{
				Previous: true, Tail: 5, Since: time.Date(2026, 11, 30, 13, 0, 0, 999, time.FixedZone("", 3600)), SinceSeconds: 7,
			},
			query: url.Values{"previous": {"true"}, "tailLines": {"5"}, "sinceTime": {"2026-11-30T12:00:00Z"}},
		},
		"the last seconds, and what follows": {
			serve: func(http.ResponseWriter, *http.Request) {},
			ask:   LogRequest{Follow: true, SinceSeconds: 7}, query: url.Values{"follow": {"true"}, "sinceSeconds": {"7"}},
		},
		"a refusal": {
			serve: status(400, "BadRequest", "container app is waiting to start"), query: url.Values{}, want: Invalid,
		},
		"a busy cluster, which is not asked again at once": {
			serve: func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", "60")
				status(429, "TooManyRequests", "later")(w, r)
			},
			query: url.Values{}, want: Busy,
		},
		"a cluster that does not begin to answer": {
			serve: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			ask:   LogRequest{Idle: idle}, query: url.Values{}, want: Timeout,
		},
		"a cluster that stops to answer": {
			serve: hang, ask: LogRequest{Idle: idle}, query: url.Values{}, text: "2026-11-30T12:00:00Z one\n", want: Timeout,
		},
		"a connection that breaks": {
			serve: func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "half")
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			},
			query: url.Values{}, text: "half", want: Unreachable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan url.Values, 1)
			srv := unstarted(func(w http.ResponseWriter, r *http.Request) {
				asked <- r.URL.Query()
				tc.serve(w, r)
			})
			srv.EnableHTTP2 = true
			srv.StartTLS()
			defer srv.Close()
			connector := NewConnector(Options{})
			defer connector.Close()
			conn, err := connector.Open(Config{Server: srv.URL, AuthType: AuthToken, Token: "t", Insecure: true})
			require.NoError(t, err)
			defer connector.Discard(conn)
			tc.ask.Namespace, tc.ask.Pod, tc.ask.Container = "ns", "web", "app"
			body, err := conn.Logs(t.Context(), tc.ask)
			if err == nil {
				var text []byte
				text, err = io.ReadAll(body)
				require.Equal(t, tc.text, string(text))
				require.NoError(t, body.Close())
			}
			require.Equal(t, tc.want, ReasonOf(err), "%v", err)
			tc.query.Set("container", "app")
			tc.query.Set("timestamps", "true")
			require.Equal(t, tc.query, <-asked)
		})
	}
}
