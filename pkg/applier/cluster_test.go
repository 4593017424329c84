package applier

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// fixture is a namespace of its own in a real cluster, with appliers for it.
type fixture struct {
	t    testing.TB
	conn *kubernetes.Connection
	ns   string
}

func newFixture(tb testing.TB) *fixture {
	tb.Helper()
	return fixtureIn(tb, shared.Cluster(tb))
}

func fixtureIn(tb testing.TB, cluster *kubetest.Cluster) *fixture {
	tb.Helper()
	connector := kubernetes.NewConnector(kubernetes.Options{})
	tb.Cleanup(connector.Close)
	conn, err := connector.Open(kubernetes.Config{AuthType: kubernetes.AuthKubeconfig, Kubeconfig: string(cluster.Kubeconfig())})
	require.NoError(tb, err)
	tb.Cleanup(func() { connector.Discard(conn) })
	return &fixture{t: tb, conn: conn, ns: cluster.Namespace(tb)}
}

// by returns an applier of the given owner.
func (b *fixture) by(owner string) *Applier {
	o := DefaultOptions(map[string]string{"managed-by": "kubeorch", "kubeorch.io/workflow": owner})
	o.OwnerName = func(labels map[string]string) string {
		if labels["kubeorch.io/workflow"] != "" {
			return "another workflow"
		}
		return ""
	}
	o.Timeout, o.MayAdopt = 20*time.Second, true
	return New(b.conn, o)
}

// object reads one manifest and puts it into the fixture's namespace.
func (b *fixture) object(manifest string) *unstructured.Unstructured {
	b.t.Helper()
	o := &unstructured.Unstructured{}
	require.NoError(b.t, yaml.Unmarshal([]byte(manifest), &o.Object))
	o.SetNamespace(b.ns)
	return o
}

// apply applies the manifests as one wave and returns the changes.
func (b *fixture) apply(owner string, manifests ...string) []Change {
	b.t.Helper()
	var reqs []Request
	for _, m := range manifests {
		reqs = append(reqs, Request{Object: b.object(m)})
	}
	return b.by(owner).Apply(b.t.Context(), reqs, nil)
}

// one applies one manifest and requires the action.
func (b *fixture) one(want Action, manifest string) Change {
	b.t.Helper()
	c := b.apply("w1", manifest)[0]
	require.Equal(b.t, want, c.Action, c.Message)
	return c
}
