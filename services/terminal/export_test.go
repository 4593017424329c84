package terminal

import (
	"testing"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// SharedCluster returns the cluster that the tests of the package share.
func SharedCluster(t testing.TB) *kubetest.Cluster {
	t.Helper()
	return shared.Cluster(t)
}
