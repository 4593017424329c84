package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/database/dbtest/replicaset"
	"github.com/kubeorch/core/tools/internal/api"
)

const (
	inventoryClusters = 10
	inventoryPods     = 1500 // in each cluster
	inventoryMaps     = 500  // ConfigMaps in each cluster
	objectBar         = 3 << 10

	churnTime = 20 * time.Second
	churnRate = 100 // pods that come and go, a second
)

// measureInventory fills the inventories of ten clusters, which are one control plane
// under ten names, with 20,000 objects and reads lists of them. Then 100 pods a second
// come and go in one of them.
func measureInventory(ctx context.Context, b *bench) error {
	f, err := newFloor(b.kubeconfig)
	if err != nil {
		return err
	}
	if err := f.fillInventory(ctx); err != nil {
		return err
	}
	srv, c, err := b.server(ctx, "inventory")
	if err != nil {
		return err
	}
	defer srv.Stop()
	before, err := memoryOf(srv.PID(), "RssAnon:")
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := b.addClusters(ctx, c, inventoryClusters); err != nil {
		return err
	}
	total, err := awaitInventory(ctx, c)
	if err != nil {
		return err
	}
	b.add(row{
		what: fmt.Sprintf("first inventory of %d clusters, %d objects", inventoryClusters, total), got: ms(time.Since(begin)),
		floor: "-", bar: "reported", info: true,
	})
	// The runtime gives back what the first lists have taken over some time.
	if err := pause(ctx, time.Minute); err != nil {
		return err
	}
	after, err := memoryOf(srv.PID(), "RssAnon:")
	if err != nil {
		return err
	}
	each := (after - before) / int64(total)
	b.add(row{
		what: "memory of an object in an inventory, without mapped files", got: fmt.Sprintf("%d B (%s in all)", each, mb(after)),
		floor: "before: " + mb(before), bar: "≤ 3 KB", ok: each <= objectBar,
	})
	for what, query := range map[string]string{
		"the first": "hideSystem=true", "one deep inside": "offset=10000", "by type": "sort_by=type", "pods": "type=Pod",
		"a search": "search=inv-0", "by cluster": "sort_by=cluster",
	} {
		if err := b.timeList(ctx, c, what, query); err != nil {
			return err
		}
	}
	return b.withDatabase(ctx, "churn", func(ctx context.Context, ln net.Listener, set *replicaset.Set) error {
		return b.measureChurn(ctx, f, ln, set)
	})
}

// fillInventory makes the objects of one cluster.
func (f *floor) fillInventory(ctx context.Context) error {
	const ns = "inventory"
	if err := f.namespaces(ctx, ns); err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(8)
	for i := range inventoryPods {
		g.Go(func() error { return f.addPod(ctx, ns, fmt.Sprintf("inv-%04d", i)) })
	}
	for i := range inventoryMaps {
		g.Go(func() error {
			m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("inv-%04d", i)}, Data: map[string]string{"key": "value"}}
			_, err := f.typed.CoreV1().ConfigMaps(ns).Create(ctx, m, metav1.CreateOptions{})
			return err
		})
	}
	return g.Wait()
}

func (f *floor) addPod(ctx context.Context, namespace, name string) error {
	no := false
	_, err := f.typed.CoreV1().Pods(namespace).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "inventory", "app.kubernetes.io/name": "inventory"}},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: &no, SchedulerName: "nobody", // the pod stays as it is
			Containers: []corev1.Container{{Name: "main", Image: "nginx:1", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}}},
		},
	}, metav1.CreateOptions{})
	return err
}

// addClusters registers the control plane under several names.
func (b *bench) addClusters(ctx context.Context, c *api.Client, count int) error {
	cfg, err := restConfig(b.kubeconfig)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(b.kubeconfig)
	if err != nil {
		return err
	}
	for i := range count {
		if err := c.AddCluster(ctx, fmt.Sprint("inventory-", i), cfg.Host, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// awaitInventory waits until all objects are listed, and returns how many there are.
func awaitInventory(ctx context.Context, c *api.Client) (total int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		var pods, maps struct{ Total int }
		err := errors.Join(
			c.Do(ctx, http.MethodGet, "/resources?type=Pod&namespace=inventory&limit=1", nil, &pods),
			c.Do(ctx, http.MethodGet, "/resources?type=ConfigMap&search=inv-&limit=1", nil, &maps))
		if err != nil {
			return 0, err
		}
		if pods.Total == inventoryClusters*inventoryPods && maps.Total == inventoryClusters*inventoryMaps {
			var all struct{ Total int }
			err := c.Do(ctx, http.MethodGet, "/resources?limit=1", nil, &all)
			return all.Total, err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// timeList reports how long one page of a list takes.
func (b *bench) timeList(ctx context.Context, c *api.Client, what, query string) error {
	const times = 50
	var took []time.Duration
	for range times {
		begin := time.Now()
		if err := c.Do(ctx, http.MethodGet, "/resources?"+query, nil, nil); err != nil {
			return err
		}
		took = append(took, time.Since(begin))
	}
	mid := median(took)
	const bar = 10 * time.Millisecond
	b.add(row{
		what: "a page of GET /resources, " + what, got: fmt.Sprintf("median %.1f ms", float64(mid.Microseconds())/1000),
		floor: "-", bar: "≤ 10 ms", ok: mid <= bar,
	})
	return nil
}

// measureChurn counts what a server writes while pods come and go.
func (b *bench) measureChurn(ctx context.Context, f *floor, ln net.Listener, set *replicaset.Set) error {
	srv, err := b.onDatabase(ctx, ln, 0)
	if err != nil {
		return err
	}
	defer srv.Stop()
	c := api.New(srv.URL)
	if err := c.SignIn(ctx, "bench@example.com", "bench-password"); err != nil {
		return err
	}
	if err := b.addCluster(ctx, c); err != nil {
		return err
	}
	if err := pause(ctx, 2*quiet); err != nil {
		return err
	}
	writes := func() (n int64) {
		for name, count := range set.Counts()[appName(0)] {
			if name == "update" || name == "insert" || name == "delete" || name == "findAndModify" || name == "bulkWrite" {
				n += count
			}
		}
		return n
	}
	before := writes()
	made, err := f.churn(ctx)
	if err != nil {
		return err
	}
	b.add(row{
		what:  fmt.Sprintf("database writes while %.0f pods/s come and go", float64(made)/churnTime.Seconds()),
		got:   fmt.Sprintf("%.1f commands/s", float64(writes()-before)/churnTime.Seconds()),
		floor: fmt.Sprintf("%d changes of pods", 2*made), bar: "reported", info: true,
	})
	return nil
}

// churn makes pods and deletes each a second later, and returns how many.
func (f *floor) churn(ctx context.Context) (made int, err error) {
	const ns = "churn"
	if err := f.namespaces(ctx, ns); err != nil {
		return 0, err
	}
	var g errgroup.Group
	tick := time.NewTicker(time.Second / churnRate)
	defer tick.Stop()
	for end := time.Now().Add(churnTime); time.Now().Before(end); made++ {
		name := fmt.Sprintf("p-%06d", made)
		g.Go(func() error {
			if err := f.addPod(ctx, ns, name); err != nil {
				return err
			}
			if err := pause(ctx, time.Second); err != nil {
				return err
			}
			now := int64(0)
			return f.typed.CoreV1().Pods(ns).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &now})
		})
		<-tick.C
	}
	return made, g.Wait()
}
