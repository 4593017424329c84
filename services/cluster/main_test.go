package cluster

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// shared is the cluster for tests that only add objects to one.
var shared kubetest.Shared

// Users of the tests.
const (
	ann = "aaaaaaaaaaaaaaaaaaaaaaaa"
	bob = "bbbbbbbbbbbbbbbbbbbbbbbb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(shared.Main(m)) }
