package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubeorch/core/tools/internal/api"
)

// rounds is how often each duration is measured; the median counts.
const rounds = 5

const image, newImage = "nginx:1.29-alpine", "nginx:1.30-alpine"

func measureRuns(ctx context.Context, b *bench) error {
	return b.inCluster(ctx, "run", measureFirstRun, measureChangedRun)
}

// inCluster takes steps with a fresh server that has the control plane as its cluster.
func (b *bench) inCluster(
	ctx context.Context, name string, steps ...func(context.Context, *bench, *api.Client, *floor) error,
) error {
	srv, c, err := b.server(ctx, name)
	if err != nil {
		return err
	}
	defer srv.Stop()
	if err := b.addCluster(ctx, c); err != nil {
		return err
	}
	f, err := newFloor(b.kubeconfig)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if err := step(ctx, b, c, f); err != nil {
			return err
		}
	}
	return nil
}

// measureFirstRun times a run of 50 new Deployments, the same run again, and
// the same objects by plain client-go and by kubectl, taking turns.
func measureFirstRun(ctx context.Context, b *bench, c *api.Client, f *floor) error {
	var ours, again, plain, kubectl []time.Duration
	moved := 0
	for i := range rounds {
		ns := fmt.Sprintf("first-%d", i)
		if err := f.namespaces(ctx, ns, ns+"-plain", ns+"-kubectl"); err != nil {
			return err
		}
		id, d, err := timedRun(ctx, c, deployments(ns, ns, 50, 1))
		if err != nil {
			return err
		}
		ours = append(ours, d)
		if err := f.settled(ctx, ns); err != nil {
			return err
		}
		objs, err := f.manifests(ctx, ns)
		if err != nil {
			return err
		}
		if d, err = f.apply(ctx, objs, ns+"-plain"); err != nil {
			return err
		}
		plain = append(plain, d)
		if err := f.settled(ctx, ns+"-plain"); err != nil {
			return err
		}
		if d, err = b.kubectl(ctx, f, objs, ns+"-kubectl"); err != nil {
			return err
		}
		kubectl = append(kubectl, d)
		if err := f.settled(ctx, ns+"-kubectl"); err != nil {
			return err
		}
		before, err := f.resourceVersions(ctx, ns)
		if err != nil {
			return err
		}
		start := time.Now()
		if _, err := c.Run(ctx, id, nil); err != nil {
			return err
		}
		again = append(again, time.Since(start))
		after, err := f.resourceVersions(ctx, ns)
		if err != nil {
			return err
		}
		moved += differing(before, after)
		if err := f.drop(ctx, ns, ns+"-plain", ns+"-kubectl"); err != nil {
			return err
		}
	}
	o, p, k, a := median(ours), median(plain), median(kubectl), median(again)
	b.add(row{"run of 50 Deployments", ms(o), "client-go, 8 workers: " + ms(p), fmt.Sprintf("≤ 1.5 × (is %.2f)", ratio(o, p)), ratio(o, p) <= 1.5, false})
	b.add(row{"run of 50 Deployments", ms(o), "kubectl apply: " + ms(k), fmt.Sprintf("≥ 4 × faster (is %.1f)", ratio(k, o)), ratio(k, o) >= 4, false})
	b.add(row{"the same run again, unchanged", ms(a), "its first run: " + ms(o), fmt.Sprintf("faster; 0 versions moved (are %d)", moved), a < o && moved == 0, false})
	return nil
}

// measureChangedRun times a run in which all of 100 Deployments changed.
func measureChangedRun(ctx context.Context, b *bench, c *api.Client, f *floor) error {
	const ns = "changed"
	if err := f.namespaces(ctx, ns, ns+"-plain"); err != nil {
		return err
	}
	g := deployments(ns, ns, 100, 0)
	id, _, err := timedRun(ctx, c, g)
	if err != nil {
		return err
	}
	objs, err := f.manifests(ctx, ns)
	if err != nil {
		return err
	}
	if _, err := f.apply(ctx, objs, ns+"-plain"); err != nil {
		return err
	}
	var ours, plain []time.Duration
	for i := range rounds {
		tag := []string{newImage, image}[i%2]
		for _, n := range g.Nodes {
			n["data"].(map[string]any)["image"] = tag
		}
		setImage(objs, tag)
		if err := c.Save(ctx, id, g); err != nil {
			return err
		}
		start := time.Now()
		if _, err := c.Run(ctx, id, nil); err != nil {
			return err
		}
		ours = append(ours, time.Since(start))
		if err := f.settled(ctx, ns); err != nil {
			return err
		}
		d, err := f.apply(ctx, objs, ns+"-plain")
		if err != nil {
			return err
		}
		plain = append(plain, d)
		if err := f.settled(ctx, ns+"-plain"); err != nil {
			return err
		}
	}
	o, p := median(ours), median(plain)
	b.add(row{"run of 100 changed nodes", ms(o), "client-go, 8 workers: " + ms(p), fmt.Sprintf("≤ 1.1 × (is %.2f)", ratio(o, p)), ratio(o, p) <= 1.1, false})
	return f.drop(ctx, ns, ns+"-plain")
}

// timedRun saves a drawing and times its first run.
func timedRun(ctx context.Context, c *api.Client, g api.Graph) (id string, d time.Duration, err error) {
	if id, err = c.Workflow(ctx, g, "bench"); err != nil {
		return "", 0, err
	}
	if err := c.Save(ctx, id, g); err != nil {
		return "", 0, err
	}
	start := time.Now()
	res, err := c.Run(ctx, id, nil)
	if err == nil && res.Status != "completed" {
		err = fmt.Errorf("the run is %s", res.Status)
	}
	return id, time.Since(start), err
}

// kubectl times `kubectl apply --server-side` of the objects as one file.
func (b *bench) kubectl(ctx context.Context, f *floor, objs []object, ns string) (time.Duration, error) {
	file, err := f.write(objs, ns, filepath.Join(b.dir, ns+".yaml"))
	if err != nil {
		return 0, err
	}
	start := time.Now()
	cmd := exec.CommandContext(ctx, b.clusterBin, "kubectl", "--kubeconfig", b.kubeconfig, "apply", "--server-side", "-f", file)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("kubectl: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return time.Since(start), nil
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }
