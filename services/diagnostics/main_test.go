package diagnostics

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// shared is the cluster for tests that only add objects to one.
var shared kubetest.Shared

func TestMain(m *testing.M) { goleak.VerifyTestMain(shared.Main(m)) }
