package terminal_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/terminal"
)

func TestATerminalInACluster(t *testing.T) {
	t.Parallel()
	c := terminal.SharedCluster(t)
	w := newWorld(t, c, c.Server(), "https://app.example.org")
	for name, tc := range map[string]struct {
		query     string
		header    http.Header
		container string
	}{
		"a page, with a token":       {"token=ann&shell=%2Fbin%2Fsh&container=sidecar", http.Header{"Origin": {"https://app.example.org"}}, "sidecar"},
		"a page, with a ticket":      {"ticket=ticket-ann", http.Header{"Origin": {"https://app.example.org"}}, "web"},
		"a page of the same host":    {"token=ann&shell=bash", http.Header{"Origin": {"http://" + w.host}}, "web"},
		"no browser, with the token": {"shell=sh", http.Header{"Authorization": {"Bearer ann"}}, "web"},
	} {
		t.Run(name, func(t *testing.T) {
			w := *w //nolint:govet // of its own test
			w.t = t
			c, _, err := w.get(podRecord, tc.query, tc.header)
			require.NoError(t, err)
			first, err := c.next()
			require.NoError(t, err)
			require.Equal(t, models.TerminalMeta, first.Type)
			require.JSONEq(t, fmt.Sprintf(`{"pod":"web","container":%q,"namespace":%q,"cluster":"prod"}`, tc.container, w.pod.Namespace), first.Data)
			c.types("stty size\r")
			c.until("24 80")
			c.write(`{"type":"resize","data":"","rows":50,"cols":132}`)
			c.write(`{"type":"weather","data":{"rain":true}}`)
			c.types("while ! stty size | grep '50 132'; do sleep 0.01; done; printf 'h\\303'; sleep 0.1; printf '\\251 \\377!\\n'; echo 'grüße, 世界'\r")
			c.until("50 132\r\n")
			c.until("hé \ufffd!")
			c.until("\r\ngrüße, 世界")
			c.types("exit 3\r")
			require.Equal(t, []string{"close: the shell has ended with exit code 3"}, c.rest())
		})
	}
	w.stop()
	entries := w.trail.all()
	require.Len(t, entries, 8)
	for _, e := range entries {
		require.Equal(t, models.AuditSuccess, e.Outcome)
		require.Equal(t, "203.0.113.9", e.Address, "the proxy's header counts")
		require.Equal(t, map[string]string{"id": podRecord}, e.Target)
		require.Equal(t, w.pod.Namespace, e.Details["namespace"])
		require.Equal(t, e.Action == "terminal.end", e.Details["reason"] == "the shell has ended with exit code 3")
		require.Contains(t, []string{"terminal.open", "terminal.end"}, e.Action)
		require.NotContains(t, fmt.Sprint(e), "ticket-")
	}
}

func TestWhatIsNoTerminal(t *testing.T) {
	t.Parallel()
	c := terminal.SharedCluster(t)
	namespace := c.Namespace(t)
	gone := models.ResourceRef{ClusterID: "c1", Kind: "Pod", Namespace: namespace, Name: "gone"}
	web := gone
	web.Name = "web"
	c.Pod(t, namespace, "web", "web")
	for name, tc := range map[string]struct {
		id, query, role string
		header          http.Header
		pod             models.ResourceRef
		noOrigins       bool
		status          int
		says            string
	}{
		"nobody":                  {query: "x=1", status: 401, says: "there is no session"},
		"a wrong token":           {query: "token=bob", status: 401, says: "not valid"},
		"another origin":          {query: "token=ann", header: http.Header{"Origin": {"https://evil.example.org"}}, status: 403, says: "origin"},
		"an origin where none is": {query: "token=ann", header: http.Header{"Origin": {"https://evil.example.org"}}, noOrigins: true, status: 403, says: "origin"},
		"a viewer":                {query: "token=ann", role: models.ClusterViewer, status: 403, says: "deploy"},
		"somebody else's":         {id: otherRecord, query: "token=ann", status: 404, says: "resource not found"},
		"no id":                   {id: "nothing", query: "token=ann", status: 404, says: "resource not found"},
		"a Deployment":            {id: ownRecord, query: "token=ann", status: 400, says: "a Deployment"},
		"a pod that is gone":      {pod: gone, query: "token=ann", status: 404, says: "the pod is gone"},
		"no such container":       {query: "token=ann&container=db", status: 400, says: "which has web"},
		"another shell":           {query: "token=ann&shell=%2Fusr%2Fbin%2Fpython3", status: 400, says: "field shell"},
		"perhaps":                 {query: "token=ann&debug=perhaps", status: 400, says: "field debug"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod, id, origins := web, podRecord, []string{"https://app.example.org"}
			if tc.pod.Name != "" {
				pod = tc.pod
			}
			if tc.id != "" {
				id = tc.id
			}
			if tc.noOrigins {
				origins = nil
			}
			w := worldOf(t, c, c.Server(), pod, origins...)
			if tc.role != "" {
				w.role = tc.role
			}
			_, resp, err := w.get(id, tc.query, tc.header)
			require.Error(t, err)
			require.Equal(t, tc.status, resp.StatusCode)
			require.Contains(t, bodyOf(t, resp), tc.says)
		})
	}
	t.Run("no WebSocket", func(t *testing.T) {
		t.Parallel()
		w := worldOf(t, c, c.Server(), web)
		resp, err := http.Get(w.url + "/v1/api/resources/" + podRecord + "/exec/terminal?token=ann") //nolint:noctx // a test
		require.NoError(t, err)
		defer resp.Body.Close()
		require.Equal(t, http.StatusBadRequest, resp.StatusCode)
		require.Contains(t, bodyOf(t, resp), "this is a WebSocket")
		http.DefaultClient.CloseIdleConnections()
	})
}

func TestMessagesThatAreWrong(t *testing.T) {
	t.Parallel()
	c := terminal.SharedCluster(t)
	w := newWorld(t, c, c.Server())
	for name, tc := range map[string]struct{ message, says string }{
		"no JSON":             {"ls", "must be JSON"},
		"another type":        {`{"type":"input","data":7}`, "must be JSON"},
		"a large one":         {`{"type":"input","data":"` + strings.Repeat("x", 20_000), "must be well-formed JSON"},
		"data before type":    {`{"data":"` + strings.Repeat("x", 20_000) + `","type":"input"}`, "must begin with its type"},
		"a very large number": {`{"type":"resize","rows":` + strings.Repeat("1", 20_000) + `}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := *w //nolint:govet // of its own test
			w.t = t
			c := w.open("")
			c.ready()
			c.write(tc.message)
			if tc.says == "" {
				c.types("exit\r")
				require.Equal(t, []string{"close: the shell has ended"}, c.rest())
				return
			}
			rest := c.rest()
			require.Len(t, rest, 2)
			require.Contains(t, rest[0], "error: ")
			require.Contains(t, rest[0], tc.says)
			require.Contains(t, rest[1], "close: ")
		})
	}
}

// What is pasted arrives whole, also while the program pauses before it reads.
func TestPaste(t *testing.T) {
	t.Parallel()
	const size = 10 << 20
	var text strings.Builder
	for i := 0; text.Len() < size; i++ {
		fmt.Fprintf(&text, "%d \"grüße\"\t\\ 世界 😀\r\n", i)
	}
	paste := text.String()
	sum := sha256.Sum256([]byte(paste))
	cluster := terminal.SharedCluster(t)
	for name, refuse := range map[string]bool{"by WebSocket": false, "by SPDY": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := cluster.Proxy(t, refuse)
			w := newWorld(t, cluster, proxy.URL)
			c := w.open("")
			c.types(fmt.Sprintf("stty raw -echo; echo REA''DY; sleep 1; head -c %d | sha256sum; exit\r", len(paste)))
			c.until("READY")
			half := strings.Index(paste[len(paste)/2:], "\r") + len(paste)/2
			c.types(paste[:half]) // in one message
			for piece := paste[half:]; piece != ""; {
				n := min(len(piece), 100_000)
				for n < len(piece) && piece[n]&0xc0 == 0x80 {
					n++
				}
				c.types(piece[:n])
				piece = piece[n:]
			}
			c.until(hex.EncodeToString(sum[:]))
			require.Equal(t, []string{"close: the shell has ended"}, c.rest())
			require.Equal(t, refuse, proxy.SPDY.Load() > 0)
		})
	}
}

var processID = regexp.MustCompile(`PID=(\d+)`)

// process waits for the id of the shell's process, which runs on this machine.
func (c *client) process() string {
	c.t.Helper()
	c.types("echo PI''D=$$\r")
	c.until("PID=")
	c.until("\r\n")
	for !processID.MatchString(c.text.String()) {
		_, err := c.next()
		require.NoError(c.t, err)
	}
	return processID.FindStringSubmatch(c.text.String())[1]
}

func TestTheShellEndsWithItsClient(t *testing.T) {
	t.Parallel()
	cluster := terminal.SharedCluster(t)
	for name, end := range map[string]func(w *world, c *client){
		"the connection is reset": func(_ *world, c *client) {
			require.NoError(c.t, c.raw.(*net.TCPConn).SetLinger(0))
			require.NoError(c.t, c.raw.Close())
		},
		"the page is left": func(_ *world, c *client) { _ = c.ws.CloseNow() },
		"the server stops": func(w *world, c *client) {
			go w.stop()
			require.Equal(c.t, []string{"close: the server is stopping"}, c.rest())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, cluster, cluster.Server())
			c := w.open("")
			pid := c.process()
			require.DirExists(t, "/proc/"+pid)
			c.types("sleep 1000\r")
			end(w, c)
			require.Eventually(t, func() bool {
				_, err := os.Stat("/proc/" + pid)
				return os.IsNotExist(err)
			}, 20*time.Second, 20*time.Millisecond)
			require.Eventually(t, func() bool { return len(w.trail.all()) == 2 }, 20*time.Second, 20*time.Millisecond)
		})
	}
}

// use is what the process has of everything.
type use struct{ goroutines, files int }

func used() use {
	files, _ := os.ReadDir("/proc/self/fd")
	return use{runtime.NumGoroutine(), len(files)}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// It runs alone: what other tests use would count.
func TestManyTerminalsLeaveNothing(t *testing.T) { //nolint:paralleltest // see above
	cluster := terminal.SharedCluster(t)
	w := newWorld(t, cluster, cluster.Server())
	round := func(terminals int) {
		var all sync.WaitGroup
		for i := range terminals {
			all.Go(func() {
				c := w.open("")
				c.ready()
				switch i % 3 {
				case 0:
					_ = c.raw.(*net.TCPConn).SetLinger(0)
					_ = c.raw.Close()
				case 1:
					_ = c.ws.CloseNow()
				default:
					c.types("exit\r")
					c.rest()
				}
			})
		}
		all.Wait()
	}
	ended := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool { return len(w.trail.all()) == 2*n }, 30*time.Second, 20*time.Millisecond)
	}
	round(20)
	ended(20)
	// client-go's pings notice within 5 s that they are not needed any more.
	require.Eventually(t, func() bool { return used().goroutines < 60 }, 20*time.Second, 100*time.Millisecond, "%+v", used())
	before, beforeHeap := used(), heap()
	for range 8 {
		round(25)
	}
	ended(220)
	require.Eventually(t, func() bool {
		now := used()
		return now.goroutines <= before.goroutines+5 && now.files <= before.files+5
	}, 20*time.Second, 100*time.Millisecond, "%+v before", before)
	require.Less(t, heap(), beforeHeap+8<<20)
	t.Logf("%+v before, %+v after, heap %d KB before, %d KB after", before, used(), beforeHeap>>10, heap()>>10)
}
