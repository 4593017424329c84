package kubernetes_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// The requests of Measure do not grow with the number of pods.
func TestMeasureReadsNoPods(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"/api/v1/nodes": `{"kind":"NodeList","apiVersion":"v1","items":[{"status":{"capacity":{"cpu":"64","memory":"1Gi"}}}]}`,
		"/api/v1/pods": `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1",
			"metadata":{"continue":"more","remainingItemCount":149999},"items":[{"metadata":{"name":"a"}}]}`,
		"/api/v1/persistentvolumes": `{"kind":"PersistentVolumeList","apiVersion":"v1","items":[
			{"spec":{"capacity":{"storage":"3"}},"status":{"phase":"Bound"}},{"spec":{"capacity":{"storage":"4"}},"status":{"phase":"Available"}}]}`,
		"/apis/coordination.k8s.io/v1/namespaces/kube-system/leases": `{"kind":"LeaseList","apiVersion":"coordination.k8s.io/v1","items":[]}`,
	}
	var mu sync.Mutex
	var asked []string
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path+" "+r.URL.Query().Get("limit"))
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		switch text, ok := answers[r.URL.Path]; {
		case ok:
			_, _ = io.WriteString(w, text)
		case r.URL.Path == "/readyz":
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n")
		default: // the metrics server is down
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "service unavailable")
		}
	}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	t.Cleanup(srv.Close)

	m, err := dial(t, kubernetes.Config{Server: srv.URL, AuthType: kubernetes.AuthToken, Token: "token", Insecure: true}).Measure(t.Context())
	require.NoError(t, err)
	require.Equal(t, 150000, m.Pods)
	require.Equal(t, kubernetes.Amount{Capacity: 64000}, m.CPU)
	require.EqualValues(t, 7, m.StorageCapacity)
	require.False(t, m.HasUsage)
	require.Equal(t, kubernetes.Component{Name: "API Server", Status: kubernetes.Unhealthy, Message: "is not ready: etcd"}, m.Health[0])
	require.Equal(t, kubernetes.Unhealthy, m.Health[3].Status)
	require.ElementsMatch(t, []string{
		"/api/v1/nodes 500", "/api/v1/pods 1", "/api/v1/persistentvolumes 500", "/readyz ",
		"/apis/metrics.k8s.io/v1beta1/nodes ", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases 500",
	}, asked)
}
