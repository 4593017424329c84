package watcher

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// Controllers that are not part of Kubernetes report in events with reasons of
// their own.
func TestWatcherOfForeignControllers(t *testing.T) {
	t.Parallel()
	w := watchNodes(t, [3]string{"db", "plugin", ""}, [3]string{"in", "ingress", ""}, [3]string{"svc", "service", ""})
	w.inventory = []models.OwnedObject{{Cluster: "c1", APIVersion: "example.com/v1", Kind: "Database", Namespace: "shop", Name: "db"}}
	conditions := []any{map[string]any{"type": "Ready", "status": "False", "message": "creating"}}
	w.api.Set("databases", w.object("db", map[string]any{"status": map[string]any{"conditions": conditions}}))
	w.api.Set("ingresses", w.object("in", nil))
	w.api.Set("services", w.object("svc", map[string]any{"spec": map[string]any{"type": "LoadBalancer"}}))
	defer w.Hold(w.wf.ID)()
	w.becomes("db", "partial")
	w.becomes("in", "pending")
	w.becomes("svc", "partial")

	warn := func(apiVersion, kind, name, reason string) {
		w.api.Set("events", map[string]any{
			"apiVersion": "v1", "kind": "Event",
			"metadata":       map[string]any{"name": name, "namespace": "shop"},
			"involvedObject": map[string]any{"apiVersion": apiVersion, "kind": kind, "namespace": "shop", "name": name},
			"type":           "Warning", "reason": reason, "message": "no room left", "lastTimestamp": "2024-05-01T10:01:00Z",
		})
		require.Eventually(t, func() bool { return w.status(name)["reason"] == reason }, watcherPatience, time.Millisecond)
	}
	warn("example.com/v1", "Database", "db", "NoStorage")
	warn("networking.k8s.io/v1", "Ingress", "in", "Rejected")
	warn("v1", "Service", "svc", "AllocationFailed")
	w.api.Delete("events", "shop", "db")
	require.Eventually(t, func() bool { return w.status("db")["reason"] == nil }, watcherPatience, time.Millisecond)
}
