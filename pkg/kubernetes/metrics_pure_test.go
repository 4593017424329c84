package kubernetes

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestPodRequestsCountAsTheSchedulerDoes(t *testing.T) {
	t.Parallel()
	const two = `"containers":[{"resources":{"requests":{"cpu":"100m","memory":"64Mi"}}},{"resources":{"requests":{"cpu":"1"}}},{}]`
	for name, tc := range map[string]struct {
		spec, phase string
		want        Requests
		none        bool
	}{
		"sum of containers":        {spec: two, want: Requests{1100, 64 << 20}},
		"small init container":     {spec: two + `,"initContainers":[{"resources":{"requests":{"cpu":"200m"}}}]`, want: Requests{1100, 64 << 20}},
		"large init container":     {spec: two + `,"initContainers":[{"resources":{"requests":{"cpu":"4"}}}]`, want: Requests{4000, 64 << 20}},
		"sidecar":                  {spec: two + `,"initContainers":[{"restartPolicy":"Always","resources":{"requests":{"cpu":"1"}}},{"resources":{"requests":{"cpu":"2"}}}]`, want: Requests{3000, 64 << 20}},
		"pod level":                {spec: two + `,"resources":{"requests":{"cpu":"250m"}}`, want: Requests{250, 64 << 20}},
		"overhead":                 {spec: two + `,"overhead":{"memory":"1Mi"}`, want: Requests{1100, 65 << 20}},
		"no requests":              {spec: `"containers":[{}]`},
		"what is no quantity":      {spec: `"containers":[{"resources":{"requests":{"cpu":"much","memory":7}}},"x"]`},
		"ended pods hold nothing":  {spec: two, phase: "Succeeded", none: true},
		"failed pods hold nothing": {spec: two, phase: "Failed", none: true},
	} {
		var o map[string]any
		require.NoError(t, json.Unmarshal([]byte(`{"spec":{"nodeName":"n",`+tc.spec+`},"status":{"phase":"`+tc.phase+`"}}`), &o), name)
		got, holds := PodRequests(&unstructured.Unstructured{Object: o})
		require.Equal(t, !tc.none, holds, name)
		require.Equal(t, tc.want, got, name)
	}
	_, holds := PodRequests(&unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{}}})
	require.False(t, holds, "no node yet")
}

func TestComponentsAreNeverSaidToBeHealthyByGuess(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		code         int
		text         string
		server, etcd string
		message      string
	}{
		"all is well":      {200, "[+]ping ok\n[+]etcd ok\nreadyz check passed\n", Healthy, Healthy, ""},
		"etcd is not told": {200, "ok", Healthy, UnknownHealth, ""},
		"etcd is gone":     {500, "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n", Unhealthy, Unhealthy, "is not ready: etcd"},
		"starting":         {500, "[+]etcd ok\n[-]poststarthook/x failed: y\n", Unhealthy, Healthy, "is not ready: poststarthook/x"},
		"forbidden":        {403, `{"kind":"Status"}`, UnknownHealth, UnknownHealth, "the credentials do not permit to read it"},
		"no such path":     {404, "404 page not found", UnknownHealth, UnknownHealth, "the cluster does not say how it is doing"},
		"no answer":        {0, "", UnknownHealth, UnknownHealth, "the cluster does not say how it is doing"},
		"broken":           {503, "<html>", Unhealthy, UnknownHealth, "is not ready"},
	} {
		got := componentsFrom(tc.code, tc.text)
		require.Equal(t, tc.server, got[0].Status, name)
		require.Equal(t, tc.message, got[0].Message, name)
		require.Equal(t, tc.etcd, got[1].Status, name)
	}
}

func TestLeadersAreJudgedByTheClusterClock(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	held := func(ago time.Duration) lease { return lease{now.Add(-ago), 15 * time.Second} }
	for name, tc := range map[string]struct {
		leases   map[string]lease
		readable bool
		want     string
	}{
		"renewed":                    {map[string]lease{"kube-scheduler": held(2 * time.Second)}, true, Healthy},
		"late":                       {map[string]lease{"kube-scheduler": held(40 * time.Second), "apiserver-x": held(time.Second)}, true, Unhealthy},
		"a little late":              {map[string]lease{"kube-scheduler": held(20 * time.Second), "apiserver-x": held(time.Second)}, true, Healthy},
		"the cluster's clock is off": {map[string]lease{"kube-scheduler": held(3 * time.Minute), "apiserver-x": held(3 * time.Minute)}, true, Healthy},
		"it runs ahead":              {map[string]lease{"kube-scheduler": held(-time.Hour)}, true, Healthy},
		"no lease renewed":           {map[string]lease{"kube-scheduler": held(time.Hour)}, true, Unhealthy},
		"no such lease":              {map[string]lease{"other": held(0)}, true, UnknownHealth},
		"forbidden":                  {nil, false, UnknownHealth},
	} {
		got := leader("Scheduler", "kube-scheduler", tc.leases, tc.readable, now)
		require.Equal(t, tc.want, got.Status, name)
		require.Equal(t, tc.want == Healthy, got.Message == "", name)
	}
}
