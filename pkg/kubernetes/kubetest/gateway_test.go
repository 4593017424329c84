package kubetest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

func TestGatewayCountsAndExpires(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	gate, err := kubetest.NewGateway(cluster.Server(), cluster.CA())
	require.NoError(t, err)
	defer gate.Close()
	cfg := &rest.Config{Host: gate.URL, BearerToken: cluster.Token(), TLSClientConfig: rest.TLSClientConfig{CAData: gate.CA()}}
	http, err := rest.HTTPClientFor(cfg)
	require.NoError(t, err)
	defer http.CloseIdleConnections()
	client, err := kubernetes.NewForConfigAndClient(cfg, http)
	require.NoError(t, err)

	maps := client.CoreV1().ConfigMaps("kube-public")
	list, err := maps.List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	from := metav1.ListOptions{ResourceVersion: list.ResourceVersion}
	w, err := maps.Watch(t.Context(), from)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"configmaps": 1}, gate.Requests().Watching)

	gate.Expire()
	for range w.ResultChan() { //nolint:revive // until it is closed
	}
	_, err = maps.Watch(t.Context(), from)
	require.True(t, apierrors.IsResourceExpired(err), "%v", err)
	w, err = maps.Watch(t.Context(), from)
	require.NoError(t, err)
	w.Stop()
	counts := gate.Requests()
	require.Equal(t, 4, counts.All)
	require.Equal(t, 3, counts.Watches["configmaps"])
	require.Equal(t, 1, counts.Expired)
}
