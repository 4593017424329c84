package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kubeorch/core/tools/internal/api"
	"github.com/kubeorch/core/tools/internal/proc"
)

// bench is one run of the measurements.
type bench struct {
	serverBin, clusterBin string
	self                  string // this program, for helper processes
	dir                   string // removed at the end
	kubeconfig            string // of the control plane; empty until needed
	rows                  []row
}

// row is one line of the table.
type row struct {
	what, got, floor, bar string
	ok                    bool
	info                  bool // reported without a bar
}

// group measures rows that share their preparation.
type group struct {
	name    string
	cluster bool // needs the control plane
	measure func(context.Context, *bench) error
}

func groups() []group {
	return []group{
		{"run", true, measureRuns},
		{"rerun", true, measureReruns},
		{"plan", true, measurePlans},
		{"get", false, measureGet},
		{"list", false, measureList},
		{"clusters", false, measureClusters},
		{"start", false, measureStart},
		{"idle", true, measureIdle},
		{"watch", true, measureWatch},
		{"inventory", true, measureInventory},
		{"viewers", true, measureViewers},
		{"sse", false, measureStreams},
		{"store", false, measureStore},
		{"relay", false, measureRelay},
		{"servers", false, measureServers},
		{"flood", false, measureFlood},
		{"memory", false, measureMemory},
	}
}

func groupNames() []string {
	var names []string
	for _, g := range groups() {
		names = append(names, g.name)
	}
	return names
}

// run measures the selected groups and prints the table. A failed measurement is
// an error; a missed bar is only shown.
func (b *bench) run(ctx context.Context, only string) (err error) {
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "kubeorch-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	var cluster *proc.Process
	defer func() {
		if cluster != nil {
			cluster.Stop()
		}
	}()
	for _, g := range groups() {
		if only != "" && !slices.Contains(strings.Split(only, ","), g.name) {
			continue
		}
		if g.cluster && cluster == nil {
			progress("starting a control plane")
			if cluster, b.kubeconfig, err = proc.StartCluster(ctx, b.clusterBin, filepath.Join(b.dir, "cluster")); err != nil {
				return err
			}
		}
		progress("measuring: " + g.name)
		if err := g.measure(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
	}
	b.print()
	return nil
}

func (b *bench) print() {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "what\tmeasured\tfloor or peer, same run\tbar\tverdict")
	for _, r := range b.rows {
		verdict := "MISSED"
		switch {
		case r.info:
			verdict = "-"
		case r.ok:
			verdict = "ok"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.what, r.got, r.floor, r.bar, verdict)
	}
	_ = w.Flush()
}

func (b *bench) add(r row) {
	b.rows = append(b.rows, r)
	progress(fmt.Sprintf("  %s: %s (floor: %s)", r.what, r.got, r.floor))
}

func progress(s string) { fmt.Fprintln(os.Stderr, time.Now().Format("15:04:05"), s) }

// server starts a fresh server, with more settings if any, and signs in.
func (b *bench) server(ctx context.Context, name string, env ...string) (*proc.Server, *api.Client, error) {
	env = append([]string{"RATE_LIMIT_RPS=1000000", "RATE_LIMIT_BURST=1000000", "MAX_STREAMS_PER_USER=0"}, env...)
	s, err := proc.StartServer(ctx, b.serverBin, filepath.Join(b.dir, name), 0, env...)
	if err != nil {
		return nil, nil, err
	}
	c := api.New(s.URL)
	if err := c.SignIn(ctx, "bench@example.com", "bench-password"); err != nil {
		s.Stop()
		return nil, nil, err
	}
	return s, c, nil
}

// addCluster registers the control plane as "bench".
func (b *bench) addCluster(ctx context.Context, c *api.Client) error {
	cfg, err := restConfig(b.kubeconfig)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(b.kubeconfig)
	if err != nil {
		return err
	}
	return c.AddCluster(ctx, "bench", cfg.Host, string(text))
}

// median returns the middle of several measurements.
func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + " ms" }

// rss returns a process's resident memory in bytes.
func rss(pid int) (int64, error) { return memoryOf(pid, "VmRSS:") }

// memoryOf returns a figure of a process's memory in bytes, by its name in
// /proc/pid/status.
func memoryOf(pid int, field string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(b)) {
		if kb, ok := strings.CutPrefix(l, field); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(kb), " kB"), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("no %s for process %d", strings.TrimSuffix(field, ":"), pid)
}

func mb(n int64) string { return fmt.Sprintf("%.0f MB", float64(n)/(1<<20)) }
