package status_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/services/status"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		nodeType       string
		status         status.Status
		healthy, never bool
	}{
		"ready pods":              {nodeType: "deployment", status: status.Status{"state": "healthy"}, healthy: true},
		"some ready pods":         {nodeType: "statefulset", status: status.Status{"state": "partial"}},
		"a failing image":         {nodeType: "daemonset", status: status.Status{"state": "error", "reason": "ImagePullBackOff"}},
		"no balancer yet":         {nodeType: "service", status: status.Status{"state": "partial"}},
		"a job that runs":         {nodeType: "job", status: status.Status{"state": "running", "active": int64(1)}},
		"a job that has ended":    {nodeType: "job", status: status.Status{"state": "completed"}, healthy: true},
		"a suspended job":         {nodeType: "job", status: status.Status{"state": "pending", "reason": "Suspended"}, healthy: true},
		"a job that failed":       {nodeType: "job", status: status.Status{"state": "failed", "active": int64(0)}, never: true},
		"a job without its image": {nodeType: "job", status: status.Status{"state": "failed", "active": int64(1), "reason": "ImagePullBackOff"}},
		"a job over its quota":    {nodeType: "job", status: status.Status{"state": "failed", "active": int64(0), "reason": "FailedCreate"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.True(t, status.Awaited(tc.nodeType))
			healthy, never := status.Health(tc.nodeType, tc.status)
			require.Equal(t, []bool{tc.healthy, tc.never}, []bool{healthy, never})
		})
	}
	for _, nodeType := range []string{"configmap", "secret", "persistentvolumeclaim", "ingress", "hpa", "networkpolicy", "cronjob", "other"} {
		require.False(t, status.Awaited(nodeType), nodeType)
	}
}
