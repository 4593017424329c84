package inventory

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

var shared kubetest.Shared

func TestMain(m *testing.M) { goleak.VerifyTestMain(shared.Main(m)) }
