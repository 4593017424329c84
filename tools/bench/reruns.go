package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"

	"github.com/kubeorch/core/tools/internal/api"
)

// measureReruns times runs of drawings that are in the cluster already.
func measureReruns(ctx context.Context, b *bench) error {
	return b.inCluster(ctx, "rerun", measureFewChanged, measureUnchanged, measureUnsettled)
}

// measureFewChanged times runs of 100 nodes of which 5 changed.
func measureFewChanged(ctx context.Context, b *bench, c *api.Client, f *floor) error {
	const ns = "few"
	if err := f.namespaces(ctx, ns); err != nil {
		return err
	}
	g := deployments(ns, ns, 100, 0)
	id, _, err := timedRun(ctx, c, g)
	if err != nil {
		return err
	}
	d, err := repeat(func(i int) (time.Duration, error) {
		for _, n := range g.Nodes[:5] {
			n["data"].(map[string]any)["image"] = []string{newImage, image}[i%2]
		}
		if err := c.Save(ctx, id, g); err != nil {
			return 0, err
		}
		return timed(func() error { return completed(ctx, c, id) })
	})
	if err != nil {
		return err
	}
	b.add(row{"run of 100 nodes, 5 of them changed", ms(d), "-", "≤ 120 ms", d <= 120*time.Millisecond, false})
	return f.drop(ctx, ns)
}

// measureUnchanged times runs of 1,000 unchanged nodes of five kinds beside lists of the
// metadata of their objects.
func measureUnchanged(ctx context.Context, b *bench, c *api.Client, f *floor) error {
	const ns = "same"
	if err := f.namespaces(ctx, ns); err != nil {
		return err
	}
	id, _, err := timedRun(ctx, c, mixed(ns, ns, 200))
	if err != nil {
		return err
	}
	before, err := b.versions(ctx, ns)
	if err != nil {
		return err
	}
	d, err := repeat(func(int) (time.Duration, error) { return timed(func() error { return completed(ctx, c, id) }) })
	if err != nil {
		return err
	}
	var after map[string]string
	lists, err := repeat(func(int) (time.Duration, error) {
		return timed(func() (err error) { after, err = b.versions(ctx, ns); return err })
	})
	if err != nil {
		return err
	}
	moved := differing(before, after)
	b.add(row{"run of 1,000 unchanged nodes", ms(d), "lists of their metadata: " + ms(lists),
		fmt.Sprintf("≤ 500 ms; 0 versions moved (are %d of %d)", moved, len(before)), d <= 500*time.Millisecond && moved == 0, false})
	return f.drop(ctx, ns)
}

// measureUnsettled times a run of 1,000 Deployments whose pods still start.
func measureUnsettled(ctx context.Context, b *bench, c *api.Client, f *floor) error {
	const ns = "starting"
	if err := f.namespaces(ctx, ns); err != nil {
		return err
	}
	id, first, err := timedRun(ctx, c, deployments(ns, ns, 1000, 1))
	if err != nil {
		return err
	}
	d, err := timed(func() error { return completed(ctx, c, id) })
	if err != nil {
		return err
	}
	b.add(row{"run of 1,000 unchanged nodes while their pods start", ms(d), "their first run: " + ms(first), "≤ 500 ms", d <= 500*time.Millisecond, false})
	return f.drop(ctx, ns)
}

// completed runs a workflow and requires that the run completes.
func completed(ctx context.Context, c *api.Client, id string) error {
	res, err := c.Run(ctx, id, nil)
	if err == nil && res.Status != "completed" {
		err = fmt.Errorf("the run is %s", res.Status)
	}
	return err
}

func timed(f func() error) (time.Duration, error) {
	start := time.Now()
	err := f()
	return time.Since(start), err
}

// repeat returns the median of rounds durations.
func repeat(f func(i int) (time.Duration, error)) (time.Duration, error) {
	var all []time.Duration
	for i := range rounds {
		d, err := f(i)
		if err != nil {
			return 0, err
		}
		all = append(all, d)
	}
	return median(all), nil
}

// versions lists the resourceVersions of the objects that mixed draws, by metadata only.
func (b *bench) versions(ctx context.Context, ns string) (map[string]string, error) {
	cfg, err := restConfig(b.kubeconfig)
	if err != nil {
		return nil, err
	}
	cfg.QPS = -1
	client, err := metadata.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, r := range []schema.GroupVersionResource{
		{Group: "apps", Version: "v1", Resource: "deployments"}, {Version: "v1", Resource: "services"}, {Version: "v1", Resource: "configmaps"},
		{Group: "batch", Version: "v1", Resource: "cronjobs"}, {Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"},
	} {
		list, err := client.Resource(r).Namespace(ns).List(ctx, metav1.ListOptions{LabelSelector: "managed-by=kubeorch"})
		if err != nil {
			return nil, err
		}
		for _, o := range list.Items {
			out[r.Resource+"/"+o.Name] = o.ResourceVersion
		}
	}
	return out, nil
}
