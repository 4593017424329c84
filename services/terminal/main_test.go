package terminal

import (
	"testing"

	"github.com/gin-gonic/gin"
	"go.uber.org/goleak"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

var shared kubetest.Shared

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	// The pings of client-go's WebSockets notice at their next tick, within 5 s, that
	// the connection is closed.
	goleak.VerifyTestMain(shared.Main(m), goleak.IgnoreTopFunction("k8s.io/client-go/tools/remotecommand.(*heartbeat).start"))
}
