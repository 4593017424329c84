package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const hostileSecret = "s3cret-of-the-cluster"

// serveTLS serves h with cert and returns its URL.
func serveTLS(t *testing.T, cert tls.Certificate, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return srv.URL
}

func servePlain(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return srv.URL
}

// accept does something with each connection to an address of its own.
func accept(t *testing.T, do func(net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	var open []net.Conn
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open = append(open, conn)
			do(conn)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
		for _, conn := range open {
			_ = conn.Close()
		}
	})
	return "https://" + l.Addr().String()
}

func respond(code int, kind, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}
}

// apiError is what an API server says that refuses, and repeats a secret.
func apiError(code int, reason string) http.HandlerFunc {
	return respond(code, "application/json", fmt.Sprintf(
		`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":"you sent %s","code":%d}`, reason, hostileSecret, code))
}

func gigabyte(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	page := make([]byte, 1<<20)
	for range 1 << 10 {
		if _, err := w.Write(page); err != nil || r.Context().Err() != nil {
			return
		}
	}
}

// hostileServer is a server that is not what it should be.
type hostileServer struct {
	url    string
	auth   string // token unless set
	cred   object // a token unless set
	status string // what the cluster is taken for
	text   string // part of the explanation
}

// hostileServers answer with certificates of a good authority unless that is what
// is wrong with them. Nothing reaches the one behind strangers.
func hostileServers(t *testing.T) (all map[string]hostileServer, ca string, strangers *atomic.Int32) {
	t.Helper()
	good, other := newAuthority(t), newAuthority(t)
	cert := good.serving(t, leaf{})
	strangers = &atomic.Int32{}
	elsewhere := serveTLS(t, cert, func(http.ResponseWriter, *http.Request) { strangers.Add(1) })
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	live := shared.Cluster(t)
	oldCert, oldKey := authorityOf(t, live).sign(t, leaf{name: "old", group: "system:masters", until: -time.Hour})
	serve := func(h http.HandlerFunc) string { return serveTLS(t, cert, h) }
	hang := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	return map[string]hostileServer{
		"other-ca":    {url: serveTLS(t, other.serving(t, leaf{}), http.NotFound), status: "error", text: "unknown authority"},
		"expired":     {url: serveTLS(t, good.serving(t, leaf{until: -time.Hour}), http.NotFound), status: "error", text: "expired"},
		"other-host":  {url: serveTLS(t, good.serving(t, leaf{host: "elsewhere.test"}), http.NotFound), status: "error", text: "not valid for"},
		"old-client":  {url: live.Server(), auth: "certificate", cred: object{"clientCertData": oldCert, "clientKeyData": oldKey, "caData": string(live.CA())}, status: "error", text: "does not accept the credentials"},
		"plain-http":  {url: "https://" + plain.Listener.Addr().String(), status: "error", text: "does not speak TLS"},
		"web-page":    {url: serve(respond(200, "text/html", "<p>"+hostileSecret)), status: "error", text: "web page"},
		"401":         {url: serve(apiError(401, "Unauthorized")), status: "error", text: "does not accept the credentials"},
		"403":         {url: serve(respond(403, "text/plain", hostileSecret)), status: "error", text: "does not answer like a Kubernetes"},
		"500":         {url: serve(apiError(500, "InternalError")), status: "error", text: "does not answer like a Kubernetes"},
		"503":         {url: serve(apiError(503, "ServiceUnavailable")), status: "disconnected", text: "busy or starting"},
		"metadata":    {url: serve(http.RedirectHandler("http://169.254.169.254/latest/meta-data/", http.StatusFound).ServeHTTP), status: "error", text: "redirects"},
		"elsewhere":   {url: serve(http.RedirectHandler(elsewhere, http.StatusTemporaryRedirect).ServeHTTP), status: "error", text: "redirects"},
		"is-metadata": {url: "https://169.254.169.254", status: "error", text: "not allowed"},
		"silent":      {url: accept(t, func(net.Conn) {}), status: "disconnected", text: "in time"},
		"stalls":      {url: serve(hang), status: "disconnected", text: "in time"},
		"gigabyte":    {url: serve(gigabyte), status: "error", text: "larger than"},
		"garbage":     {url: serve(respond(200, "application/json", "{{{"+hostileSecret)), status: "error", text: "does not answer like a Kubernetes"},
		"noise":       {url: accept(t, func(c net.Conn) { _, _ = io.WriteString(c, "\x00\x01 noise "+hostileSecret) }), status: "error", text: "does not speak TLS"},
		"resets":      {url: accept(t, reset), status: "disconnected", text: "broke off"},
		"nobody":      {url: "https://127.0.0.1:1", status: "disconnected", text: "refuses connections"},
		"no-name":     {url: "https://nowhere.invalid:6443", status: "disconnected", text: "cannot be resolved"},
	}, good.pem, strangers
}

func reset(c net.Conn) {
	_, _ = c.Read(make([]byte, 1))
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// Whatever answers at the address, the cluster is stored, the text helps, and
// nobody waits for long.
func TestHostileClusters(t *testing.T) {
	t.Parallel()
	servers, ca, strangers := hostileServers(t)
	ann := start(t).ann()
	t.Run("all", func(t *testing.T) {
		for name, f := range servers {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				if f.cred == nil {
					f.auth, f.cred = "token", object{"token": hostileSecret, "caData": ca}
				}
				begin := time.Now()
				added := ann.ask(t, http.StatusCreated, "POST", "/clusters",
					object{"name": name, "server": f.url, "authType": f.auth, "credentials": f.cred})
				took := time.Since(begin)
				stored := added["cluster"].(object)
				why, _ := stored["lastError"].(string)
				require.Equal(t, f.status, stored["status"], why)
				require.Equal(t, "error", added["status"], "the form knows two outcomes")
				require.Contains(t, why, f.text)
				requireSecretless(t, encoded(t, added), f.cred)
				require.Less(t, took, 15*time.Second)

				tested := ann.ask(t, http.StatusServiceUnavailable, "POST", "/clusters/"+name+"/test", nil)
				require.Equal(t, "failed", tested["status"])
				require.Contains(t, tested["error"], f.text)
				requireSecretless(t, encoded(t, tested), f.cred)
				t.Logf("%-12s %5d ms  %s: %s", name, took.Milliseconds(), f.status, why)
			})
		}
	})
	require.Zero(t, strangers.Load(), "no redirect is followed")
	require.NotContains(t, ann.stoppedLog(t), hostileSecret)
}

// An answer without end costs no more memory than what is read of it.
func TestHugeAnswerOfACluster(t *testing.T) {
	t.Parallel()
	signer := newAuthority(t)
	url := serveTLS(t, signer.serving(t, leaf{}), gigabyte)
	p := start(t)
	ann := p.ann()
	before := peakMemory(t, p.cmd.Process.Pid)
	for i := range 5 {
		ann.ask(t, http.StatusCreated, "POST", "/clusters", object{"name": fmt.Sprint("huge-", i), "server": url, "authType": "token",
			"credentials": object{"token": hostileSecret, "caData": signer.pem}})
	}
	grown := peakMemory(t, p.cmd.Process.Pid) - before
	t.Logf("five answers of 1 GB each made the server grow by %d MB at most", grown>>20)
	require.Less(t, grown, 64<<20)
}

// peakMemory is the most memory that a process has had, in bytes.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	require.NotNil(t, found)
	kb, err := strconv.Atoi(string(found[1]))
	require.NoError(t, err)
	return kb << 10
}
