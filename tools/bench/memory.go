package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kubeorch/core/tools/internal/api"
	"github.com/kubeorch/core/tools/internal/proc"
)

const (
	memoryTime = 15 * time.Second
	memoryBar  = 400 << 20
	// tiredOf is how long one attack goes on before it begins anew.
	tiredOf = 2 * time.Second
)

// measureMemory sends what takes the most memory for its bytes, all of it at the
// same time, and reads the server's highest memory and how long the reads of
// somebody else took. The server has its default limits.
func measureMemory(ctx context.Context, b *bench) error {
	srv, err := proc.StartServer(ctx, b.serverBin, filepath.Join(b.dir, "memory"), 0, "TRUSTED_PROXIES=127.0.0.1")
	if err != nil {
		return err
	}
	defer srv.Stop()
	reader, a, err := newAttacker(ctx, srv.URL)
	if err != nil {
		return err
	}
	calm, err := pacedReads(ctx, reader, 3*time.Second)
	if err != nil {
		return err
	}
	before, err := peakRSS(srv.PID())
	if err != nil {
		return err
	}
	stop := a.attack(ctx)
	during, err := pacedReads(ctx, reader, memoryTime)
	stop()
	if err != nil {
		return err
	}
	peak, err := peakRSS(srv.PID())
	if err != nil {
		return err
	}
	p99 := during[len(during)*99/100]
	b.add(row{
		what: "highest memory under all attacks on it at once", got: mb(peak) + " (" + a.answers() + ")",
		floor: "before them: " + mb(before), bar: "< " + mb(memoryBar), ok: peak < memoryBar,
	})
	b.add(row{
		what: "p99 of others' reads during it", got: exactly(p99) + ", at most " + exactly(during[len(during)-1]),
		floor: "without them: " + exactly(calm[len(calm)*99/100]), bar: "≤ 100 ms", ok: p99 <= floodBar,
	})
	return nil
}

// peakRSS returns the highest resident memory that a process has had, in bytes.
func peakRSS(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(b)) {
		if kb, ok := strings.CutPrefix(l, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(kb), " kB"), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("no VmHWM for process %d", pid)
}

// attacker has an account on a server, and a workflow with a large graph.
type attacker struct {
	*api.Client

	workflow string
	large    string // the body that saved the graph
	http     *http.Client

	mu  sync.Mutex
	got map[int]int // answers by status; 0 is none
}

// newAttacker makes two accounts and returns a client of the first.
func newAttacker(ctx context.Context, url string) (reader *api.Client, a *attacker, err error) {
	reader = api.New(url)
	if err := reader.SignIn(ctx, "bench@example.com", "bench-password"); err != nil {
		return nil, nil, err
	}
	var invite, made struct {
		InviteCode, Token, ID string
	}
	if err := reader.Do(ctx, http.MethodGet, "/settings/invite-code", nil, &invite); err != nil {
		return nil, nil, err
	}
	a = &attacker{
		Client: api.New(url), got: map[int]int{},
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: attackers}, Timeout: memoryTime},
	}
	account := map[string]string{"name": "A", "email": "attacker@example.com", "password": "bench-password", "inviteCode": invite.InviteCode}
	if err := a.Do(ctx, http.MethodPost, "/auth/register", account, &made); err != nil {
		return nil, nil, err
	}
	a.Token = made.Token
	if err := a.Do(ctx, http.MethodPost, "/workflows", map[string]string{"name": "large", "cluster_id": "none"}, &made); err != nil {
		return nil, nil, err
	}
	a.workflow, a.large = made.ID, largeGraph()
	if status := a.send(ctx, http.MethodPost, "/workflows/"+a.workflow+"/save", a.large, ""); status != http.StatusOK {
		return nil, nil, fmt.Errorf("a graph of 3 MB is answered %d", status)
	}
	return reader, a, nil
}

// largeGraph returns the body of a save: 3 MB in 1,000 nodes.
func largeGraph() string {
	nodes := make([]string, 1000)
	for i := range nodes {
		nodes[i] = fmt.Sprintf(`{"id":"node-%d","type":"configmap","data":{"name":"c%d","namespace":"default","data":{"text":%q}}}`,
			i, i, strings.Repeat("text ", 600))
	}
	return `{"edges":[],"nodes":[` + strings.Join(nodes, ",") + `]}`
}

// answers tells how the attacks were answered.
func (a *attacker) answers() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var parts []string
	for _, status := range []int{200, 201, 400, 413, 429, 503} {
		parts = append(parts, fmt.Sprintf("%d × %d", a.got[status], status))
	}
	return strings.Join(parts, ", ")
}
