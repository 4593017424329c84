package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/tools/internal/api"
)

// measurePlans times plans, and how soon drift is told.
func measurePlans(ctx context.Context, b *bench) error {
	return b.inCluster(ctx, "plan", measurePlanOfChanges, measurePlanOfNothing, measureDrift)
}

// measurePlanOfChanges times the plan of 100 changed Deployments beside dry runs of them.
func measurePlanOfChanges(ctx context.Context, b *bench, c *api.Client, f *floor) error {
	const ns = "plan"
	if err := f.namespaces(ctx, ns); err != nil {
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
	for _, n := range g.Nodes {
		n["data"].(map[string]any)["image"] = newImage
	}
	setImage(objs, newImage)
	if err := c.Save(ctx, id, g); err != nil {
		return err
	}
	d, err := repeat(func(int) (time.Duration, error) { return timed(func() error { return planned(ctx, c, id) }) })
	if err != nil {
		return err
	}
	dry, err := repeat(func(int) (time.Duration, error) { return f.send(ctx, objs, ns, metav1.DryRunAll) })
	if err != nil {
		return err
	}
	b.add(row{"plan of 100 changed nodes", ms(d), "dry runs by client-go, 8 workers: " + ms(dry), "≤ 500 ms", d <= 500*time.Millisecond, false})
	return f.drop(ctx, ns)
}

// measurePlanOfNothing times the plan of 1,000 unchanged nodes of five kinds.
func measurePlanOfNothing(ctx context.Context, b *bench, c *api.Client, f *floor) error {
	const ns = "nothing"
	if err := f.namespaces(ctx, ns); err != nil {
		return err
	}
	id, _, err := timedRun(ctx, c, mixed(ns, ns, 200))
	if err != nil {
		return err
	}
	d, err := repeat(func(int) (time.Duration, error) { return timed(func() error { return planned(ctx, c, id) }) })
	if err != nil {
		return err
	}
	lists, err := repeat(func(int) (time.Duration, error) {
		return timed(func() error { _, err := b.versions(ctx, ns); return err })
	})
	if err != nil {
		return err
	}
	b.add(row{"plan of 1,000 unchanged nodes", ms(d), "lists of their metadata: " + ms(lists), "≤ 1 s", d <= time.Second, false})
	return f.drop(ctx, ns)
}

func planned(ctx context.Context, c *api.Client, id string) error {
	return c.Do(ctx, "POST", "/workflows/"+id+"/plan", map[string]any{}, nil)
}

// measureDrift times from somebody's edit of an object until a reader of the workflow is
// told, beside the time until a plain watch sees it.
func measureDrift(ctx context.Context, b *bench, c *api.Client, f *floor) error {
	const ns = "drift"
	if err := f.namespaces(ctx, ns); err != nil {
		return err
	}
	id, _, err := timedRun(ctx, c, deployments(ns, ns, 50, 0))
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	told := make(chan time.Time, 100)
	began := make(chan struct{})
	go func() {
		_ = c.Stream(ctx, "/workflows/"+id+"/status/stream", func(e api.Event) bool {
			switch e.Name {
			case "metadata":
				close(began)
			case "drift":
				told <- time.Now()
			}
			return true
		})
	}()
	<-began
	watch, err := f.typed.AppsV1().Deployments(ns).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	defer watch.Stop()
	var seen []time.Duration
	d, err := repeat(func(i int) (time.Duration, error) {
		name, start := fmt.Sprintf("app-%03d", i), time.Now()
		body, err := json.Marshal([]any{map[string]any{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": newImage}})
		if err != nil {
			return 0, err
		}
		if _, err := f.typed.AppsV1().Deployments(ns).Patch(ctx, name, types.JSONPatchType, body, metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
			return 0, err
		}
		for e := range watch.ResultChan() {
			if o, ok := e.Object.(*appsv1.Deployment); ok && o.Name == name && o.Spec.Template.Spec.Containers[0].Image == newImage {
				seen = append(seen, time.Since(start))
				break
			}
		}
		select {
		case at := <-told:
			return at.Sub(start), nil
		case <-time.After(time.Minute):
			return 0, fmt.Errorf("no drift was told of %s", name)
		}
	})
	if err != nil {
		return err
	}
	b.add(row{"drift, from edit to event", ms(d), "a plain watch: " + ms(median(seen)), "≤ 1 s", d <= time.Second, false})
	return f.drop(ctx, ns)
}
